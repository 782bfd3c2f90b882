"""Separable wavelets (IBSI-2 25BO): undecimated low and high pass along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pywt
from numpy.typing import NDArray

from wbr_platform.radiomics.filters.boundary import Boundary, convolve_axis
from wbr_platform.radiomics.filters.rotations import Pooling, pooled, rotations


def _centred(weights: list[float]) -> NDArray[np.float64]:
    """Weights with a middle: wavelets have an even number of them, the middle is the n/2-th."""
    return np.array(weights if len(weights) % 2 else [*weights, 0.0])


def _stretched(kernel: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """À trous: 2^(level - 1) - 1 noughts between the weights."""
    step = 2 ** (level - 1)
    result = np.zeros(step * (len(kernel) - 1) + 1)
    result[::step] = kernel
    return result


def separable_wavelet(
    image: NDArray[Any],
    wavelet: str,
    passes: str,
    boundary: Boundary,
    level: int = 1,
    rotation_pooling: Pooling | None = None,
) -> NDArray[np.float64]:
    """One subband of an image (z, y, x).

    ``wavelet`` as PyWavelets names it (``haar``, ``db2``, ``coif1``); ``passes`` says low (L) or
    high (H) along x, y (and z), for example ``LHL``. Two letters filter slice by slice. Before the
    last level the low pass is taken along every axis.
    """
    axes = [2, 1, 0][: len(passes)]
    bank = pywt.Wavelet(wavelet)
    low, high = _centred(bank.dec_lo), _centred(bank.dec_hi)
    kernels = [low if letter == "L" else high for letter in passes]
    lows = [low] * len(passes)

    def response(turned: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        # Both sequences of kernels were turned alike: the first half is the low pass.
        result: NDArray[Any] = image
        half = len(turned) // 2
        for step in range(1, level + 1):
            used = turned[half:] if step == level else turned[:half]
            for kernel, axis in zip(used, axes, strict=True):
                result = convolve_axis(result, _stretched(kernel, step), axis, boundary)
        return result

    if rotation_pooling is None:
        return response((*lows, *kernels))
    turned_alike = zip(rotations(lows), rotations(kernels), strict=True)
    return pooled((response((*one, *two)) for one, two in turned_alike), rotation_pooling)
