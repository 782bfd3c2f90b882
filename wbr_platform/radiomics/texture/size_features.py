"""Features of matrices that count grey level against a size: runs, zones, distances, dependences.

The four families GLRLM, GLSZM, GLDZM and NGLDM have the same formulas; the second index is the
run's length, the zone's size, its distance to the border, or the number of dependent neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Names per family, in the order of the kernel's output (shared by the four).
GLRLM_NAMES = (
    *("sre", "lre", "lgre", "hgre", "srlge", "srhge", "lrlge", "lrhge"),
    *("glnu", "glnu_norm", "rlnu", "rlnu_norm", "r_perc", "gl_var", "rl_var", "rl_entr"),
)
GLSZM_NAMES = (
    *("sze", "lze", "lgze", "hgze", "szlge", "szhge", "lzlge", "lzhge"),
    *("glnu", "glnu_norm", "zsnu", "zsnu_norm", "z_perc", "gl_var", "zs_var", "zs_entr"),
)
GLDZM_NAMES = (
    *("sde", "lde", "lgze", "hgze", "sdlge", "sdhge", "ldlge", "ldhge"),
    *("glnu", "glnu_norm", "zdnu", "zdnu_norm", "z_perc", "gl_var", "zd_var", "zd_entr"),
)
NGLDM_NAMES = (
    *("lde", "hde", "lgce", "hgce", "ldlge", "ldhge", "hdlge", "hdhge"),
    *("glnu", "glnu_norm", "dcnu", "dcnu_norm", "dc_perc", "gl_var", "dc_var", "dc_entr"),
    "dc_energy",
)


@dataclass(frozen=True)
class SizeCounts:
    """The elements of a matrix that are not nought: level, size, count, each (n,)."""

    levels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of_dense(cls, matrix: NDArray[np.int64]) -> SizeCounts:
        """Of a matrix of counts (level, size)."""
        levels, sizes = np.nonzero(matrix)
        return cls(levels, sizes, matrix[levels, sizes])

    @classmethod
    def of_items(cls, levels: NDArray[np.int64], sizes: NDArray[np.int64]) -> SizeCounts:
        """Of a list of items, each with its level and size."""
        keys, counts = np.unique(levels << 40 | sizes, return_counts=True)
        return cls(keys >> 40, keys & ((1 << 40) - 1), counts.astype(np.int64))


@njit(cache=True, nogil=True)
def _features(levels: Any, sizes: Any, counts: Any, voxels: float, out: Any) -> None:
    by_level = np.zeros(levels.max() + 1)
    by_size = np.zeros(
        len(sizes)
    )  # sizes can be huge: summed over equal ones, sorted by the caller
    total = 0.0
    for k in range(len(counts)):
        total += counts[k]
    out[:] = 0.0
    mean_level, mean_size = 0.0, 0.0
    for k in range(len(counts)):
        i, j, p = float(levels[k]), float(sizes[k]), counts[k] / total
        i2, j2 = i * i, j * j
        out[0] += p / j2
        out[1] += p * j2
        out[2] += p / i2
        out[3] += p * i2
        out[4] += p / (i2 * j2)
        out[5] += p * i2 / j2
        out[6] += p * j2 / i2
        out[7] += p * i2 * j2
        mean_level += p * i
        mean_size += p * j
        out[15] -= p * np.log2(p)
        out[16] += p * p
        by_level[levels[k]] += counts[k]
    for count in by_level:
        out[8] += count * count
    rank, previous = -1, -1
    for k in np.argsort(sizes):
        if sizes[k] != previous:
            rank, previous = rank + 1, sizes[k]
        by_size[rank] += counts[k]
    for count in by_size:
        out[10] += count * count
    for k in range(len(counts)):
        p = counts[k] / total
        out[13] += p * (levels[k] - mean_level) ** 2
        out[14] += p * (sizes[k] - mean_size) ** 2
    out[9], out[11] = out[8] / (total * total), out[10] / (total * total)
    out[8], out[10] = out[8] / total, out[10] / total
    out[12] = total / voxels


def size_features(matrix: SizeCounts, voxels: int) -> NDArray[np.float64] | None:
    """The 17 features of one matrix; None when it is empty.

    ``voxels`` is the number of voxels that could have given an item (for runs merged over several
    directions: times the number of directions). The last feature, the energy, is NGLDM's own.
    """
    if not len(matrix.counts):
        return None
    out = np.empty(17)
    _features(matrix.levels, matrix.sizes, matrix.counts, float(voxels), out)
    return out


def run_features(counts: NDArray[np.int64], voxels: int) -> NDArray[np.float64] | None:
    """:func:`size_features` of a dense matrix of runs (level, length)."""
    return size_features(SizeCounts.of_dense(counts), voxels)
