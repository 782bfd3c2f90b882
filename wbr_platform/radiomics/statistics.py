"""Intensity statistics (IBSI UHIW); the histogram's statistics use the same formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.reasons import Reason, Values, ratio


def intensity_statistics(intensities: NDArray[np.float64]) -> Values:
    """The 18 statistics of a region's intensities (n,), n at least 1."""
    values = distribution(np.sort(intensities))
    energy = float(np.square(intensities).sum())
    values["energy"] = energy
    values["rms"] = float(np.sqrt(energy / len(intensities)))
    return {f"stat_{name}": value for name, value in values.items()}


def distribution(ordered: NDArray[np.floating[Any]]) -> Values:
    """The statistics that intensities and grey levels share, of values in ascending order.

    Percentiles are interpolated linearly. Skewness and kurtosis of equal values are undefined
    (FLAT_REGION).
    """
    x = ordered.astype(np.float64, copy=False)
    mean, median = float(x.mean()), _percentile(x, 50)
    low, high = _percentile(x, 10), _percentile(x, 90)
    lower_quartile, upper_quartile = _percentile(x, 25), _percentile(x, 75)
    deviations = x - mean
    squares = np.square(deviations)
    variance = float(squares.mean())
    flat = bool(x[0] == x[-1])
    too_few = Reason.REGION_TOO_SMALL  # of two values none lies between the 10 and 90 % marks
    inner = x[np.searchsorted(x, low, "left") : np.searchsorted(x, high, "right")]
    return {
        "mean": mean,
        "var": variance,
        "skew": Reason.FLAT_REGION
        if flat
        else float((squares * deviations).mean() / variance**1.5),
        "kurt": Reason.FLAT_REGION if flat else float(np.square(squares).mean() / variance**2 - 3),
        "median": median,
        "min": float(x[0]),
        "p10": low,
        "p90": high,
        "max": float(x[-1]),
        "iqr": upper_quartile - lower_quartile,
        "range": float(x[-1] - x[0]),
        "mad": float(np.abs(deviations).mean()),
        "rmad": float(np.abs(inner - inner.mean()).mean()) if len(inner) else too_few,
        "medad": float(np.abs(x - median).mean()),
        "cov": ratio(float(np.sqrt(variance)), mean, Reason.ZERO_DENOMINATOR),
        "qcod": ratio(
            upper_quartile - lower_quartile,
            upper_quartile + lower_quartile,
            Reason.ZERO_DENOMINATOR,
        ),
    }


def _percentile(ordered: NDArray[np.float64], percent: float) -> float:
    """Linear interpolation between the two nearest ranks (position percent/100 · (n - 1))."""
    position = percent / 100 * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    share = position - below
    return float(ordered[below] + share * (ordered[above] - ordered[below]))
