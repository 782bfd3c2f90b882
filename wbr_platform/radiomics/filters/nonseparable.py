"""Filters of the Fourier domain: Simoncelli's wavelet (IBSI-2 LODD) and the Riesz transform (AYRS).

Frequencies count in parts of Nyquist's. A voxel's axes enter alike: voxels have to be cubes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.filters.boundary import Boundary, cropped, padded

Orders = tuple[int, int, int]


def _frequencies(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[NDArray[np.float64]]:
    """Per axis of the filter the frequencies, shaped for broadcasting."""
    result: list[NDArray[np.float64]] = []
    for axis in axes:
        sides = [1] * len(shape)
        sides[axis] = shape[axis]
        frequencies = np.asarray(2 * np.fft.fftfreq(shape[axis]), dtype=np.float64)
        result.append(frequencies.reshape(sides))
    return result


def _radius(frequencies: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(sum(np.square(one) for one in frequencies)))


def simoncelli_transfer(radius: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """The band-pass (B map) of a level: an octave on both sides of 2^-level of Nyquist's."""
    scaled = radius * 2 ** (level - 1)
    inside = (scaled > 0.25) & (scaled <= 1.0)
    result = np.zeros(radius.shape)
    result[inside] = np.cos(np.pi / 2 * np.log2(2 * scaled[inside]))
    return result


def riesz_transfer(
    frequencies: list[NDArray[np.float64]], orders: tuple[int, ...]
) -> NDArray[np.complex128]:
    """The transform of order l = Σ orders; one order for each frequency axis."""
    total = sum(orders)
    radius = _radius(frequencies)
    product = np.ones(radius.shape)
    for frequency, order in zip(frequencies, orders, strict=True):
        product = product * frequency**order
    weight = math.sqrt(math.factorial(total) / math.prod(math.factorial(k) for k in orders))
    direction = product / np.where(radius > 0, radius, 1.0) ** total
    direction[radius == 0] = 0.0 if total else 1.0
    return np.asarray((-1j) ** total * weight * direction)


def _log_transfer(
    frequencies: list[NDArray[np.float64]], sigmas: tuple[float, ...]
) -> NDArray[np.float64]:
    """Transfer function of the Laplacian of Gaussian; sigmas in voxels."""
    angular = [np.pi * one for one in frequencies]
    square = sum(np.square(one) for one in angular)
    exponent = sum(np.square(one * s) for one, s in zip(angular, sigmas, strict=True))
    return np.asarray(-square * np.exp(-0.5 * exponent))


def _filtered(
    image: NDArray[Any],
    axes: tuple[int, ...],
    boundary: Boundary,
    margin: int,
    transfer: Any,
) -> NDArray[np.float64]:
    """The image multiplied with a transfer function; a margin keeps its opposite edges apart."""
    width = 0 if boundary == "periodic" else margin
    wide = padded(image, width, axes, boundary)
    spectrum = np.fft.fftn(wide, axes=axes) * transfer(_frequencies(wide.shape, axes))
    return np.asarray(cropped(np.fft.ifftn(spectrum, axes=axes).real, width, axes))


def simoncelli(
    image: NDArray[Any],
    level: int,
    boundary: Boundary,
    in_plane: bool = False,
    riesz_orders: tuple[int, ...] | None = None,
) -> NDArray[np.float64]:
    """Band-pass of an image (z, y, x) at a level, after a Riesz transform where orders are given.

    ``riesz_orders`` along x, y (and z).
    """
    axes = (2, 1) if in_plane else (2, 1, 0)

    def transfer(frequencies: list[NDArray[np.float64]]) -> NDArray[Any]:
        band = simoncelli_transfer(_radius(frequencies), level)
        return band if riesz_orders is None else band * riesz_transfer(frequencies, riesz_orders)

    return _filtered(image, axes, boundary, _margin(image, axes), transfer)


def riesz_log(
    image: NDArray[Any],
    sigma_mm: float,
    riesz_orders: tuple[int, ...],
    spacing: tuple[float, float, float],
    boundary: Boundary,
    in_plane: bool = False,
) -> NDArray[np.float64]:
    """Riesz transform, with orders along x, y (and z), of the Laplacian of Gaussian."""
    axes = (2, 1) if in_plane else (2, 1, 0)
    sigmas = tuple(sigma_mm / spacing[axis] for axis in axes)

    def transfer(frequencies: list[NDArray[np.float64]]) -> NDArray[Any]:
        return _log_transfer(frequencies, sigmas) * riesz_transfer(frequencies, riesz_orders)

    return _filtered(image, axes, boundary, _margin(image, axes), transfer)


def _margin(image: NDArray[Any], axes: tuple[int, ...]) -> int:
    """Half the image: these filters have no end, but fade."""
    return max(image.shape[axis] for axis in axes) // 2
