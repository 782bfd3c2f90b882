"""Gabor filter (IBSI-2 Q88H): a wave under a Gaussian, in a plane; the modulus of the response."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from wbr_platform.radiomics.filters.boundary import Boundary, cropped, padded
from wbr_platform.radiomics.filters.rotations import Pooling, pooled

# Beyond this many standard deviations the Gaussian is below 1e-4 of its height.
_CUTOFF = 4.3
_PLANES = {"axial": (1, 2), "coronal": (0, 2), "sagittal": (0, 1)}


def gabor_kernel(
    sigma: float, wavelength: float, gamma: float, theta: float
) -> NDArray[np.complex128]:
    """Weights (rows, columns) in voxels; ``theta`` (radians) turns from the columns to the rows."""
    reach = int(np.ceil(_CUTOFF * sigma * max(1.0, 1.0 / gamma)))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = columns * np.cos(theta) + rows * np.sin(theta)
    across = rows * np.cos(theta) - columns * np.sin(theta)
    envelope = np.exp(-(along**2 + gamma**2 * across**2) / (2 * sigma**2))
    return np.asarray(envelope * np.exp(2j * np.pi * along / wavelength))


def gabor(
    image: NDArray[Any],
    sigma_mm: float,
    wavelength_mm: float,
    gamma: float,
    theta: float,
    spacing: tuple[float, float, float],
    boundary: Boundary,
    theta_step: float | None = None,
    orthogonal_planes: bool = False,
    pooling: Pooling = "average",
) -> NDArray[np.float64]:
    """Modulus of the response of an image (z, y, x), slice by slice.

    With ``theta_step`` (a part of a half turn) the filter also turns all the way round;
    ``orthogonal_planes`` takes the three sets of slices. All are pooled together. Voxels have to be
    squares in the planes used.
    """
    # Half a turn: the wave turned by a half has the same modulus.
    turns = 1 if theta_step is None else round(np.pi / theta_step)
    angles = [theta + k * (theta_step or 0.0) for k in range(turns)]
    planes = list(_PLANES.values()) if orthogonal_planes else [_PLANES["axial"]]

    def response(plane: tuple[int, int], angle: float) -> NDArray[np.float64]:
        step = spacing[plane[0]]
        kernel = gabor_kernel(sigma_mm / step, wavelength_mm / step, gamma, angle)
        width = kernel.shape[0] // 2
        shape = [1, 1, 1]
        shape[plane[0]], shape[plane[1]] = kernel.shape
        wide = padded(image, width, plane, boundary)
        found = signal.fftconvolve(wide, kernel.reshape(shape), mode="same", axes=plane)
        return np.asarray(np.abs(cropped(found, width, plane)))

    return pooled((response(plane, angle) for plane in planes for angle in angles), pooling)
