"""Intensity statistics (IBSI UHIW); the histogram's statistics use the same formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.reasons import Reason, Values, ratio


@njit(cache=True, nogil=True)
def _power_sums(values: Any, counts: Any) -> tuple[float, float]:
    """Σ x and Σ x². Not left to BLAS, whose threads would cost more than the sum."""
    total, squares = 0.0, 0.0
    for k in range(len(values)):
        total += counts[k] * values[k]
        squares += counts[k] * values[k] * values[k]
    return total, squares


@njit(cache=True, nogil=True)
def _central_sums(
    values: Any, counts: Any, mean: float, median: float, low: float, high: float
) -> tuple[float, float, float, float, float, float]:
    """Central moments 2 to 4, mean deviations from mean, inner mean (NaN if none) and median."""
    number, inner, inner_sum = 0.0, 0.0, 0.0
    second, third, fourth, absolute, from_median = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(len(values)):
        value, count = values[k], counts[k]
        deviation = value - mean
        square = deviation * deviation
        number += count
        second += count * square
        third += count * square * deviation
        fourth += count * square * square
        absolute += count * abs(deviation)
        from_median += count * abs(value - median)
        if low <= value <= high:
            inner += count
            inner_sum += count * value
    robust = np.nan
    if inner > 0.0:
        inner_mean = inner_sum / inner
        robust = 0.0
        for k in range(len(values)):
            if low <= values[k] <= high:
                robust += counts[k] * abs(values[k] - inner_mean)
        robust /= inner
    return (
        *(second / number, third / number, fourth / number),
        *(absolute / number, robust, from_median / number),
    )


def intensity_statistics(intensities: NDArray[np.float64]) -> Values:
    """The 18 statistics of a region's intensities (n,), n at least 1."""
    ordered, once = np.sort(intensities), np.ones(len(intensities), dtype=np.int64)
    values = distribution(ordered, once)
    energy = _power_sums(ordered, once)[1]
    values["energy"] = energy
    values["rms"] = math.sqrt(energy / len(intensities))
    return {f"stat_{name}": value for name, value in values.items()}


def distribution(values: NDArray[np.float64], counts: NDArray[np.int64]) -> Values:
    """The statistics that intensities and grey levels share.

    ``values`` (n,) in ascending order, each ``counts`` times (at least once). Percentiles are
    interpolated linearly. Skewness and kurtosis of equal values are undefined (FLAT_REGION).
    """
    ends = counts.cumsum()
    lower_quartile, upper_quartile = _percentile(values, ends, 25), _percentile(values, ends, 75)
    low, median, high = (_percentile(values, ends, percent) for percent in (10, 50, 90))
    mean = _power_sums(values, counts)[0] / int(ends[-1])
    lowest, highest = float(values[0]), float(values[-1])
    variance, third, fourth, mad, robust, from_median = _central_sums(
        values, counts, mean, median, low, high
    )
    spread = upper_quartile - lower_quartile
    flat = lowest == highest
    return {
        "mean": mean,
        "var": variance,
        "skew": Reason.FLAT_REGION if flat else third / variance**1.5,
        "kurt": Reason.FLAT_REGION if flat else fourth / variance**2 - 3,
        "median": median,
        "min": lowest,
        "p10": low,
        "p90": high,
        "max": highest,
        "iqr": spread,
        "range": highest - lowest,
        "mad": mad,
        # Of two values none lies between the 10 and 90 % marks.
        "rmad": Reason.REGION_TOO_SMALL if math.isnan(robust) else robust,
        "medad": from_median,
        "cov": ratio(math.sqrt(variance), mean, Reason.ZERO_DENOMINATOR),
        "qcod": ratio(spread, upper_quartile + lower_quartile, Reason.ZERO_DENOMINATOR),
    }


def _percentile(values: NDArray[np.float64], ends: NDArray[np.int64], percent: float) -> float:
    """Linear interpolation between the two nearest ranks (position percent/100 · (n - 1)).

    ``ends`` (n,): how many values there are up to each, it included.
    """
    last = int(ends[-1]) - 1
    position = percent / 100 * last
    below = int(position)
    at = np.searchsorted(ends, (below, min(below + 1, last)), side="right")
    lower, upper = float(values[at[0]]), float(values[at[1]])
    return lower + (position - below) * (upper - lower)
