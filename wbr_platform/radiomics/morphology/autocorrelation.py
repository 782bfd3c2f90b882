"""Moran's I and Geary's C with the inverse distance as weight, exact over all pairs of voxels.

The double sums over pairs are sums over displacements of autocorrelations, which the convolution
theorem gives for the whole box at once; no pair is sampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from wbr_platform.radiomics.reasons import Reason, Values

Spacing = tuple[float, float, float]


def autocorrelation_features(
    image: NDArray[np.floating[Any]],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    box_limit: int,
) -> Values:
    """Both measures over the intensity mask (z, y, x) of an image; distances in mm.

    REGION_TOO_LARGE when the mask's box has more than ``box_limit`` voxels.
    """
    if mask.sum() < 2:
        return _both(Reason.REGION_TOO_SMALL)
    if mask.size > box_limit:
        return _both(Reason.REGION_TOO_LARGE)
    intensities = image[mask].astype(np.float64)
    if intensities.min() == intensities.max():
        return _both(Reason.FLAT_REGION)
    number = len(intensities)
    deviation = np.where(mask, image - intensities.mean(), 0.0)
    squared = np.square(deviation)
    weight, products, mixed = _weighted_sums(mask.astype(np.float64), deviation, squared, spacing)
    variance = squared.sum()
    return {
        "morph_moran_i": float(number / weight * products / variance),
        # Σ w (a - b)² = 2 Σ w a² - 2 Σ w a b
        "morph_geary_c": float((number - 1) / weight * (mixed - products) / variance),
    }


def _both(reason: Reason) -> Values:
    return {"morph_moran_i": reason, "morph_geary_c": reason}


def _weighted_sums(
    mask: NDArray[np.float64],
    deviation: NDArray[np.float64],
    squared: NDArray[np.float64],
    spacing: Spacing,
) -> tuple[float, float, float]:
    """Over ordered pairs a ≠ b: Σ w, Σ w·d_a·d_b and Σ w·d_a², by Parseval's theorem."""
    shape = [fft.next_fast_len(2 * size - 1, real=True) for size in mask.shape]
    steps = [fft.fftfreq(n, d=1 / n) * s for n, s in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*steps, indexing="ij", sparse=True)
    distance = np.sqrt(z * z + y * y + x * x)
    distance[0, 0, 0] = np.inf
    weights = fft.rfftn(1.0 / distance).real  # even, hence real
    # rfftn keeps half of the last axis: the other half counts once more, but for its ends.
    twice = np.full(weights.shape[-1], 2.0)
    twice[0] = 1.0
    if shape[-1] % 2 == 0:
        twice[-1] = 1.0
    weights *= twice / np.prod(shape)
    mask_spectrum = fft.rfftn(mask, shape)
    deviation_spectrum = fft.rfftn(deviation, shape)
    squared_spectrum = fft.rfftn(squared, shape)
    return (
        float((weights * np.abs(mask_spectrum) ** 2).sum()),
        float((weights * np.abs(deviation_spectrum) ** 2).sum()),
        float((weights * (squared_spectrum * mask_spectrum.conj()).real).sum()),
    )
