"""Intensity histogram: statistics of the grey levels (IBSI ZVCW)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.reasons import Reason, Value, Values
from wbr_platform.radiomics.statistics import distribution


def histogram_features(levels: NDArray[np.int64]) -> Values:
    """The 23 features of a region's grey levels (n,), each at least 1."""
    counts = np.bincount(levels)[1:]  # counts[i - 1] voxels have level i
    present = np.flatnonzero(counts)
    grey_levels = (present + 1).astype(np.float64)
    values = distribution(grey_levels, counts[present])
    probabilities = counts[present] / len(levels)
    values["mode"] = _mode(counts, float(grey_levels @ probabilities))
    values["entropy"] = float(-(probabilities * np.log2(probabilities)).sum()) + 0.0
    values["uniformity"] = float(np.square(probabilities).sum())
    values |= _gradients(counts)
    return {f"ih_{name}": value for name, value in values.items()}


def _mode(counts: NDArray[np.int64], mean: float) -> float:
    """The commonest level; of several the nearest to the mean, then the lower."""
    candidates = np.flatnonzero(counts == counts.max()) + 1
    return float(candidates[np.argmin(np.abs(candidates - mean))])


def _gradients(counts: NDArray[np.int64]) -> Values:
    """Steepest rise and fall of the histogram and the levels where they are."""
    names = ("max_grad", "max_grad_g", "min_grad", "min_grad_g")
    if len(counts) < 2:
        return dict.fromkeys(names, Reason.FLAT_REGION)
    gradient = np.gradient(counts.astype(np.float64))
    steepest, deepest = int(np.argmax(gradient)), int(np.argmin(gradient))
    values: tuple[Value, ...] = (
        float(gradient[steepest]),
        float(steepest + 1),
        float(gradient[deepest]),
        float(deepest + 1),
    )
    return dict(zip(names, values, strict=True))
