"""Host biomarkers: uptake of spleen and bone marrow relative to the liver.

Two definitions circulate under one name: ratios of SUVmean (Nakamoto 2021) and ratios of SUVmax
(Seban 2020). Both are given, named apart. They are candidates to be tested, not truths: recent
studies found no gain over the tumour's own model (Gerards 2026, n = 259).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.biomarkers.definitions import Measured, biomarker_frame
from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import (
    BoolArray,
    bounding_box,
    dilate,
    dilate_crop,
    erode,
    grow_box,
)
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.refusal import Refusal

SAME_GRID_MM = 1e-6
ALGORITHM = "organs"

# Bones whose union, eroded, stands for the red marrow: vertebrae (bodies) and hip bones.
_MARROW_BONES = re.compile(r"vertebrae_[CTLS]\d+|vertebral_bodies|vertebrae|hip_(left|right)|hips")
_MARROW_LABELS = ("red_marrow", "bone_marrow")
# Organs so hot on FDG PET that they shine into their neighbours: hip bones beside the bladder.
_HOT_ORGANS = re.compile(r"urinary_bladder|kidney_(left|right)|kidneys|brain|heart(_\w+)?")


@dataclass(frozen=True)
class HostParameters:
    """How the healthy part of an organ is taken.

    Lesions grown by ``lesion_margin_mm`` and the brain, heart, kidneys and bladder grown by
    ``hot_organ_margin_mm`` are removed, and the organ is eroded by its depth, all against
    spill-over and misregistration. When fewer than ``minimum_voxels`` would be left the
    depth is halved, and at last no erosion is made; a healthy part of less than
    ``least_voxels`` is not measured.
    """

    liver_erosion_mm: float = 8.0
    spleen_erosion_mm: float = 5.0
    marrow_erosion_mm: float = 4.0
    lesion_margin_mm: float = 6.0
    hot_organ_margin_mm: float = 10.0
    minimum_voxels: int = 50
    least_voxels: int = 10


@dataclass(frozen=True)
class HealthyPart:
    """SUV of the voxels measured, their volume (mL) and the erosion (mm); or why there is none."""

    suv: NDArray[np.float64]
    volume_ml: float
    erosion_mm: float
    reason: str | None = None


def host_ratios(
    pet: Volume,
    organs: LabelMap | None,
    lesion_mask: BoolArray | None,
    parameters: HostParameters | None = None,
) -> pl.DataFrame:
    """Uptake of liver, spleen and marrow and their ratios, as rows of the table ``biomarkers``.

    ``pet`` in SUVbw; ``organs`` on any grid; ``lesion_mask`` (z, y, x) on the PET's grid (None:
    no lesion known). Values are null with ORGAN_MISSING (no such organ or no voxel of it),
    TOO_FEW_HEALTHY_VOXELS or LIVER_WITHOUT_UPTAKE. Refusal PET_NOT_SUV.
    """
    if pet.unit != "SUVbw":
        raise Refusal("PET_NOT_SUV", f"the PET is in {pet.unit}", "convert it to SUVbw")
    if lesion_mask is not None and lesion_mask.shape != pet.array.shape:
        raise ValueError(f"lesion mask {lesion_mask.shape} on a PET of {pet.array.shape}")
    parameters = parameters or HostParameters()
    if organs is not None and not organs.geometry.same_grid(pet.geometry, SAME_GRID_MM):
        organs = resample_labels(organs, pet.geometry)
    excluded = _excluded(pet, organs, lesion_mask, parameters)
    depths = {
        "liver": parameters.liver_erosion_mm,
        "spleen": parameters.spleen_erosion_mm,
        "marrow": parameters.marrow_erosion_mm,
    }
    parts = {
        name: healthy_part(pet, _organ_mask(organs, name), excluded, depth, parameters)
        for name, depth in depths.items()
    }
    values: dict[str, Measured] = {}
    for name in ("spleen", "marrow"):
        values |= _ratios(name, parts[name], parts["liver"])
    for name, part in parts.items():
        values |= _uptake(name, part)
    return biomarker_frame(values, ALGORITHM)


def _excluded(
    pet: Volume,
    organs: LabelMap | None,
    lesion_mask: BoolArray | None,
    parameters: HostParameters,
) -> BoolArray:
    """Lesions and hot organs, each with its margin."""
    spacing = pet.geometry.spacing
    excluded = np.zeros(pet.geometry.shape, dtype=bool)
    if lesion_mask is not None:
        excluded |= dilate(lesion_mask, spacing, parameters.lesion_margin_mm)
    if organs is None:
        return excluded
    for label, region in organs.labels.items():
        mask = organs.array == label if _HOT_ORGANS.fullmatch(region) else None
        if mask is not None and mask.any():
            box, grown = dilate_crop(mask, spacing, parameters.hot_organ_margin_mm)
            excluded[box] |= grown
    return excluded


def healthy_part(
    pet: Volume,
    mask: BoolArray | None,
    excluded: BoolArray,
    depth_mm: float,
    parameters: HostParameters,
) -> HealthyPart:
    """The part of an organ (z, y, x) that is measured, without what is excluded."""
    nothing = np.empty(0)
    box = None if mask is None else bounding_box(mask)
    if mask is None or box is None:
        return HealthyPart(nothing, 0.0, 0.0, "ORGAN_MISSING")
    spacing = pet.geometry.spacing
    wide = grow_box(box, mask.shape, spacing, 0.0)
    healthy = mask[wide] & ~excluded[wide]
    for depth in (depth_mm, depth_mm / 2.0, 0.0):
        # The whole organ is eroded: what is excluded has its own margin already.
        kept = erode(mask[wide], spacing, depth) & healthy if depth > 0 else healthy
        if np.count_nonzero(kept) >= parameters.minimum_voxels:
            break
    count = int(np.count_nonzero(kept))
    if count < parameters.least_voxels:
        return HealthyPart(nothing, 0.0, 0.0, "TOO_FEW_HEALTHY_VOXELS")
    suv = pet.array[wide][kept].astype(np.float64)
    return HealthyPart(suv, count * pet.geometry.voxel_volume_ml, depth)


def _organ_mask(organs: LabelMap | None, name: str) -> BoolArray | None:
    """The mask of liver, spleen or marrow; None when the label map has no such organ."""
    if organs is None:
        return None
    if name == "marrow":
        wanted = [k for k, region in organs.labels.items() if _MARROW_BONES.fullmatch(region)]
        if not np.isin(organs.array, wanted).any():
            wanted = [k for k, region in organs.labels.items() if region in _MARROW_LABELS]
    else:
        wanted = [k for k, region in organs.labels.items() if region == name]
    if not wanted:
        return None
    return np.asarray(np.isin(organs.array, wanted))


def _ratios(name: str, part: HealthyPart, liver: HealthyPart) -> dict[str, Measured]:
    names = (f"{name}_to_liver_ratio_mean", f"{name}_to_liver_ratio_max")
    reason = part.reason or liver.reason
    if reason is None and liver.suv.mean() <= 0:
        reason = "LIVER_WITHOUT_UPTAKE"
    if reason is not None:
        return dict.fromkeys(names, (None, reason))
    return {
        names[0]: (float(part.suv.mean() / liver.suv.mean()), None),
        names[1]: (float(part.suv.max() / liver.suv.max()), None),
    }


def _uptake(name: str, part: HealthyPart) -> dict[str, Measured]:
    values: dict[str, float | None] = {
        "suv_mean": None,
        "suv_max": None,
        "reference_volume_ml": None,
        "erosion_mm": None,
    }
    if part.reason is None:
        values = {
            "suv_mean": float(part.suv.mean()),
            "suv_max": float(part.suv.max()),
            "reference_volume_ml": part.volume_ml,
            "erosion_mm": part.erosion_mm,
        }
    return {f"{name}_{key}": (value, part.reason) for key, value in values.items()}
