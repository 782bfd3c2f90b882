"""Masks that may overlap and lie on several grids, put into one label map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry, LabelMap, NamedMask
from wbr_platform.imaging.morphology import Box, bounding_box
from wbr_platform.imaging.resampling import resample_mask

SAME_GRID_MM = 1e-6


@dataclass(frozen=True)
class Painted:
    """A label map and what was lost to overlaps: (loser, winner) → voxels."""

    labelmap: LabelMap
    overlaps: Mapping[tuple[str, str], int]


def on_grid(mask: NamedMask, geometry: Geometry) -> NDArray[np.bool_]:
    """A mask (z, y, x) on another grid, resampled in its bounding box only."""
    if mask.geometry.same_grid(geometry, SAME_GRID_MM):
        return mask.mask
    moved = np.zeros(geometry.shape, dtype=bool)
    box = bounding_box(mask.mask)
    if box is None:
        return moved
    source = _widened(box, mask.geometry.shape)
    target = _box_of(source, mask.geometry, geometry)
    if target is None:
        return moved
    cropped = NamedMask(
        mask.name, mask.mask[source], _cropped(mask.geometry, source), mask.source, mask.code
    )
    moved[target] = resample_mask(cropped, _cropped(geometry, target)).mask
    return moved


def _widened(box: Box, shape: tuple[int, int, int]) -> Box:
    wide = [slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, shape, strict=True)]
    return wide[0], wide[1], wide[2]


def _cropped(geometry: Geometry, box: Box) -> Geometry:
    start = (box[0].start, box[1].start, box[2].start)
    shape = (box[0].stop - start[0], box[1].stop - start[1], box[2].stop - start[2])
    return geometry.cropped(start, shape)


def _box_of(box: Box, source: Geometry, target: Geometry) -> Box | None:
    """The box on the target grid that holds a box of the source grid; None when it misses."""
    # Half a voxel around the centres: the field that the source voxels cover.
    edges = [(side.start - 0.5, side.stop - 0.5) for side in box]
    corners = np.array(np.meshgrid(*edges)).reshape(3, -1).T
    indices = target.world_to_index(source.index_to_world(corners))
    low = np.maximum(0, np.floor(indices.min(axis=0)).astype(int))
    high = np.minimum(target.shape, np.ceil(indices.max(axis=0)).astype(int) + 1)
    if np.any(high <= low):
        return None
    return (
        slice(int(low[0]), int(high[0])),
        slice(int(low[1]), int(high[1])),
        slice(int(low[2]), int(high[2])),
    )


def paint(masks: Sequence[tuple[str, NDArray[np.bool_]]], geometry: Geometry) -> Painted:
    """Named masks (z, y, x) on ``geometry`` as one label map; label i + 1 is the i-th mask.

    Where masks overlap the one with fewer voxels wins (ties: the later name), whatever the order
    in which they are given.
    """
    array = np.zeros(geometry.shape, dtype=np.uint16)
    boxes = [bounding_box(mask) for _, mask in masks]
    sizes = [
        0 if box is None else int(np.count_nonzero(mask[box]))
        for (_, mask), box in zip(masks, boxes, strict=True)
    ]
    overlaps: dict[tuple[str, str], int] = {}
    order = sorted(range(len(masks)), key=lambda i: (-sizes[i], masks[i][0]))
    for index in order:
        name, mask = masks[index]
        box = boxes[index]
        if box is None:
            continue
        crop, inside = array[box], mask[box]
        losers, counts = np.unique(crop[inside], return_counts=True)
        for loser, count in zip(losers.tolist(), counts.tolist(), strict=True):
            if loser:
                overlaps[masks[loser - 1][0], name] = count
        crop[inside] = index + 1
    labels = {i + 1: name for i, (name, _) in enumerate(masks)}
    return Painted(LabelMap(array, geometry, labels), overlaps)
