"""What lies beyond an image's edge, and convolution along axes under that assumption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Boundary: TypeAlias = Literal["zero", "nearest", "periodic", "mirror"]
# "mirror" repeats the outermost voxel, as IBSI's reference response maps do.
_SCIPY_MODES = {"zero": "constant", "nearest": "nearest", "periodic": "wrap", "mirror": "reflect"}
_NUMPY_MODES = {"zero": "constant", "nearest": "edge", "periodic": "wrap", "mirror": "symmetric"}


def convolve_axis(
    array: NDArray[Any], kernel: NDArray[np.float64], axis: int, boundary: Boundary
) -> NDArray[np.float64]:
    """Convolution along one axis with a kernel of odd length."""
    if array.shape[axis] == 1:  # a single slice has no neighbour along its normal
        return np.asarray(array * kernel.sum(), dtype=np.float64)
    return np.asarray(
        ndimage.convolve1d(
            array,
            kernel,
            axis=axis,
            mode=_SCIPY_MODES[boundary],
            output=np.float64,
        )
    )


def mean_over_box(
    array: NDArray[Any], size: int, axes: Sequence[int], boundary: Boundary
) -> NDArray[np.float64]:
    """Mean over ``size`` voxels (odd) along each axis."""
    result = np.asarray(array, dtype=np.float64)
    for axis in axes:
        result = ndimage.uniform_filter1d(
            result, size, axis=axis, mode=_SCIPY_MODES[boundary], cval=0.0
        )
    return result


def padded(
    array: NDArray[Any], width: int, axes: Sequence[int], boundary: Boundary
) -> NDArray[np.float64]:
    """The image with ``width`` more voxels on both sides of each axis."""
    widths = [(width, width) if axis in axes else (0, 0) for axis in range(array.ndim)]
    mode: Any = _NUMPY_MODES[boundary]
    return np.pad(np.asarray(array, dtype=np.float64), widths, mode=mode)


def cropped(array: NDArray[Any], width: int, axes: Sequence[int]) -> NDArray[Any]:
    """The reverse of :func:`padded`."""
    inner = slice(width, -width) if width else slice(None)
    return array[tuple(inner if axis in axes else slice(None) for axis in range(array.ndim))]
