"""All texture matrices of a slab from one read of its voxels.

Neighbours are those at a Chebyshev distance of one: the 13 directions of the volume, or the 4 of a
slice. Both ends of a direction are looked at together, so that every pair of voxels is loaded once
for co-occurrences (GLCM), runs (GLRLM), neighbourhoods (NGTDM, NGLDM) and zones (GLSZM, GLDZM).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, directions, half_neighbourhood
from wbr_platform.radiomics.texture.neighbourhood_matrix import NeighbourhoodCounts
from wbr_platform.radiomics.texture.zone_matrix import Zones, collect_zones, join_zones


@dataclass(frozen=True)
class TextureCounts:
    """The matrices of one slab.

    ``pairs`` (direction, i - 1, j - 1): how often level i has level j one step ahead. ``runs``
    (direction, level, length) and ``longest`` (direction,), the longest run that occurs.
    """

    pairs: NDArray[np.integer[Any]]
    runs: NDArray[np.integer[Any]]
    longest: NDArray[np.int64]
    neighbourhoods: NeighbourhoodCounts
    zones: Zones


@lru_cache(maxsize=2)
def _bit_tables(in_plane: bool) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """For each set of directions, as bits: the lowest of it; and those that suffice for zones.

    Two equal neighbours behind a voxel that touch each other are in one zone already, so that a
    voxel needs to join only one of each group of touching neighbours.
    """
    offsets = half_neighbourhood(1, in_plane)
    sets = np.arange(1 << len(offsets))
    apart = np.abs(offsets[:, None] - offsets[None]).max(axis=2)
    touching = ((apart <= 1) << np.arange(len(offsets))).sum(axis=1)
    enough, left = np.zeros_like(sets), sets.copy()
    while left.any():
        group = left & -left
        enough |= group
        for _ in offsets:
            for direction, others in enumerate(touching):
                group |= np.where(group >> direction & 1, others & sets, 0)
        left &= ~group
    lowest = np.log2(np.maximum(sets & -sets, 1)).astype(np.int64)
    return lowest, enough.astype(np.uint16)


@njit(cache=True, nogil=True)
def _run_length(flat: Any, p: Any, step: Any, level: Any) -> int:
    """Voxels of one level from ``p`` onwards, where the next one has it."""
    length, ahead = 2, p + 2 * step
    while flat[np.uint64(ahead)] == level:
        length += 1
        ahead += step
    return length


@njit(cache=True, nogil=True)
def _scan(
    levels: Any,
    steps: Any,
    lowest_bit: Any,
    enough_bits: Any,
    coarseness: int,
    first: int,
    last: int,
    pad: int,
    pairs: Any,
    runs: Any,
    longest: Any,
    voxels: Any,
    differences: Any,
    dependences: Any,
    parents: Any,
) -> None:
    """Fill the matrices, but for runs of a single voxel; few branches, which noise would mislead.

    Which neighbours are equal is kept in bits, one for each direction.
    """
    height, width = levels.shape[1], levels.shape[2]
    flat = levels.ravel()
    begin = first * height * width
    for z in range(first, last):
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for p in range(start + pad, start + width - pad):
                level = np.int64(flat[np.uint64(p)])
                if level == 0:
                    continue
                total: Any = 0
                number, dependent = 0, 1
                equal_ahead, equal_behind = 0, 0
                for d in range(steps.shape[0]):
                    ahead = np.int64(flat[np.uint64(p + steps[d])])
                    behind = np.int64(flat[np.uint64(p - steps[d])])
                    # Column 0 takes the pairs with a voxel outside; it is dropped afterwards.
                    pairs[d, np.uint64(level), np.uint64(ahead)] += np.uint32(1)
                    total += ahead + behind
                    number += (ahead != 0) + (behind != 0)
                    dependent += (ahead == level) + (behind == level)
                    equal_ahead |= (ahead == level) << d
                    equal_behind |= (behind == level) << d
                if coarseness > 0:
                    dependent = _dependent(flat, p, steps, level, coarseness)
                dependences[level, dependent] += 1
                if number > 0:
                    voxels[level] += 1.0
                    differences[level] += abs(level - total / number)
                root: Any = p - begin
                parents[root] = root
                bits: Any = np.int64(enough_bits[equal_behind])
                while bits != 0:
                    root = join_zones(parents, root, p - steps[lowest_bit[bits]] - begin)
                    bits &= bits - 1
                bits = equal_ahead & ~equal_behind
                while bits != 0:
                    d = lowest_bit[bits]
                    length = _run_length(flat, p, steps[d], level)
                    runs[d, level, length] += np.uint32(1)
                    longest[d] = max(longest[d], length)
                    bits &= bits - 1


@njit(cache=True, nogil=True)
def _dependent(flat: Any, p: Any, steps: Any, level: Any, coarseness: int) -> int:
    """The voxel itself and its neighbours whose level differs by at most the coarseness."""
    dependent = 1
    for step in steps:
        for side in (-step, step):
            other = np.int64(flat[p + side])
            dependent += 1 if other != 0 and abs(other - level) <= coarseness else 0
    return dependent


@njit(cache=True, nogil=True)
def _add_single_voxels(dependences: Any, runs: Any, longest: Any) -> None:
    """Runs of one voxel: those voxels of a level that no longer run holds."""
    for level in range(1, dependences.shape[0]):
        number = dependences[level].sum()
        if number == 0:
            continue
        for d in range(runs.shape[0]):
            single = number
            for length in range(2, longest[d] + 1):
                single -= length * np.int64(runs[d, level, length])
            runs[d, level, 1] = single
            if single > 0:
                longest[d] = max(longest[d], 1)


def texture_counts(
    box: LevelBox,
    slab: tuple[int, int],
    in_plane: bool,
    coarseness: float = 0.0,
    distances: NDArray[np.int32] | None = None,
) -> TextureCounts:
    """The matrices of the planes ``slab`` = (first, last + 1).

    ``coarseness`` is NGLDM's; ``distances`` (z, y, x) are the border distances that GLDZM needs
    (zones have distance 0 without them).
    """
    steps = directions(box, in_plane)
    size, number = box.highest + 1, len(steps)
    pairs = np.zeros((number, size, size), dtype=np.uint32)
    runs = np.zeros((number, size, max(box.levels.shape)), dtype=np.uint32)
    longest = np.zeros(number, dtype=np.int64)
    voxels, differences = np.zeros(size), np.zeros(size)
    dependences = np.zeros((size, 2 * number + 2), dtype=np.int64)
    plane = box.levels.shape[1] * box.levels.shape[2]
    parents = np.empty((slab[1] - slab[0]) * plane, dtype=np.int32)
    _scan(
        *(box.levels, steps, *_bit_tables(in_plane), int(np.floor(coarseness)), *slab, box.pad),
        *(pairs, runs, longest, voxels, differences, dependences, parents),
    )
    _add_single_voxels(dependences, runs, longest)
    return TextureCounts(
        pairs=pairs[:, 1:, 1:],
        runs=runs[:, :, : longest.max(initial=0) + 1],
        longest=longest,
        neighbourhoods=NeighbourhoodCounts(voxels, differences, dependences),
        zones=collect_zones(box, slab, parents, distances),
    )
