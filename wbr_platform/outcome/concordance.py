"""Harrell's concordance from pairs of patients, so that it can be weighted and bootstrapped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairCounts:
    """For patients i, j: how often i, who fails first, could be compared with j, and was right.

    Both (patients, patients). A tie of the risks counts half, as in R's ``survival::concordance``
    (lifelines counts tied times otherwise).
    """

    concordant: Array
    comparable: Array

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(self.concordant + other.concordant, self.comparable + other.comparable)

    def concordance(self, weights: Array | None = None) -> float | None:
        """Share of concordant pairs, patients counted ``weights`` times; None without a pair."""
        if weights is None:
            weights = np.ones(len(self.comparable))
        total = float(weights @ self.comparable @ weights)
        return float(weights @ self.concordant @ weights) / total if total > 0 else None


def comparable_pairs(duration: ArrayLike, event: ArrayLike) -> NDArray[np.bool_]:
    """Whether i is known to fail before j: (patients, patients).

    A patient censored at the time of another's event is known to live longer.
    """
    time, failed = np.asarray(duration, float), np.asarray(event, bool)
    earlier = time[:, None] < time[None]
    tied_with_censored = (time[:, None] == time[None]) & ~failed[None]
    return np.asarray(failed[:, None] & (earlier | tied_with_censored))


def pair_counts(comparable: NDArray[np.bool_], risk: ArrayLike) -> PairCounts:
    """Concordant pairs for a ``risk`` that is greater for patients who should fail earlier."""
    score = np.asarray(risk, float)
    right = (score[:, None] > score[None]) + 0.5 * (score[:, None] == score[None])
    return PairCounts(np.where(comparable, right, 0.0), comparable.astype(float))


def harrell_concordance(duration: ArrayLike, event: ArrayLike, risk: ArrayLike) -> float | None:
    """Harrell's C; None when no two patients can be compared."""
    return pair_counts(comparable_pairs(duration, event), risk).concordance()


def bootstrap_gain(
    pairs: PairCounts, baseline: PairCounts, resamples: int, seed: int
) -> tuple[float, float] | None:
    """95 % percentile interval of the gain in C over a baseline, patients resampled in pairs.

    The predictions are taken as given: how much they would change with another training set is not
    in the interval. None when too few resamples have a pair to compare.
    """
    rng = np.random.default_rng(seed)
    patients = len(pairs.comparable)
    gains = []
    for _ in range(resamples):
        weights = np.bincount(rng.integers(0, patients, patients), minlength=patients).astype(float)
        first, second = pairs.concordance(weights), baseline.concordance(weights)
        if first is not None and second is not None:
            gains.append(first - second)
    if len(gains) < resamples / 2:
        return None
    low, high = np.quantile(gains, [0.025, 0.975])
    return float(low), float(high)
