"""Features of matrices that count grey level against a size: runs, zones, distances, dependences.

The four families GLRLM, GLSZM, GLDZM and NGLDM have the same formulas; the second index is the
run's length, the zone's size, its distance to the border, or the number of dependent neighbours.
"""

from __future__ import annotations

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


@njit(cache=True, nogil=True)
def _add_item(i: float, j: float, count: float, out: Any) -> None:
    """What one element of a matrix adds to the sums 0 to 7 and 15 to 18."""
    i2, j2 = i * i, j * j
    out[0] += count / j2
    out[1] += count * j2
    out[2] += count / i2
    out[3] += count * i2
    out[4] += count / (i2 * j2)
    out[5] += count * i2 / j2
    out[6] += count * j2 / i2
    out[7] += count * i2 * j2
    out[13] += count * i
    out[14] += count * j
    out[15] += count * np.log2(count)
    out[16] += count * count


@njit(cache=True, nogil=True)
def _finish(total: float, voxels: float, out: Any) -> None:
    """From sums over counts to features; 8, 10 hold the squared marginals, 13, 14 first moments."""
    for k in range(8):
        out[k] /= total
    out[9], out[11] = out[8] / (total * total), out[10] / (total * total)
    out[8], out[10] = out[8] / total, out[10] / total
    out[12] = total / voxels
    # Entropy of p = count / total: log2(total) - Σ count·log2(count) / total.
    out[15] = max(np.log2(total) - out[15] / total, 0.0)
    out[16] /= total * total


@njit(cache=True, nogil=True)
def _dense(counts: Any, longest: int, voxels: float, out: Any) -> None:
    """Features of a matrix of counts (level, size), its rows and columns 0 being empty."""
    by_level, by_size = np.zeros(counts.shape[0]), np.zeros(longest + 1)
    out[:] = 0.0
    for level in range(1, counts.shape[0]):
        for size in range(1, longest + 1):
            count = np.float64(counts[level, size])
            if count > 0.0:
                by_level[level] += count
                by_size[size] += count
                _add_item(float(level), float(size), count, out)
    total = by_level.sum()
    if total == 0.0:
        out[:] = np.nan
        return
    mean_level, mean_size = out[13] / total, out[14] / total
    out[13], out[14] = 0.0, 0.0
    for level in range(1, counts.shape[0]):
        out[8] += by_level[level] ** 2
        out[13] += by_level[level] / total * (level - mean_level) ** 2
    for size in range(1, longest + 1):
        out[10] += by_size[size] ** 2
        out[14] += by_size[size] / total * (size - mean_size) ** 2
    _finish(total, voxels, out)


@njit(cache=True, nogil=True)
def _sparse(keys: Any, highest: int, voxels: float, out: Any) -> None:
    """Features of items whose keys (size << 16 | level) are in ascending order."""
    by_level = np.zeros(highest + 1)
    out[:] = 0.0
    total = float(len(keys))
    mean_size = 0.0
    for key in keys:
        mean_size += (key >> 16) / total
    start, size_start = 0, 0
    for k in range(1, len(keys) + 1):
        if k < len(keys) and keys[k] == keys[start]:
            continue
        level, size, count = keys[start] & 0xFFFF, keys[start] >> 16, float(k - start)
        by_level[level] += count
        _add_item(float(level), float(size), count, out)
        start = k
        if k == len(keys) or keys[k] >> 16 != size:
            out[10] += float(k - size_start) ** 2
            out[17] += (k - size_start) / total * (size - mean_size) ** 2
            size_start = k
    mean_level = out[13] / total
    out[13], out[14] = 0.0, out[17]
    for level in range(1, highest + 1):
        out[8] += by_level[level] ** 2
        out[13] += by_level[level] / total * (level - mean_level) ** 2
    _finish(total, voxels, out)


@njit(cache=True, nogil=True)
def _dense_table(counts: Any, longest: Any, voxels: float) -> Any:
    table = np.empty((counts.shape[0], 17))
    for d in range(counts.shape[0]):
        _dense(counts[d], longest[d], voxels, table[d])
    return table


def matrix_features(
    counts: NDArray[np.integer[Any]], voxels: int, longest: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The 17 features (matrix, 17) of matrices of counts (matrix, level, size).

    ``voxels`` is the number of voxels that could have given an item (for runs merged over several
    directions: times the number of directions); ``longest`` (matrix,) the greatest size with a
    count, where it is known. An empty matrix has NaN. The last feature, the energy, is NGLDM's own.
    """
    if longest is None:
        longest = np.full(len(counts), counts.shape[2] - 1, dtype=np.int64)
    return np.asarray(_dense_table(counts, longest, float(voxels)))


def item_features(
    levels: NDArray[np.int64], sizes: NDArray[np.int64], voxels: int
) -> NDArray[np.float64]:
    """The 17 features (17,) of items (n,), n at least 1, each with its level and size."""
    out = np.empty(18)
    keys = np.sort(sizes << 16 | levels)
    _sparse(keys, int(levels.max()), float(voxels), out)
    return out[:17]
