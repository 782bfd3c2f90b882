"""Boxes cut from a volume, padded where they reach beyond it."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, slice, slice]
Margin: TypeAlias = tuple[int, int, int]


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box (z, y, x) that holds a mask; None when the mask is empty."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        if occupied.size == 0:
            return None
        sides.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return sides[0], sides[1], sides[2]


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
