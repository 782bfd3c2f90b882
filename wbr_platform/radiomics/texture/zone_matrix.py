"""Zones of equal grey level: their sizes (GLSZM, IBSI 9SAK) and distances (GLDZM, IBSI VMDZ)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, directions


@dataclass(frozen=True)
class Zones:
    """Per zone its grey level, its voxels and its shortest distance to the border, each (n,)."""

    levels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    distances: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _root(parents: Any, p: int) -> int:
    while parents[p] != p:
        parents[p] = parents[parents[p]]
        p = parents[p]
    return p


@njit(cache=True, nogil=True)
def _find_zones(
    levels: Any, distances: Any, steps: Any, first: int, last: int, pad: int
) -> tuple[Any, Any, Any]:
    """Union-find over the raster: a voxel joins the zones of its equal neighbours behind it."""
    height, width = levels.shape[1], levels.shape[2]
    flat, flat_distances = levels.ravel(), distances.ravel()
    begin, end = first * height * width, last * height * width
    parents = np.empty(end - begin, dtype=np.int32)
    number = 0
    for z in range(first, last):
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for p in range(start + pad, start + width - pad):
                level = flat[p]
                if level == 0:
                    continue
                root = p - begin
                parents[root] = root
                number += 1
                for step in steps:
                    if flat[p - step] == level:
                        other = _root(parents, p - step - begin)
                        if other != root:
                            low, high = min(other, root), max(other, root)
                            parents[high] = low
                            root = low
                            number -= 1
    zone_levels = np.empty(number, dtype=np.int64)
    sizes = np.zeros(number, dtype=np.int64)
    shortest = np.empty(number, dtype=np.int64)
    found = 0
    for p in range(begin, end):
        if flat[p] == 0:
            continue
        # A parent precedes its voxels in the raster: its zone is known, as -1 - zone.
        parent = parents[p - begin]
        if parent == p - begin:
            zone = found
            zone_levels[zone] = flat[p]
            shortest[zone] = flat_distances[p]
            found += 1
        else:
            zone = -1 - parents[parent]
        parents[p - begin] = -1 - zone
        sizes[zone] += 1
        shortest[zone] = min(shortest[zone], flat_distances[p])
    return zone_levels, sizes, shortest


@njit(cache=True, nogil=True)
def _border_distances(mask: Any, in_plane: bool) -> Any:
    """City-block distance to the nearest voxel outside; the box's outer layer lies outside."""
    depth, height, width = mask.shape
    distances = np.zeros(mask.shape, dtype=np.int32)
    for z in range(depth):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if mask[z, y, x]:
                    near = min(distances[z, y - 1, x], distances[z, y, x - 1])
                    if not in_plane:
                        near = min(near, distances[z - 1, y, x])
                    distances[z, y, x] = near + 1
    for z in range(depth - 1, -1, -1):
        for y in range(height - 2, 0, -1):
            for x in range(width - 2, 0, -1):
                if mask[z, y, x]:
                    near = min(distances[z, y + 1, x], distances[z, y, x + 1])
                    if not in_plane:
                        near = min(near, distances[z + 1, y, x])
                    distances[z, y, x] = min(distances[z, y, x], near + 1)
    return distances


def border_distances(box: LevelBox, in_plane: bool) -> NDArray[np.int32]:
    """Steps through faces (z, y, x) from a voxel to beyond the morphological mask; 1 at its border.

    ``in_plane`` walks within slices only.
    """
    return np.asarray(_border_distances(box.morphological_mask, in_plane))


def zones(
    box: LevelBox, slab: tuple[int, int], in_plane: bool, distances: NDArray[np.int32]
) -> Zones:
    """The zones of a slab: voxels of one level that touch by a face, edge or corner."""
    steps = directions(box, in_plane)
    return Zones(*_find_zones(box.levels, distances, steps, *slab, box.pad))
