"""Region statistics of 117 organs, the classical segmenter and derived regions on real data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom

from wbr_platform.dicom.rtstruct import read_rtstruct
from wbr_platform.dicom.volumes import read_series
from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.segmentation.classical.segmenter import CLASSICAL
from wbr_platform.segmentation.components import region_statistics
from wbr_platform.segmentation.derived import DerivationInputs, Derived, derive_regions
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform.validation.report import ValidationRow, compared, failed
from wbr_platform.validation.suv_objects import image_paths, unpacked

TOTAL = "totalsegmentator_ct"
LUNG = "nsclc_lung1_001_ct_rtstruct"
LUNG_ARCHIVE = f"{LUNG}/LUNG1-001_CT_RTSTRUCT.zip"
AUTOPET = "autopet3_organ_masks"
VOLUME_TOLERANCE_MM3 = 0.5
# The published means carry five decimals.
HU_TOLERANCE = 1e-4
BONES = (*range(25, 51), *range(69, 79), 91, *range(92, 117))
# How far the classical segmenter may stay behind a Dice of 1.
TISSUE_DEFICIT = {"subcutaneous_fat": 0.2, "torso_fat": 0.25, "skeletal_muscle": 0.45}
BONE_DEFICIT, LUNG_DEFICIT = 0.3, 0.05
AUTOPET_LABELS = {
    1: "spleen",
    2: "kidneys",
    3: "liver",
    4: "urinary_bladder",
    5: "lungs",
    6: "brain",
    7: "heart",
    8: "stomach",
    9: "prostate",
    10: "salivary_glands",
}


def dice(a: BoolArray, b: BoolArray) -> float:
    """2 |A and B| / (|A| + |B|) of masks of which one is not empty."""
    return 2.0 * float(np.count_nonzero(a & b)) / float(np.count_nonzero(a) + np.count_nonzero(b))


def statistics_rows(root: Path) -> list[ValidationRow]:
    """Volume and mean HU of every organ of a real CT as TotalSegmentator published them."""
    folder = root / TOTAL
    if not (folder / "statistics.json").is_file():
        return [failed(TOTAL, "117 organs", "absent")]
    published = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    organs = read_labelmap(folder / "example_seg_fast.nii.gz")
    ct = read_volume(folder / "example_ct_sm.nii.gz", "HU")
    found = {region.label: region for region in region_statistics(organs.array)}
    voxel_mm3 = organs.geometry.voxel_volume_ml * 1000.0
    rows = []
    for label, (organ, values) in enumerate(published.items(), start=1):
        region = found.get(label)
        volume = 0.0 if region is None else region.voxels * voxel_mm3
        note = "no voxel, so no mean" if region is None else ""
        rows.append(
            compared(
                TOTAL,
                f"volume of {organ}",
                values["volume"],
                volume,
                VOLUME_TOLERANCE_MM3,
                "mm3",
                note=note,
            )
        )
        if region is not None:
            inside = organs.array[region.box] == label
            mean = float(ct.array[region.box][inside].mean(dtype=np.float64))
            rows.append(
                compared(TOTAL, f"mean of {organ}", values["intensity"], mean, HU_TOLERANCE, "HU")
            )
    return rows


def classical_rows(root: Path) -> list[ValidationRow]:
    """Dice of the classical segmenter: tissues and bones of an abdomen, lungs of a patient."""
    return [*_abdomen(root), *_lungs(root)]


def _abdomen(root: Path) -> Iterator[ValidationRow]:
    folder = root / TOTAL
    if not (folder / "tissue_types").is_dir():
        yield failed(TOTAL, "classical", "absent")
        return
    ct = read_volume(folder / "example_ct_sm.nii.gz", "HU")
    ours = CLASSICAL.segment(SegmentationInputs(ct=ct)).labelmap
    for name, deficit in TISSUE_DEFICIT.items():
        expert = read_labelmap(folder / "tissue_types" / f"{name}.nii.gz").array > 0
        yield compared(
            TOTAL, f"classical: Dice of {name}", 1.0, dice(ours.mask(name), expert), deficit
        )
    organs = read_labelmap(folder / "example_seg_fast.nii.gz").array
    bone = ours.mask("skeleton") | ours.mask("bone_marrow")
    value = dice(bone, np.isin(organs, BONES))
    yield compared(TOTAL, "classical: Dice of the skeleton", 1.0, value, BONE_DEFICIT)


def _lungs(root: Path) -> Iterator[ValidationRow]:
    if not (root / LUNG_ARCHIVE).is_file():
        yield failed(LUNG, "classical: lungs", "absent")
        return
    with unpacked(root / LUNG_ARCHIVE) as folder:
        series = read_series(image_paths(folder, "CT"))
        structures = image_paths(folder, "RTSTRUCT")[0]
        contours = read_rtstruct(
            pydicom.dcmread(structures), series.geometry, series.sop_instance_uids
        )
    ct = Volume(series.array, series.geometry, "HU")
    ours = CLASSICAL.segment(SegmentationInputs(ct=ct)).labelmap
    for contour, name in (("Lung-Left", "lung_left"), ("Lung-Right", "lung_right")):
        expert = next(mask.mask for mask in contours if mask.name == contour)
        value = dice(ours.mask(name), expert)
        yield compared(LUNG, f"classical: Dice of {name}", 1.0, value, LUNG_DEFICIT)


def derived_rows(root: Path) -> list[ValidationRow]:
    """On how many real whole-body masks each derived region exists and lies where it should."""
    paths = sorted((root / AUTOPET / "masks").glob("*.nii.gz"))
    if not paths:
        return [failed(AUTOPET, "derived regions", "absent")]
    held: dict[str, int] = dict.fromkeys(_CHECKS, 0)
    reasons: dict[str, list[str]] = {name: [] for name in _CHECKS}
    for path in paths:
        read = read_labelmap(path)
        organs = LabelMap(read.array, read.geometry, AUTOPET_LABELS)
        derived = derive_regions(DerivationInputs(organs))
        for name in _CHECKS:
            if name in derived.refused:
                reasons[name].append(derived.refused[name].reason_code)
            elif _holds(derived, name, organs):
                held[name] += 1
            else:
                reasons[name].append("MISPLACED")
    return [
        compared(
            AUTOPET,
            f"{name}: studies where it holds",
            float(len(paths)),
            float(held[name]),
            allowed,
            "studies",
            note=", ".join(sorted(set(reasons[name]))),
        )
        for name, (_, _, allowed) in _CHECKS.items()
    ]


# Region: the organ it must lie in (empty: none), its side of the lungs' middle ("": both), and how
# many of the studies may have none.
# One study's liver (1.1 L) lies left of the lungs' middle, beside the spleen; the rule refuses it.
_CHECKS: dict[str, tuple[str, str, float]] = {
    "liver_sphere": ("liver", "right", 1.0),
    "liver_core": ("liver", "right", 1.0),
    "spleen_core": ("spleen", "left", 0.0),
    "thymic_bed": ("", "", 0.0),
    "nodes_mediastinal": ("", "", 0.0),
    "nodes_splenic_hilar": ("", "left", 0.0),
}


def _holds(derived: Derived, name: str, organs: LabelMap) -> bool:
    region = derived.region(name)
    if region is None:
        return False
    organ, side, _ = _CHECKS[name]
    lungs = _x(organs.mask("lungs"), organs)
    middle = (lungs.min() + lungs.max()) / 2
    from_middle = float(_x(region.mask, organs).mean() - middle)
    inside = not organ or bool(organs.mask(organ)[region.mask].all())
    # LPS: x grows towards the patient's left.
    sides = {"right": from_middle < 0, "left": from_middle > 0, "": abs(from_middle) < 30.0}
    return inside and sides[side]


def _x(mask: BoolArray, organs: LabelMap) -> np.ndarray:
    return organs.geometry.index_to_world(np.argwhere(mask))[:, 0]
