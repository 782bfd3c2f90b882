"""Interpolation on the policy's grid, whose centre is that of the image (IBSI 03_Interpolation).

The two grids share their directions, so that each axis can be treated on its own: for each new
voxel a few old ones and their weights. Beyond the image the nearest voxel counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

# The cubic B-spline's prefilter forgets a voxel by a factor 0.27 a step: 14 steps are 1e-8.
SPLINE_MARGIN = 14


@dataclass(frozen=True)
class AxisTaps:
    """For each new voxel along an axis the old ``indices`` (n, taps) and ``weights`` (n, taps)."""

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]


def positions(old_size: int, old_spacing: float, new_size: int, new_spacing: float) -> Any:
    """Continuous old indices (new_size,) of the new voxel centres."""
    offsets = np.arange(new_size) - (new_size - 1) / 2
    return offsets * (new_spacing / old_spacing) + (old_size - 1) / 2


def linear_taps(at: NDArray[np.float64], size: int, outside_is_zero: bool = False) -> AxisTaps:
    """Linear interpolation; the nearest voxel beyond the centres of the first and last.

    With ``outside_is_zero`` positions beyond the outer faces of the image weigh nothing.
    """
    inside = np.clip(at, 0, size - 1)
    first = np.minimum(np.floor(inside).astype(np.int64), max(size - 2, 0))
    share = inside - first
    indices = np.stack([first, np.minimum(first + 1, size - 1)], axis=1)
    weights = np.stack([1 - share, share], axis=1)
    if outside_is_zero:
        weights[(at < -0.5 - 1e-9) | (at > size - 0.5 + 1e-9)] = 0.0
    return AxisTaps(indices, weights)


def spline_taps(at: NDArray[np.float64], size: int) -> AxisTaps:
    """Cubic B-spline weights of the coefficients, mirrored at the outer voxel centres."""
    inside = np.clip(at, 0, size - 1)
    first = np.floor(inside).astype(np.int64)
    t = inside - first
    weights = np.stack(
        [
            (1 - t) ** 3,
            3 * t**3 - 6 * t**2 + 4,
            -3 * t**3 + 3 * t**2 + 3 * t + 1,
            t**3,
        ],
        axis=1,
    )
    indices = np.abs(first[:, None] + np.arange(-1, 3))
    indices = np.where(indices > size - 1, 2 * (size - 1) - indices, indices)
    return AxisTaps(np.clip(indices, 0, size - 1), weights / 6.0)


def spline_coefficients(array: NDArray[Any]) -> NDArray[np.float64]:
    """Coefficients of the cubic B-spline through an array's values (mirrored boundary)."""
    return np.asarray(ndimage.spline_filter(array, order=3, output=np.float64, mode="mirror"))


@njit(cache=True, nogil=True)
def _interpolate(
    array: Any, iz: Any, wz: Any, iy: Any, wy: Any, ix: Any, wx: Any, result: Any
) -> None:
    width = array.shape[2]
    row = np.empty(width, dtype=np.float64)
    for z in range(iz.shape[0]):
        for y in range(iy.shape[0]):
            row[:] = 0.0
            for a in range(iz.shape[1]):
                for b in range(iy.shape[1]):
                    weight = wz[z, a] * wy[y, b]
                    if weight != 0.0:
                        source = array[iz[z, a], iy[y, b]]
                        for x in range(width):
                            row[x] += weight * source[x]
            for x in range(ix.shape[0]):
                total = 0.0
                for c in range(ix.shape[1]):
                    total += wx[x, c] * row[ix[x, c]]
                result[z, y, x] = total


def interpolate(
    array: NDArray[Any],
    taps: tuple[AxisTaps, AxisTaps, AxisTaps],
    dtype: Literal["float32", "float64"] = "float64",
) -> NDArray[np.floating[Any]]:
    """Values (z, y, x) at the new voxels that the taps of the three axes describe."""
    shape = tuple(len(axis.indices) for axis in taps)
    result = np.empty(shape, dtype=dtype)
    z, y, x = taps
    contiguous = np.ascontiguousarray(array)
    _interpolate(
        contiguous, z.indices, z.weights, y.indices, y.weights, x.indices, x.weights, result
    )
    return result
