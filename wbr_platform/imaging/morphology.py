"""Bounding boxes, growing and shrinking of masks in millimetres, on crops rather than volumes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box: TypeAlias = tuple[slice, slice, slice]
BoolArray: TypeAlias = NDArray[np.bool_]
Spacing: TypeAlias = tuple[float, float, float]

# Distances between voxel centres are compared with radii up to rounding.
_ROUNDING_MM = 1e-6


def bounding_box(mask: BoolArray) -> Box | None:
    """The smallest box (z, y, x) that holds a mask; None when the mask is empty."""
    box = [slice(0, n) for n in mask.shape]
    for axis in range(3):
        crop = mask[tuple(box)]
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(crop.any(axis=others))
        if occupied.size == 0:
            return None
        box[axis] = slice(int(occupied[0]), int(occupied[-1]) + 1)
    return box[0], box[1], box[2]


def grow_box(box: Box, shape: tuple[int, ...], spacing: Spacing, margin_mm: float) -> Box:
    """A box widened by at least ``margin_mm`` and one voxel on each side, within the image."""
    grown = []
    for side, size, step in zip(box, shape, spacing, strict=True):
        margin = int(np.ceil(margin_mm / step)) + 1
        grown.append(slice(max(0, side.start - margin), min(size, side.stop + margin)))
    return grown[0], grown[1], grown[2]


def dilate_crop(mask: BoolArray, spacing: Spacing, radius_mm: float) -> tuple[Box, BoolArray]:
    """A non-empty mask grown by ``radius_mm``: the box it then needs, and the mask in that box.

    A voxel belongs to the grown mask when its centre lies within the radius of the centre of a
    voxel of the mask. Raises ValueError for an empty mask.
    """
    box = bounding_box(mask)
    if box is None:
        raise ValueError("an empty mask cannot be grown")
    box = grow_box(box, mask.shape, spacing, radius_mm)
    distance = ndimage.distance_transform_edt(~mask[box], sampling=spacing)
    return box, np.asarray(distance <= radius_mm + _ROUNDING_MM)


def dilate(mask: BoolArray, spacing: Spacing, radius_mm: float) -> BoolArray:
    """A mask (z, y, x) grown by ``radius_mm``; an empty mask stays empty."""
    grown = np.zeros_like(mask)
    if mask.any():
        box, crop = dilate_crop(mask, spacing, radius_mm)
        grown[box] = crop
    return grown


def erode(mask: BoolArray, spacing: Spacing, radius_mm: float) -> BoolArray:
    """A mask (z, y, x) without the voxels within ``radius_mm`` of a voxel outside it.

    Beyond the edge of the image nothing is known, so the edge itself takes no voxel away.
    """
    shrunk = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is None:
        return shrunk
    box = grow_box(box, mask.shape, spacing, 0.0)
    crop = mask[box]
    if crop.all():
        shrunk[box] = crop
        return shrunk
    distance = ndimage.distance_transform_edt(crop, sampling=spacing)
    shrunk[box] = distance > radius_mm + _ROUNDING_MM
    return shrunk
