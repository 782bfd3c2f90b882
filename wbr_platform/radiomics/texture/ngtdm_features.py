"""Features of the neighbourhood grey tone difference matrix (IBSI IPET)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

NAMES = ("coarseness", "contrast", "busyness", "complexity", "strength")


@njit(cache=True, nogil=True)
def _features(levels: Any, counts: Any, differences: Any, out: Any) -> None:
    number, voxels = len(levels), counts.sum()
    weighted, contrast, busyness, complexity, strength = 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(number):
        p, s = counts[a] / voxels, differences[a]
        weighted += p * s
        for b in range(number):
            q, t = counts[b] / voxels, differences[b]
            apart = abs(levels[a] - levels[b])
            contrast += p * q * apart * apart
            busyness += abs(levels[a] * p - levels[b] * q)
            complexity += apart * (p * s + q * t) / (p + q)
            strength += (p + q) * apart * apart
    total = differences.sum()
    nan = np.nan
    out[0] = 1.0 / weighted if weighted > 0 else nan
    out[1] = contrast / (number * (number - 1)) * total / voxels if number > 1 else nan
    out[2] = weighted / busyness if busyness > 0 else nan
    out[3] = complexity / voxels
    out[4] = strength / total if total > 0 else nan


def ngtdm_features(
    voxels: NDArray[np.float64], differences: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The five features of a matrix (level,); all NaN when no voxel has a neighbour.

    NaN where the formula divides by nought (one grey level). The manual proposes stand-in numbers
    there (a coarseness of a million); a number that is none is not given here.
    """
    levels = np.flatnonzero(voxels)
    if not len(levels):
        return np.full(len(NAMES), np.nan)
    out = np.empty(len(NAMES))
    _features(levels.astype(np.float64), voxels[levels], differences[levels], out)
    return out
