"""Mean filter (IBSI-2 S60F) and Laplacian of Gaussian (IBSI-2 L6PA)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.filters.boundary import Boundary, convolve_axis, mean_over_box


def mean_filter(
    image: NDArray[Any], support: int, boundary: Boundary, in_plane: bool = False
) -> NDArray[np.float64]:
    """Mean of an image (z, y, x) over a cube (a square in the plane) of ``support`` voxels, odd."""
    if support % 2 == 0:
        raise ValueError("the support is an odd number of voxels")
    return mean_over_box(image, support, (2, 1) if in_plane else (2, 1, 0), boundary)


def laplacian_of_gaussian(
    image: NDArray[Any],
    sigma_mm: float,
    spacing: tuple[float, float, float],
    boundary: Boundary,
    in_plane: bool = False,
    cutoff: float = 4.0,
) -> NDArray[np.float64]:
    """Laplacian of the image (z, y, x) smoothed by a Gaussian, cut off at ``cutoff`` · sigma.

    Lengths count in voxels of each axis: meant for voxels that are cubes (squares in the plane).
    """
    axes = (2, 1) if in_plane else (2, 1, 0)
    total = np.zeros(image.shape)
    for derived in axes:
        part: NDArray[Any] = image
        for axis in axes:
            smooth, second = _kernels(sigma_mm / spacing[axis], cutoff)
            part = convolve_axis(part, second if axis == derived else smooth, axis, boundary)
        total += part
    return total


def _kernels(sigma: float, cutoff: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sampled Gaussian and its second derivative; sigma in voxels."""
    reach = int(cutoff * sigma + 0.5)
    at = np.arange(-reach, reach + 1) / sigma
    gaussian = np.exp(-0.5 * at**2) / (np.sqrt(2 * np.pi) * sigma)
    return gaussian, gaussian * (at**2 - 1) / sigma**2
