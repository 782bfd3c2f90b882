"""IBSI's diagnostic features: what each step of the image processing did to image and mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.crop import occupied_box
from wbr_platform.radiomics.policy import Policy
from wbr_platform.radiomics.reasons import Reason
from wbr_platform.radiomics.region import Region, policy_grid, regions

AXES = ("z", "y", "x")


def diagnostic_values(volume: Volume, labelmap: LabelMap, policy: Policy) -> dict[str, float]:
    """Dimensions, voxel counts and intensities after each step, by IBSI tag.

    ``labelmap`` has one region. Initial, then interpolated, then re-segmented.
    """
    interpolated = replace(policy, resegmentation_range=None, outlier_sigma=None)
    initial = replace(interpolated, spacing=None)
    everything = LabelMap(np.ones(volume.array.shape, np.uint8), volume.geometry, {1: "image"})
    values: dict[str, float] = {}
    for step, with_policy in (("init", initial), ("interp", interpolated)):
        values |= _image_values(f"{step}_img", _only(volume, everything, with_policy))
    for step, with_policy in (("init", initial), ("interp", interpolated), ("reseg", policy)):
        grid = policy_grid(volume.geometry, with_policy).shape
        values |= _roi_values(f"{step}_roi", _only(volume, labelmap, with_policy), grid)
    return values


def _only(volume: Volume, labelmap: LabelMap, policy: Policy) -> Region:
    _, _, region = next(regions(volume, labelmap, policy))
    if isinstance(region, Reason):
        raise ValueError(f"the reference region cannot be used: {region}")
    return region


def _image_values(step: str, whole: Region) -> dict[str, float]:
    values = _intensities("", step, whole.image[whole.morphological_mask])
    sizes = _sizes(whole.morphological_mask)
    for axis, size, spacing in zip(AXES, sizes, whole.spacing, strict=True):
        values[f"img_dim_{axis}_{step}"] = float(size)
        values[f"vox_dim_{axis}_{step}"] = spacing
    return values


def _roi_values(step: str, region: Region, grid: tuple[int, int, int]) -> dict[str, float]:
    values = _intensities("int_mask_", step, region.intensities)
    for axis, size in zip(AXES, grid, strict=True):
        values[f"int_mask_dim_{axis}_{step}"] = float(size)
    masks = {"int": region.intensity_mask, "morph": region.morphological_mask}
    for name, mask in masks.items():
        values[f"{name}_mask_vox_count_{step}"] = float(np.count_nonzero(mask))
        for axis, size in zip(AXES, _sizes(mask), strict=True):
            values[f"{name}_mask_bb_dim_{axis}_{step}"] = float(size)
    return values


def _sizes(mask: NDArray[np.bool_]) -> list[int]:
    return [side.stop - side.start for side in occupied_box(mask)]


def _intensities(prefix: str, step: str, values: NDArray[np.floating[Any]]) -> dict[str, float]:
    return {
        f"{prefix}mean_int_{step}": float(values.mean()),
        f"{prefix}min_int_{step}": float(values.min()),
        f"{prefix}max_int_{step}": float(values.max()),
    }
