"""Closed polygons to voxels of a plane and back, in continuous index coordinates (y, x).

One rule everywhere: a voxel belongs to a polygon when its centre lies inside. Several polygons of a
plane combine by the even-odd rule, so that a polygon inside another is a hole (DICOM PS3.3
C.8.8.6.3). A centre on an edge belongs to the side of higher coordinates, so that polygons which
share an edge share no voxel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours


def fill_polygons(
    polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """The voxels (y, x) of a plane whose centres lie inside an odd number of polygons.

    Each polygon holds vertices (n, 2) as (y, x), closed implicitly.
    """
    rows, columns = shape
    # toggles[y, x]: crossings between column x - 1 and x; their parity from the left is "inside".
    toggles = np.zeros((rows, columns + 1), dtype=np.int64)
    for polygon in polygons:
        y, x = _crossings(np.asarray(polygon, dtype=np.float64), rows)
        np.add.at(toggles, (y, np.clip(np.ceil(x), 0, columns).astype(np.int64)), 1)
    return (np.cumsum(toggles[:, :columns], axis=1) % 2).astype(np.bool_)


def _crossings(
    polygon: NDArray[np.float64], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the edges cross the lines of voxel centres: row numbers and continuous x."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    upward = start[:, 0] <= end[:, 0]
    low = np.where(upward[:, None], start, end)
    high = np.where(upward[:, None], end, start)
    # An edge crosses row r when low y < r <= high y: each vertex on a row counts once.
    first = np.clip(np.floor(low[:, 0]) + 1, 0, rows).astype(np.int64)
    last = np.clip(np.floor(high[:, 0]) + 1, 0, rows).astype(np.int64)
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(polygon)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    y = first[edge] + within
    fraction = (y - low[edge, 0]) / (high[edge, 0] - low[edge, 0])
    return y, low[edge, 1] + fraction * (high[edge, 1] - low[edge, 1])


def trace_polygons(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed polygons (n, 2), as (y, x), that :func:`fill_polygons` turns into the same voxels.

    They run half-way between the centres of voxels inside and outside; holes are polygons of their
    own.
    """
    padded = np.pad(mask, 1).astype(np.float64)
    return [_without_collinear(loop[:-1] - 1.0) for loop in find_contours(padded, 0.5)]


def _without_collinear(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    before = polygon - np.roll(polygon, 1, axis=0)
    after = np.roll(polygon, -1, axis=0) - polygon
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return polygon[turns != 0.0]
