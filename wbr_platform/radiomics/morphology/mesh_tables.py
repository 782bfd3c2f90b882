"""Marching cubes on a binary mask: what each of the 256 corner configurations contributes.

A cube joins eight voxel centres; corner (dz, dy, dx) is bit 4·dz + 2·dy + dx of its configuration.
The surface at level one half passes through the middles of the cube's edges between an inside and
an outside corner. On each face the crossings are joined by a rule that sees only that face, so that
neighbouring cubes always agree and the mesh is closed: two inside corners that face each other
diagonally are joined, as regions and zones are (26-connected). A polygon that is not plane is cut
into the triangles of greatest area, which is what the usual tables do where they are unambiguous
and what IBSI's consensus values rest on; of several such ways the mean counts. Both rules treat all
directions alike, so that flipping a mask changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Spacing = tuple[float, float, float]
Corner = tuple[int, int, int]

# The corners of each face, counter-clockwise when seen from outside the cube (axes z, y, x).
_FACES: tuple[tuple[Corner, Corner, Corner, Corner], ...] = (
    ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)),
    ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)),
    ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)),
    ((0, 1, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0)),
    ((0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)),
    ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
)

# A point on the surface: the middle of an edge, in half voxels (z, y, x) from the cube's corner.
_Crossing = tuple[int, int, int]


@dataclass(frozen=True)
class MeshTables:
    """Per configuration, for one voxel spacing: surface area and volume terms.

    ``area`` (256,) in mm². The volume in mm³ of a closed mesh is the sum over its cubes of
    ``volume[c] + z · flux[c]`` with z (voxels) the cube's position along the first axis.
    """

    area: NDArray[np.float64]
    volume: NDArray[np.float64]
    flux: NDArray[np.float64]


def _is_inside(configuration: int, corner: Corner) -> bool:
    return bool(configuration >> (4 * corner[0] + 2 * corner[1] + corner[2]) & 1)


def _middle(a: Corner, b: Corner) -> _Crossing:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _face_segments(
    configuration: int, face: tuple[Corner, ...]
) -> list[tuple[_Crossing, _Crossing]]:
    """Directed segments on a face, one for each run of outside corners round it."""
    segments = []
    for i in range(4):
        if _is_inside(configuration, face[i]) or not _is_inside(configuration, face[i - 1]):
            continue
        last = i
        while not _is_inside(configuration, face[(last + 1) % 4]):
            last += 1
        enters = _middle(face[last % 4], face[(last + 1) % 4])
        segments.append((enters, _middle(face[i - 1], face[i])))
    return segments


def _loops(configuration: int) -> list[list[_Crossing]]:
    """The closed polygons of the surface inside one cube."""
    following = dict(s for face in _FACES for s in _face_segments(configuration, face))
    loops = []
    while following:
        start, point = following.popitem()
        loop = [start]
        while point != start:
            loop.append(point)
            point = following.pop(point)
        loops.append(loop)
    return loops


def _triangulations(polygon: list[_Crossing]) -> Iterator[list[list[_Crossing]]]:
    """Every way to cut a polygon into triangles."""
    if len(polygon) < 3:
        yield []
        return
    for k in range(1, len(polygon) - 1):
        triangle = [polygon[0], polygon[k], polygon[-1]]
        for left in _triangulations(polygon[: k + 1]):
            for right in _triangulations(polygon[k:]):
                yield [*left, triangle, *right]


def _area(triangles: list[list[_Crossing]]) -> float:
    points = np.array(triangles, dtype=np.float64)
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    return round(float(np.linalg.norm(normals, axis=1).sum()), 9)


@lru_cache(maxsize=256)
def _triangles(configuration: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Triangles (n, 3 vertices, 3 coordinates z y x in voxels), normals outwards; weights (n,)."""
    triangles, weights = [], []
    for loop in _loops(configuration):
        ways = list(_triangulations(loop))
        areas = [_area(way) for way in ways]
        best = [way for way, area in zip(ways, areas, strict=True) if area == max(areas)]
        for way in best:
            triangles += way
            weights += [1 / len(best)] * len(way)
    return np.array(triangles, dtype=np.float64).reshape(-1, 3, 3) / 2.0, np.array(weights)


@lru_cache(maxsize=32)
def mesh_tables(spacing: Spacing) -> MeshTables:
    """The tables for voxels of ``spacing`` (z, y, x) in mm."""
    area, volume, flux = np.zeros(256), np.zeros(256), np.zeros(256)
    for configuration in range(256):
        triangles, weights = _triangles(configuration)
        if not len(triangles):
            continue
        vertices = triangles * np.asarray(spacing)
        edges = vertices[:, 1:] - vertices[:, :1]
        normals = weights[:, None] * np.cross(edges[:, 0], edges[:, 1]) / 2.0
        area[configuration] = np.linalg.norm(normals, axis=1).sum()
        # Gauss: the volume is the flux of the field (z, 0, 0) through the surface.
        volume[configuration] = (vertices[:, :, 0].mean(axis=1) * normals[:, 0]).sum()
        flux[configuration] = normals[:, 0].sum() * spacing[0]
    return MeshTables(area, volume, flux)
