"""The surface mesh of a mask: area, volume, and the points that its convex hull needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.morphology.mesh_tables import Spacing, mesh_tables


@dataclass(frozen=True)
class Mesh:
    """``area`` mm², ``volume`` mm³; in half voxels, mesh vertices (n, 3) with all of the hull's."""

    area: float
    volume: float
    hull_candidates: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _widen(lowest: Any, highest: Any, z: int, y: int, x: int) -> None:
    lowest[z, y] = min(lowest[z, y], x)
    highest[z, y] = max(highest[z, y], x)


@njit(cache=True, nogil=True)
def _scan(mask: Any, counts: Any, heights: Any, lowest: Any, highest: Any) -> None:
    """Count the corner configurations and find the ends of each row of mesh vertices.

    Vertices lie in the middles of voxel pairs; coordinates count half voxels.
    """
    depth, height, width = mask.shape
    for z in range(depth - 1):
        for y in range(height - 1):
            # The bits of the corners at x + 1 become those at x: bits 0, 2, 4, 6 are at x.
            right = 0
            for x in range(width - 1):
                left = right >> 1
                right = (
                    (mask[z, y, x + 1] << 1)
                    | (mask[z, y + 1, x + 1] << 3)
                    | (mask[z + 1, y, x + 1] << 5)
                    | (mask[z + 1, y + 1, x + 1] << 7)
                )
                configuration = left | right
                if configuration == 0 or configuration == 255:
                    continue
                counts[configuration] += 1
                heights[configuration] += z
                here = configuration & 1
                if here != (configuration >> 1) & 1:
                    _widen(lowest, highest, 2 * z, 2 * y, 2 * x + 1)
                if here != (configuration >> 2) & 1:
                    _widen(lowest, highest, 2 * z, 2 * y + 1, 2 * x)
                if here != (configuration >> 4) & 1:
                    _widen(lowest, highest, 2 * z + 1, 2 * y, 2 * x)


@njit(cache=True, nogil=True)
def _turns_right(ay: float, ax: float, by: float, bx: float, cy: float, cx: float) -> bool:
    return (by - ay) * (cx - ax) - (bx - ax) * (cy - ay) <= 0.0


@njit(cache=True, nogil=True)
def _plane_hulls(lowest: Any, highest: Any, nothing: int) -> Any:
    """Vertices of the convex hull in each plane: the others cannot be on the hull of the body."""
    planes, rows = lowest.shape
    points = np.empty((2 * planes * rows, 3), dtype=np.int64)
    number = 0
    for z in range(planes):
        for side in range(2):
            start = number
            for y in range(rows):
                if lowest[z, y] == nothing:
                    continue
                x = -lowest[z, y] if side == 0 else highest[z, y]
                while number - start >= 2 and not _turns_right(
                    points[number - 2, 1],
                    points[number - 2, 2],
                    points[number - 1, 1],
                    points[number - 1, 2],
                    y,
                    x,
                ):
                    number -= 1
                points[number, 0], points[number, 1], points[number, 2] = z, y, x
                number += 1
            if side == 0:
                for k in range(start, number):
                    points[k, 2] = -points[k, 2]
    return points[:number]


@njit(cache=True, nogil=True)
def _row_ends(points: Any, planes: int, rows: int, nothing: int) -> tuple[Any, Any]:
    """Lowest and highest third coordinate of points (n, 3) in each row (first, second)."""
    lowest = np.full((planes, rows), nothing, dtype=np.int64)
    highest = np.full((planes, rows), -1, dtype=np.int64)
    for k in range(points.shape[0]):
        _widen(lowest, highest, points[k, 0], points[k, 1], points[k, 2])
    return lowest, highest


def _hull_candidates(lowest: Any, highest: Any, width: int) -> NDArray[np.int64]:
    """Vertices (n, 3) in half voxels (z, y, x), all of the convex hull's and few others.

    A vertex of the hull is one in each of the three planes through it that are parallel to axes.
    """
    planes, rows = lowest.shape
    nothing = 2 * max(planes, rows, width)
    points = _plane_hulls(np.minimum(lowest, nothing), highest, nothing)
    by_y = _plane_hulls(*_row_ends(points[:, [1, 0, 2]], rows, planes, nothing), nothing)
    by_x = _plane_hulls(*_row_ends(by_y[:, [2, 1, 0]], width, planes, nothing), nothing)
    return np.asarray(by_x[:, [1, 2, 0]])


def surface_mesh(mask: NDArray[np.bool_], spacing: Spacing) -> Mesh:
    """The mesh of a mask (z, y, x) that has a margin of at least one voxel on every side."""
    tables = mesh_tables(spacing)
    counts, heights = np.zeros(256, dtype=np.int64), np.zeros(256, dtype=np.int64)
    depth, height, width = mask.shape
    nothing = 2 * max(mask.shape)
    lowest = np.full((2 * depth, 2 * height), 2 * nothing, dtype=np.int64)
    highest = np.full((2 * depth, 2 * height), -1, dtype=np.int64)
    _scan(np.ascontiguousarray(mask).view(np.int8), counts, heights, lowest, highest)
    points = _hull_candidates(lowest, highest, 2 * width)
    return Mesh(
        area=float(counts @ tables.area),
        volume=float(counts @ tables.volume + heights @ tables.flux),
        hull_candidates=points,
    )
