"""Convex hull of points with whole coordinates: quickhull, exact, with nothing to tune.

A facet is a triangle, counter-clockwise when seen from outside; ``normals`` (facet, 4) holds its
normal and the product of the normal with a corner. Points in a facet's plane count as inside it, so
that flat faces, which voxels have everywhere, need no merging. Whole numbers make every test exact
as long as coordinates stay below 10⁴.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_NONE = -1


@dataclass(frozen=True)
class ConvexHull:
    """``area`` and ``volume`` of a hull, and its ``vertices`` (n, 3) with possibly a few points of
    its faces."""

    area: float
    volume: float
    vertices: NDArray[np.float64]


@njit(cache=True, nogil=True)
def _above(normals: Any, facet: Any, points: Any, p: Any) -> Any:
    """How far a point is outside a facet's plane, in units of the facet."""
    n = normals[facet]
    return n[0] * points[p, 0] + n[1] * points[p, 1] + n[2] * points[p, 2] - n[3]


@njit(cache=True, nogil=True)
def _set_facet(corners: Any, normals: Any, points: Any, facet: Any, a: Any, b: Any, c: Any) -> None:
    corners[facet, 0], corners[facet, 1], corners[facet, 2] = a, b, c
    u, v = points[b] - points[a], points[c] - points[a]
    n = normals[facet]
    n[0] = u[1] * v[2] - u[2] * v[1]
    n[1] = u[2] * v[0] - u[0] * v[2]
    n[2] = u[0] * v[1] - u[1] * v[0]
    n[3] = n[0] * points[a, 0] + n[1] * points[a, 1] + n[2] * points[a, 2]


@njit(cache=True, nogil=True)
def _farthest(values: Any) -> Any:
    best = 0
    for k in range(len(values)):
        if abs(values[k]) > abs(values[best]):
            best = k
    return best


@njit(cache=True, nogil=True)
def _first_corners(points: Any) -> Any:
    """Four points that span a body; their determinant is positive. Points must not be coplanar."""
    a = np.argmin(points[:, 0])
    apart = points - points[a]
    b = _farthest((apart * apart).sum(axis=1))
    u = apart[b]
    crossed = np.empty_like(apart)
    crossed[:, 0] = u[1] * apart[:, 2] - u[2] * apart[:, 1]
    crossed[:, 1] = u[2] * apart[:, 0] - u[0] * apart[:, 2]
    crossed[:, 2] = u[0] * apart[:, 1] - u[1] * apart[:, 0]
    c = _farthest((crossed * crossed).sum(axis=1))
    height = (apart * crossed[c]).sum(axis=1)
    d = _farthest(height)
    if height[d] > 0:
        b, c = c, b
    return np.array([a, b, c, d])


@njit(cache=True, nogil=True)
def _visible(normals: Any, neighbours: Any, points: Any, start: Any, p: Any, mark: Any) -> Any:
    """All facets that a point sees from outside, beginning with one; marks them with the point."""
    found = [start]
    mark[start] = p
    done = 0
    while done < len(found):
        for side in range(3):
            other = neighbours[found[done], side]
            if mark[other] != p and _above(normals, other, points, p) > 0:
                mark[other] = p
                found.append(other)
        done += 1
    return found


@njit(cache=True, nogil=True)
def _distribute(
    normals: Any, points: Any, facets: Any, first_point: Any, heads: Any, following: Any
) -> None:
    """Give each point of a list to a facet that it is outside of; the others are inside."""
    p = first_point
    while p != _NONE:
        rest = following[p]
        for facet in facets:
            if _above(normals, facet, points, p) > 0:
                following[p] = heads[facet]
                heads[facet] = p
                break
        p = rest


@njit(cache=True, nogil=True)
def _take_farthest(normals: Any, points: Any, facet: Any, heads: Any, following: Any) -> Any:
    """The point farthest outside a facet, taken out of its list."""
    best, before_best, before, p = heads[facet], _NONE, _NONE, heads[facet]
    while p != _NONE:
        if _above(normals, facet, points, p) > _above(normals, facet, points, best):
            best, before_best = p, before
        before, p = p, following[p]
    if before_best == _NONE:
        heads[facet] = following[best]
    else:
        following[before_best] = following[best]
    return best


@njit(cache=True, nogil=True)
def _hull(points: Any) -> Any:
    """Corners (facet, 3) of the hull's triangles, as indices of points (n, 3)."""
    number = points.shape[0]
    size = 4 * number + 64
    corners = np.empty((size, 3), dtype=np.int64)
    neighbours = np.empty((size, 3), dtype=np.int64)
    normals = np.empty((size, 4), dtype=np.int64)
    heads, mark = np.full(size, _NONE), np.full(size, _NONE)
    following = np.full(number, _NONE)
    facet_from, facet_to = np.empty(number, dtype=np.int64), np.empty(number, dtype=np.int64)
    alive = np.zeros(size, dtype=np.bool_)
    free = list(range(size - 1, 3, -1))
    a, b, c, d = _first_corners(points)
    for facet, (i, j, k) in enumerate(((a, b, c), (a, c, d), (a, d, b), (b, d, c))):
        _set_facet(corners, normals, points, facet, i, j, k)
        alive[facet] = True
    # Side k of a facet runs from corner k to corner k + 1.
    neighbours[:4] = np.array([[2, 3, 1], [0, 3, 2], [1, 3, 0], [2, 1, 0]])
    for p in range(number - 1):
        following[p] = p + 1
    waiting = [0, 1, 2, 3]
    _distribute(normals, points, waiting, 0, heads, following)
    while len(waiting) > 0:
        facet = waiting.pop()
        if not alive[facet] or heads[facet] == _NONE:
            continue
        p = _take_farthest(normals, points, facet, heads, following)
        seen = _visible(normals, neighbours, points, facet, p, mark)
        made = [facet for _ in range(0)]
        for old in seen:
            for side in range(3):
                beyond = neighbours[old, side]
                if mark[beyond] == p:
                    continue
                start, end = corners[old, side], corners[old, (side + 1) % 3]
                new = free.pop()
                _set_facet(corners, normals, points, new, start, end, p)
                neighbours[new, 0] = beyond
                for other_side in range(3):
                    if corners[beyond, other_side] == end:
                        neighbours[beyond, other_side] = new
                alive[new], heads[new], mark[new] = True, _NONE, _NONE
                facet_from[start], facet_to[end] = new, new
                made.append(new)
        for new in made:
            neighbours[new, 1] = facet_from[corners[new, 1]]
            neighbours[new, 2] = facet_to[corners[new, 0]]
        for old in seen:
            _distribute(normals, points, made, heads[old], heads, following)
            alive[old], mark[old] = False, _NONE
            free.append(old)
        waiting.extend(made)
    return corners[alive]


@njit(cache=True, nogil=True)
def _measure(points: Any, corners: Any, used: Any) -> tuple[float, float]:
    """Area and volume of the hull; marks its corners as used."""
    area, volume = 0.0, 0.0
    origin = points[corners[0, 0]]
    for a, b, c in corners:
        used[a], used[b], used[c] = True, True, True
        u, v = points[b] - points[a], points[c] - points[a]
        normal = np.array(
            [
                u[1] * v[2] - u[2] * v[1],
                u[2] * v[0] - u[0] * v[2],
                u[0] * v[1] - u[1] * v[0],
            ]
        )
        area += 0.5 * np.sqrt((normal * normal).sum())
        volume += (normal * (points[a] - origin)).sum() / 6.0
    return area, volume


@njit(cache=True, nogil=True)
def _diameter(points: Any) -> float:
    longest = 0.0
    for i in range(points.shape[0]):
        for j in range(i):
            square = 0.0
            for k in range(3):
                square += (points[i, k] - points[j, k]) ** 2
            longest = max(longest, square)
    return np.sqrt(longest)


def diameter(points: NDArray[np.float64]) -> float:
    """The largest distance between two of the points (n, 3)."""
    return float(_diameter(points))


def convex_hull(points: NDArray[np.int64], scale: NDArray[np.float64]) -> ConvexHull:
    """The hull of points (n, 3), not all in a plane; lengths are coordinates times ``scale``."""
    corners = _hull(points)
    scaled, used = points * scale, np.zeros(len(points), dtype=np.bool_)
    area, volume = _measure(scaled, corners, used)
    return ConvexHull(area, abs(volume), scaled[used])
