"""Boxes round regions, found in one pass, and cut from a volume with padding beyond its edge."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, slice, slice]
Margin: TypeAlias = tuple[int, int, int]


@njit(cache=True, nogil=True)
def _extents(labels: Any, highest: int) -> Any:
    """First and last plane, row and column (z, y, x) of each label: (label, 6)."""
    depth, height, width = labels.shape
    found = np.empty((highest + 1, 6), dtype=np.int64)
    found[:, 0], found[:, 2], found[:, 4] = depth, height, width
    found[:, 1], found[:, 3], found[:, 5] = -1, -1, -1
    for z in range(depth):
        for y in range(height):
            row = labels[z, y]
            present = 0
            for x in range(width):  # most rows are empty: this loop is a few instructions
                present |= row[x]
            if present == 0:
                continue
            before: Any = 0
            for x in range(width):
                label = np.int64(row[x])
                if label != before:
                    if 0 < before <= highest:
                        found[before, 5] = max(found[before, 5], x - 1)
                    if 0 < label <= highest:
                        box = found[label]
                        box[0], box[1] = min(box[0], z), z
                        box[2], box[3] = min(box[2], y), max(box[3], y)
                        box[4] = min(box[4], x)
                    before = label
            if 0 < before <= highest:
                found[before, 5] = width - 1
    return found


def label_boxes(labels: NDArray[np.integer[Any]], highest: int) -> list[Box | None]:
    """The smallest box (z, y, x) of each label from 1 to ``highest``; None where it is absent."""
    boxes: list[Box | None] = []
    for z0, z1, y0, y1, x0, x1 in _extents(np.ascontiguousarray(labels), highest)[1:].tolist():
        absent = z1 < 0
        boxes.append(None if absent else (slice(z0, z1 + 1), slice(y0, y1 + 1), slice(x0, x1 + 1)))
    return boxes


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box (z, y, x) that holds a mask; None when the mask is empty."""
    return label_boxes(np.ascontiguousarray(mask).view(np.uint8), 1)[0]


def occupied_box(mask: NDArray[np.bool_]) -> Box:
    """:func:`tight_box` of a mask that cannot be empty; ValueError when it is."""
    box = tight_box(mask)
    if box is None:
        raise ValueError("the mask has no voxel")
    return box


def grown(box: Box, margin: Margin) -> Box:
    """A box widened on each side; it may then reach beyond the array (negative start)."""
    sides = [slice(s.start - m, s.stop + m) for s, m in zip(box, margin, strict=True)]
    return sides[0], sides[1], sides[2]


def cut_padded(array: NDArray[Any], box: Box, outside: float) -> NDArray[Any]:
    """A copy of ``array`` over ``box``; ``outside`` where the box reaches beyond the array."""
    shape = tuple(side.stop - side.start for side in box)
    cut = np.full(shape, outside, dtype=array.dtype)
    source, target = [], []
    for side, size in zip(box, array.shape, strict=True):
        low, high = max(side.start, 0), min(side.stop, size)
        if low >= high:
            return cut
        source.append(slice(low, high))
        target.append(slice(low - side.start, high - side.start))
    cut[tuple(target)] = array[tuple(source)]
    return cut


@njit(cache=True, nogil=True)
def _gather(image: Any, mask: Any, values: Any) -> None:
    depth, height, width = mask.shape
    found = 0
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if mask[z, y, x]:
                    values[found] = image[z, y, x]
                    found += 1


def gathered(image: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The values (n,) of an image (z, y, x) inside a mask, in the order of the raster."""
    values = np.empty(int(np.count_nonzero(mask)), dtype=np.float64)
    _gather(image, mask, values)
    return values


@njit(cache=True, nogil=True)
def _scatter(mask: Any, values: Any, target: Any) -> None:
    depth, height, width = mask.shape
    used = 0
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if mask[z, y, x]:
                    target[z, y, x] = values[used]
                    used += 1


def scattered(mask: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.uint16]:
    """The reverse of :func:`gathered` for grey levels; 0 outside the mask."""
    target = np.zeros(mask.shape, dtype=np.uint16)
    _scatter(mask, values, target)
    return target
