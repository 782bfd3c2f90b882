"""Each voxel against its neighbourhood: NGTDM (IBSI IPET) and NGLDM (IBSI REK0).

For any Chebyshev distance; the common distance of one comes out of :mod:`.scan` with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, neighbours


@dataclass(frozen=True)
class NeighbourhoodCounts:
    """What the neighbourhoods of a slab say.

    ``voxels`` (level,): voxels that have a neighbour in the region; ``differences`` (level,): sum
    of their absolute differences from the neighbours' mean; ``dependences`` (level, k): voxels
    with k - 1 neighbours whose level is as close as the coarseness.
    """

    voxels: NDArray[np.float64]
    differences: NDArray[np.float64]
    dependences: NDArray[np.int64]

    def __add__(self, other: NeighbourhoodCounts) -> NeighbourhoodCounts:
        return NeighbourhoodCounts(
            self.voxels + other.voxels,
            self.differences + other.differences,
            self.dependences + other.dependences,
        )


@njit(cache=True, nogil=True)
def _scan(
    levels: Any,
    steps: Any,
    coarseness: float,
    first: int,
    last: int,
    pad: int,
    voxels: Any,
    differences: Any,
    dependences: Any,
) -> None:
    height, width = levels.shape[1], levels.shape[2]
    flat = levels.ravel()
    for z in range(first, last):
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for p in range(start + pad, start + width - pad):
                level = np.int64(flat[p])
                if level == 0:
                    continue
                total, number, dependent = np.int64(0), 0, 1
                for step in steps:
                    other = np.int64(flat[p + step])
                    total += other
                    inside = other != 0
                    number += 1 if inside else 0
                    dependent += 1 if inside and abs(other - level) <= coarseness else 0
                dependences[level, dependent] += 1
                if number > 0:
                    voxels[level] += 1.0
                    differences[level] += abs(level - total / number)


def neighbourhood_counts(
    box: LevelBox, slab: tuple[int, int], in_plane: bool, distance: int, coarseness: float
) -> NeighbourhoodCounts:
    """Both matrices of a slab, from one pass over it."""
    steps = neighbours(box, in_plane, distance)
    size = box.highest + 1
    voxels, differences = np.zeros(size), np.zeros(size)
    dependences = np.zeros((size, len(steps) + 2), dtype=np.int64)
    _scan(
        *(box.levels, steps, float(coarseness), *slab, box.pad),
        *(voxels, differences, dependences),
    )
    return NeighbourhoodCounts(voxels, differences, dependences)
