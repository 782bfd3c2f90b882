"""Which features are harmonised as logarithms: ComBat expects a shift and a scale.

Orlhac et al., J Nucl Med 2022;63:172: skewed features are transformed first. The decision is taken
on the patients of the fit and kept with its estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]
LogRule = Literal["never", "skewed"] | Sequence[str]

# Skewness above which the logarithm is tried; that of an exponential distribution is 2.
SKEWED = 1.0


def within_batch_skewness(values: Array, batch: NDArray[np.intp]) -> Array:
    """Skewness (features,) of values (patients, features) around their batch's mean.

    Each batch is divided by its own spread: a difference in scale is no skewness. NaN where a
    feature has no spread in any batch.
    """
    standardised = standardise_by_batch(values, batch)
    present = np.isfinite(standardised)
    count = present.sum(axis=0)
    second = np.where(present, standardised, 0.0) ** 2
    third = np.where(present, standardised, 0.0) ** 3
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((third.sum(axis=0) / count) / (second.sum(axis=0) / count) ** 1.5)


def standardise_by_batch(values: Array, batch: NDArray[np.intp]) -> Array:
    """Values minus their batch's mean over their batch's standard deviation, NaN kept.

    A batch without spread in a feature has NaN there.
    """
    result = np.full_like(values, np.nan)
    for k in np.unique(batch):
        part = values[batch == k]
        present = ~np.isnan(part)
        count = present.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(present, part, 0.0).sum(axis=0) / count
            deviation = part - mean
            spread = np.sqrt(np.where(present, deviation**2, 0.0).sum(axis=0) / (count - 1))
            # Equal numbers have a spread of some rounding errors.
            spread = np.where(spread > 1e-12 * np.abs(mean), spread, np.nan)
            result[batch == k] = deviation / spread
    return result


def logged_features(
    values: Array, batch: NDArray[np.intp], names: Sequence[str], rule: LogRule
) -> NDArray[np.bool_]:
    """Which features to take the logarithm of, shape (features,).

    ``rule`` "never"; "skewed": positive features whose skewness within batches exceeds
    ``SKEWED`` and is smaller after the logarithm; or the names of features. Raises Refusal
    NOT_POSITIVE or UNKNOWN_FEATURE for named features.
    """
    if isinstance(rule, str):
        if rule not in ("never", "skewed"):
            raise ValueError(f"log={rule!r} is unknown")
        if rule == "never":
            return np.zeros(len(names), dtype=bool)
        return _skewed(values, batch)
    unknown = sorted(set(rule) - set(names))
    if unknown:
        raise Refusal("UNKNOWN_FEATURE", f"no feature {', '.join(unknown)} to take the log of")
    chosen = np.isin(np.array(names), list(rule))
    if (values[:, chosen] <= 0).any():
        raise Refusal(
            "NOT_POSITIVE",
            "a feature whose logarithm was asked for has values that are not positive",
            "leave it out of the list of logarithms",
        )
    return chosen


def _skewed(values: Array, batch: NDArray[np.intp]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        positive = ~(values <= 0).any(axis=0)
    result = positive & (np.abs(within_batch_skewness(values, batch)) > SKEWED)
    if result.any():
        candidates = values[:, result]
        raw = np.abs(within_batch_skewness(candidates, batch))
        logarithm = np.abs(within_batch_skewness(np.log(candidates), batch))
        result[result] = logarithm < raw
    return result
