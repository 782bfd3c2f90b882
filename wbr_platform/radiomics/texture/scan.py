"""All texture matrices of a slab from one read of its voxels.

Neighbours are those at a Chebyshev distance of one: the 13 directions of the volume, or the 4 of a
slice. Both ends of a direction are looked at together, so that every pair of voxels is loaded once
for co-occurrences (GLCM), runs (GLRLM), neighbourhoods (NGTDM, NGLDM) and zones (GLSZM, GLDZM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, directions
from wbr_platform.radiomics.texture.neighbourhood_matrix import NeighbourhoodCounts
from wbr_platform.radiomics.texture.zone_matrix import Zones, collect_zones, join_zones


@dataclass(frozen=True)
class TextureCounts:
    """The matrices of one slab.

    ``pairs`` (direction, i - 1, j - 1): how often level i has level j one step ahead. ``runs``
    (direction, level, length) and ``longest`` (direction,), the longest run that occurs.
    """

    pairs: NDArray[np.uint32]
    runs: NDArray[np.uint32]
    longest: NDArray[np.int64]
    neighbourhoods: NeighbourhoodCounts
    zones: Zones


@njit(cache=True, nogil=True)
def _run_length(flat: Any, p: int, step: int, level: int) -> int:
    """Voxels of one level from ``p`` onwards."""
    length, ahead = 1, p + step
    while flat[np.uint64(ahead)] == level:
        length += 1
        ahead += step
    return length


@njit(cache=True, nogil=True)
def _scan(
    levels: Any,
    steps: Any,
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
                total, number, dependent = 0, 0, 1
                root = p - begin
                parents[root] = root
                for d in range(steps.shape[0]):
                    step = steps[d]
                    ahead = np.int64(flat[np.uint64(p + step)])
                    behind = np.int64(flat[np.uint64(p - step)])
                    # Column 0 takes the pairs with a voxel outside; it is dropped afterwards.
                    pairs[d, np.uint64(level), np.uint64(ahead)] += np.uint32(1)
                    total += ahead + behind
                    number += (ahead != 0) + (behind != 0)
                    if coarseness > 0:
                        dependent += (ahead != 0) & (abs(ahead - level) <= coarseness)
                        dependent += (behind != 0) & (abs(behind - level) <= coarseness)
                    else:
                        dependent += (ahead == level) + (behind == level)
                    if behind == level:
                        root = join_zones(parents, root, p - step - begin)
                    else:
                        length = _run_length(flat, p, step, level) if ahead == level else 1
                        runs[d, np.uint64(level), np.uint64(length)] += np.uint32(1)
                        longest[d] = max(longest[d], length)
                dependences[level, dependent] += 1
                if number > 0:
                    voxels[level] += 1.0
                    differences[level] += abs(level - total / number)


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
        *(box.levels, steps, int(np.floor(coarseness)), *slab, box.pad),
        *(pairs, runs, longest, voxels, differences, dependences, parents),
    )
    return TextureCounts(
        pairs=pairs[:, 1:, 1:],
        runs=runs[:, :, : longest.max(initial=0) + 1],
        longest=longest,
        neighbourhoods=NeighbourhoodCounts(voxels, differences, dependences),
        zones=collect_zones(box, slab, parents, distances),
    )
