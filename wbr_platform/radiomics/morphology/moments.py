"""Centres and covariances of masks, from one pass over their voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskMoments:
    """``voxels`` of a mask, their mean index ``centre`` (3,) in (z, y, x), and the sums of products
    of the deviations from it, ``scatter`` (3, 3)."""

    voxels: int
    centre: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @property
    def sample_covariance(self) -> NDArray[np.float64]:
        """Covariance (3, 3) of the indices, divided by n - 1; for at least two voxels."""
        return self.scatter / (self.voxels - 1)


@njit(cache=True, nogil=True)
def _mask_sums(mask: Any) -> Any:
    """Exact sums over the voxels: 1, z, y, x, z², y², x², zy, zx, yx."""
    sums = np.zeros(10, dtype=np.int64)
    depth, height, width = mask.shape
    for z in range(depth):
        for y in range(height):
            number: Any = 0
            along: Any = 0
            squares: Any = 0
            for x in range(width):
                inside = np.int64(mask[z, y, x])
                number += inside
                along += inside * x
                squares += inside * x * x
            if number == 0:
                continue
            sums[0] += number
            sums[1] += number * z
            sums[2] += number * y
            sums[3] += along
            sums[4] += number * z * z
            sums[5] += number * y * y
            sums[6] += squares
            sums[7] += number * z * y
            sums[8] += along * z
            sums[9] += along * y
    return sums


def mask_moments(mask: NDArray[np.bool_]) -> MaskMoments:
    """The moments of a mask (z, y, x) that has at least one voxel."""
    number, *sums = (int(value) for value in _mask_sums(mask))
    first = np.array(sums[:3], dtype=np.float64)
    zz, yy, xx, zy, zx, yx = sums[3:]
    second = ((zz, zy, zx), (zy, yy, yx), (zx, yx, xx))
    # n · Σab - Σa · Σb in whole numbers of any size: nothing cancels.
    scatter = [
        [(number * second[a][b] - sums[a] * sums[b]) / number for b in range(3)] for a in range(3)
    ]
    return MaskMoments(number, first / number, np.array(scatter))


@njit(cache=True, nogil=True)
def _weighted_sums(image: Any, mask: Any) -> Any:
    sums = np.zeros(4)
    depth, height, width = mask.shape
    for z in range(depth):
        for y in range(height):
            total, along = 0.0, 0.0
            for x in range(width):
                if mask[z, y, x]:
                    value = np.float64(image[z, y, x])
                    total += value
                    along += value * x
            sums[0] += total
            sums[1] += total * z
            sums[2] += total * y
            sums[3] += along
    return sums


def intensity_centre(
    image: NDArray[np.floating[Any]], mask: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Mean index (3,) weighted with the intensities inside a mask; None when they sum to nought."""
    total, *sums = _weighted_sums(image, mask)
    return np.array(sums) / total if total != 0 else None
