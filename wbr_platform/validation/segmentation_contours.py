"""Threshold methods against contours that a person drew: soft-tissue sarcomas on FDG PET.

The contours were drawn on MRI and hold the whole tumour, its necrosis and its cold parts too. No
threshold finds those: the volumes of all methods lie below the contours, the more the higher the
threshold. The rows say how far each method agrees; their tolerances are floors, not targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom

from wbr_platform.dicom.rtstruct import read_rtstruct
from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.dicom.volumes import read_series
from wbr_platform.imaging import Volume
from wbr_platform.imaging.morphology import BoolArray, bounding_box, grow_box
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform.validation.report import ValidationRow, compared, compared_text, failed
from wbr_platform.validation.segmentation_regions import dice
from wbr_platform.validation.suv_objects import image_paths, unpacked

COHORT = "sts_pet_cohort"
GE = "pet_ge_wholebody_sts001"
CONTOUR = "GTV_Mass"
MARGIN_MM = 50.0
# Method: how far the median Dice may stay behind 1.
DEFICIT = {
    "suv_2.5": 0.45,
    "nestle": 0.45,
    "mv2": 0.55,
    "lesion_adaptive": 0.55,
    "staple": 0.55,
    "suv_4.0": 0.75,
    "percent_41": 0.8,
    "mv3": 0.85,
    "percent_50": 0.9,
    "a50p": 0.9,
}
# A method in this list draws no voxel that the one after it does not.
NESTED = (("mv3", "mv2"), ("suv_4.0", "suv_2.5"))


def rows(root: Path) -> list[ValidationRow]:
    """Dice and volume bias of each method; nesting of methods; the same patient twice."""
    return [*_cohort(root), *_whole_body(root)]


def _drawn(pet: Volume) -> dict[str, BoolArray]:
    inputs = SegmentationInputs(pet=pet)
    return {name: SEGMENTERS[name].segment(inputs).labelmap.array > 0 for name in DEFICIT}


def _cohort(root: Path) -> Iterator[ValidationRow]:
    images = sorted((root / COHORT / "nifti").glob("*_PET_image.nii.gz"))
    if not images:
        yield failed(COHORT, "thresholds", "absent")
        return
    overlaps: dict[str, list[float]] = {name: [] for name in DEFICIT}
    biases: dict[str, list[float]] = {name: [] for name in DEFICIT}
    outside = dict.fromkeys(NESTED, 0)
    for path in images:
        pet = read_volume(path, "SUVbw")
        expert = read_labelmap(path.with_name(path.name.replace("image", "mask"))).array > 0
        drawn = _drawn(pet)
        for name, mask in drawn.items():
            overlaps[name].append(dice(mask, expert))
            biases[name].append(100.0 * (float(mask.sum()) / float(expert.sum()) - 1.0))
        for inner, outer in NESTED:
            outside[inner, outer] += int(np.count_nonzero(drawn[inner] & ~drawn[outer]))
    for name, deficit in DEFICIT.items():
        quartiles = np.percentile(overlaps[name], (25, 75))
        note = (
            f"{len(images)} patients, quartiles {quartiles[0]:.2f} to {quartiles[1]:.2f}; median "
            f"volume bias {np.median(biases[name]):+.0f} %; "
            f"{sum(value == 0 for value in overlaps[name])} without overlap"
        )
        median = float(np.median(overlaps[name]))
        yield compared(
            COHORT, f"{name}: median Dice with contours", 1.0, median, deficit, note=note
        )
    for (inner, outer), count in outside.items():
        yield compared(COHORT, f"voxels of {inner} outside {outer}", 0.0, float(count), 0.0)


def _whole_body(root: Path) -> Iterator[ValidationRow]:
    """The raw series of one of these patients: the same lesions as on the published SUV image."""
    archives = [root / GE / f"STS_001_{name}.zip" for name in ("FDG_PET_raw_BQML", "RTSTRUCT")]
    published = root / COHORT / "nifti" / "STS_001_PET_image.nii.gz"
    if not all(path.is_file() for path in (*archives, published)):
        yield failed(GE, "thresholds", "absent")
        return
    with unpacked(archives[0]) as folder:
        series = read_series(image_paths(folder))
    with unpacked(archives[1]) as folder:
        structures = pydicom.dcmread(image_paths(folder, "RTSTRUCT")[0])
    suv = series.array * suv_conversion(series.headers).factors[:, None, None]
    pet = Volume(suv.astype(np.float32), series.geometry, "SUVbw")
    masks = read_rtstruct(structures, series.geometry, series.sop_instance_uids)
    named = [mask.mask for mask in masks if mask.name == CONTOUR]
    yield compared_text(GE, "contour", CONTOUR, CONTOUR if named else "absent")
    if not named or (tight := bounding_box(named[0])) is None:
        return
    box = grow_box(tight, pet.geometry.shape, pet.geometry.spacing, MARGIN_MM)
    shape = tuple(side.stop - side.start for side in box)
    crop = Volume(
        pet.array[box],
        pet.geometry.cropped(
            (box[0].start, box[1].start, box[2].start), (shape[0], shape[1], shape[2])
        ),
        "SUVbw",
    )
    expert = named[0][box]
    elsewhere = read_volume(published, "SUVbw")
    reference = read_labelmap(published.with_name("STS_001_PET_mask.nii.gz")).array > 0
    there = _drawn(elsewhere)
    for name, mask in _drawn(crop).items():
        yield compared(
            GE,
            f"{name}: Dice with {CONTOUR} as on the published image",
            dice(there[name], reference),
            dice(mask, expert),
            0.03,
            note="raw series and RTSTRUCT against the published SUV image and mask",
        )
