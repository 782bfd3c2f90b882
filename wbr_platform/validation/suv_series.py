"""Real PET series whose SUV was published or derived independently."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.dicom.volumes import SeriesPixels, read_series
from wbr_platform.imaging.nifti import read_volume
from wbr_platform.refusal import Refusal
from wbr_platform.validation.report import ValidationRow, compared, failed
from wbr_platform.validation.suv_objects import image_paths, unpacked

GE = "pet_ge_wholebody_sts001"
GE_ARCHIVE = f"{GE}/STS_001_FDG_PET_raw_BQML.zip"
GE_EXPECTED = f"{GE}/expected.json"
GE_CROP = "sts_pet_cohort/nifti/STS_001_PET_image.nii.gz"
GE_CROP_MASK = "sts_pet_cohort/nifti/STS_001_PET_mask.nii.gz"
LUTETIUM_ARCHIVE = "pet_siemens_spect_lu177_scan1/SCAN_001_SPECT_as_PT.zip"
LUTETIUM_MAX = 29.418783
TOLERANCE = 1e-5
ROUNDING_TOLERANCE = 1e-4  # of statistics of the published image, whose values were cut
ABOVE_SUV = 1.0  # for ratios: below, the published image's own rounding shows


def ge_whole_body_rows(root: Path) -> list[ValidationRow]:
    """A GE whole-body series against the SUV image that IBSI published of its lower part.

    The published image was stored anew as 16-bit integers and cut downwards, so each voxel differs
    by up to one stored step; the median ratio of high voxels shows next to nothing of that.
    """
    needed = (GE_ARCHIVE, GE_EXPECTED, GE_CROP, GE_CROP_MASK)
    absent = [name for name in needed if not (root / name).is_file()]
    if absent:
        return [failed(GE, "SUVbw", f"absent: {', '.join(absent)}")]
    try:
        series, suv = _suv(root / GE_ARCHIVE)
    except Refusal as refusal:
        return [failed(GE, "SUVbw", str(refusal))]
    expected = json.loads((root / GE_EXPECTED).read_text(encoding="utf-8"))
    roi = expected["gtv_mass_initial_roi"]
    published = read_volume(root / GE_CROP, "SUVbw")
    mask = read_volume(root / GE_CROP_MASK, "1").array > 0
    start = np.rint(series.geometry.world_to_index([published.geometry.origin])[0]).astype(int)
    z, y, x = (slice(int(a), int(a) + n) for a, n in zip(start, mask.shape, strict=True))
    where = series.geometry.cropped((z.start, y.start, x.start), published.geometry.shape)
    if not where.same_grid(published.geometry, 0.05):
        return [failed(GE, "SUVbw", "the published image lies on another grid")]
    ours = suv[z, y, x]
    high = published.array > ABOVE_SUV
    slopes = np.array([float(header.RescaleSlope) for header in series.headers])
    steps = (slopes * suv_conversion(series.headers).factors)[z][:, None, None]
    difference = np.abs(ours - published.array)
    inside = ours[mask]
    return [
        compared(
            GE,
            "SUVbw max of the whole body",
            expected["suvbw_max_whole_volume"],
            float(suv.max()),
            TOLERANCE,
            "g/mL",
            relative=True,
        ),
        compared(
            GE,
            "median ratio to the published SUVbw",
            1.0,
            float(np.median(ours[high] / published.array[high])),
            TOLERANCE,
            relative=True,
            note=f"{int(high.sum())} voxels above {ABOVE_SUV:g} g/mL",
        ),
        compared(
            GE,
            "largest voxel difference from the published SUVbw in stored steps",
            0.0,
            float((difference / steps).max()),
            1.01,
            note=f"all {mask.size} voxels; the largest is {difference.max():.2g} g/mL",
        ),
        compared(GE, "voxels of GTV_Mass", roi["voxels"], float(inside.size), 0.0),
        *(
            compared(
                GE,
                f"SUVbw {name} of GTV_Mass",
                roi[f"suv_{name}"],
                float(value),
                ROUNDING_TOLERANCE,
                "g/mL",
                relative=True,
                note=roi["source"],
            )
            for name, value in (("mean", inside.mean()), ("max", inside.max()))
        ),
    ]


def lutetium_rows(root: Path) -> list[ValidationRow]:
    """A quantitative Lu-177 series stored as PET, corrected to the administration."""
    case = LUTETIUM_ARCHIVE.split("/", maxsplit=1)[0]
    if not (root / LUTETIUM_ARCHIVE).is_file():
        return [failed(case, "SUVbw max", "absent", LUTETIUM_MAX)]
    try:
        _, suv = _suv(root / LUTETIUM_ARCHIVE)
    except Refusal as refusal:
        return [failed(case, "SUVbw max", str(refusal), LUTETIUM_MAX)]
    return [
        compared(
            case, "SUVbw max", LUTETIUM_MAX, float(suv.max()), TOLERANCE, "g/mL", relative=True
        )
    ]


def _suv(archive: Path) -> tuple[SeriesPixels, np.ndarray]:
    with unpacked(archive) as folder:
        series = read_series(image_paths(folder))
    factors = suv_conversion(series.headers).factors
    return series, series.array * factors[:, None, None]
