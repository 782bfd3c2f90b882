"""Zones of equal grey level: their sizes (GLSZM, IBSI 9SAK) and distances (GLDZM, IBSI VMDZ).

Zones grow by union-find over the raster: a voxel joins the zones of its equal neighbours behind it.
A forest is an array that gives each voxel a parent, itself or one earlier in the raster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox


@dataclass(frozen=True)
class Zones:
    """Per zone its grey level, its voxels and its shortest distance to the border, each (n,)."""

    levels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    distances: NDArray[np.int64]


@njit(cache=True, nogil=True)
def join_zones(parents: Any, root: Any, other: Any) -> Any:
    """Unite the zone whose root is known with that of a voxel; the root of both."""
    while True:
        parent = parents[np.uint64(other)]
        if parent == other:
            break
        grandparent = parents[np.uint64(parent)]
        parents[np.uint64(other)] = grandparent
        other = np.int64(grandparent)
    if other < root:
        parents[np.uint64(root)] = other
        return other
    if root < other:
        parents[np.uint64(other)] = root
    return root


@njit(cache=True, nogil=True)
def _collect(
    flat: Any, flat_distances: Any, with_distances: bool, begin: int, parents: Any
) -> tuple[Any, Any, Any]:
    """List the zones of a forest; turns the parents of roots into their zone's number."""
    number = 0
    for k in range(len(parents)):
        if flat[begin + k] != 0 and parents[k] == k:
            number += 1
    levels = np.empty(number, dtype=np.int64)
    sizes = np.zeros(number, dtype=np.int64)
    shortest = np.zeros(number, dtype=np.int64)
    found = 0
    for k in range(len(parents)):
        level = flat[begin + k]
        if level == 0:
            continue
        # A parent precedes its voxels in the raster: its zone is known, as -1 - zone.
        parent = parents[k]
        if parent == k:
            zone = found
            levels[zone] = level
            found += 1
            if with_distances:
                shortest[zone] = flat_distances[begin + k]
        else:
            zone = -1 - parents[np.uint64(parent)]
        parents[k] = -1 - zone
        sizes[zone] += 1
        if with_distances:
            shortest[zone] = min(shortest[zone], flat_distances[begin + k])
    return levels, sizes, shortest


def collect_zones(
    box: LevelBox,
    slab: tuple[int, int],
    parents: NDArray[np.int32],
    distances: NDArray[np.int32] | None,
) -> Zones:
    """The zones of a slab from its forest, which is used up."""
    begin = slab[0] * box.levels.shape[1] * box.levels.shape[2]
    known = np.zeros(1, dtype=np.int32) if distances is None else distances.ravel()
    found = _collect(box.levels.ravel(), known, distances is not None, begin, parents)
    return Zones(*found)


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
