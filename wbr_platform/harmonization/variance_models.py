"""How much of a feature's variance a factor explains: fixed effects, or scanners drawn at random.

All features of a tissue share one design, so each model is solved for all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]

CONFIDENCE = 0.95
_LARGEST_SHARE = 0.999
# Shares of variance between groups at which the likelihood is evaluated.
_SHARES = np.concatenate([np.linspace(0.0, 0.98, 99), [0.985, 0.99, 0.995]])


@dataclass(frozen=True)
class Explained:
    """Share of variance with its 95 % interval and p-value, each (features,)."""

    share: Array
    low: Array
    high: Array
    p_value: Array


@dataclass(frozen=True)
class VarianceModel:
    """``factors`` by name; None where a factor cannot be told from the others."""

    factors: Mapping[str, Explained | None]
    degrees_of_freedom: int


def fixed_effects(values: Array, factors: Mapping[str, Array], adjustment: Array) -> VarianceModel:
    """Partial eta squared of every factor, the others and ``adjustment`` held fixed.

    ``values`` (patients, features) complete; ``factors`` name to columns (patients, columns);
    ``adjustment`` (patients, columns), an intercept is added. Intervals by the noncentral F
    distribution. Degrees of freedom below 1 give None for every factor.
    """
    base = np.hstack([np.ones((len(values), 1)), adjustment])
    return _drop_one(values, base, factors)


def _drop_one(values: Array, base: Array, factors: Mapping[str, Array]) -> VarianceModel:
    full = np.hstack([base, *factors.values()])
    rank, squares = _residual_squares(full, values)
    degrees = len(values) - rank
    if degrees < 1:
        return VarianceModel(dict.fromkeys(factors), degrees)
    result: dict[str, Explained | None] = {}
    for name in factors:
        others = np.hstack([base, *(part for other, part in factors.items() if other != name)])
        rank_without, squares_without = _residual_squares(others, values)
        numerator = rank - rank_without
        if numerator == 0:
            result[name] = None
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = (squares_without - squares) / numerator / (squares / degrees)
        result[name] = _partial_eta_squared(np.maximum(statistic, 0.0), numerator, degrees)
    return VarianceModel(result, degrees)


def _residual_squares(design: Array, values: Array) -> tuple[int, Array]:
    lengths = np.linalg.norm(design, axis=0)
    scaled = design / np.where(lengths > 0, lengths, 1)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = left[:, singular > 1e-9 * singular.max()]
    residuals = values - kept @ (kept.T @ values)
    return kept.shape[1], (residuals**2).sum(axis=0)


def _partial_eta_squared(statistic: Array, numerator: int, degrees: int) -> Explained:
    tail = (1 - CONFIDENCE) / 2
    patients = numerator + degrees + 1
    # Beyond this the series behind the distribution takes hours.
    largest = _LARGEST_SHARE / (1 - _LARGEST_SHARE) * degrees / numerator
    limits = [
        _noncentrality(np.minimum(statistic, largest), numerator, degrees, probability)
        for probability in (1 - tail, tail)
    ]
    low, high = (limit / (limit + patients) for limit in limits)
    high = np.where(statistic > largest, 1.0, high)
    share = statistic * numerator / (statistic * numerator + degrees)
    return Explained(share, low, high, stats.f.sf(statistic, numerator, degrees))


def _noncentrality(statistic: Array, numerator: int, degrees: int, probability: float) -> Array:
    """Noncentrality at which the statistic is the given quantile; 0 where there is none."""
    reachable = special.fdtr(numerator, degrees, statistic) > probability
    result = np.zeros_like(statistic)
    if reachable.any():
        low = np.zeros(int(reachable.sum()))
        high = 4.0 * numerator * (statistic[reachable] + 1) + 100.0
        for _ in range(60):
            middle = (low + high) / 2
            above = special.ncfdtr(numerator, degrees, middle, statistic[reachable]) > probability
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        result[reachable] = (low + high) / 2
    return np.where(np.isnan(statistic), np.nan, result)


def random_intercept(
    values: Array,
    group: NDArray[np.intp],
    factors: Mapping[str, Array],
    adjustment: Array,
    group_name: str,
) -> VarianceModel:
    """A random intercept for each group (scanner) beside fixed ``factors``, by REML.

    Of the group: its share of the variance that the fixed factors leave, the interval by profile
    likelihood, the p-value by the likelihood ratio (half a chi squared). Of the others: partial eta
    squared by generalised least squares at that share; optimistic for a factor that is constant
    within groups. ``values`` (patients, features) complete.
    """
    base = np.hstack([np.ones((len(values), 1)), adjustment])
    full = np.hstack([base, *factors.values()])
    rank, _ = _residual_squares(full, values)
    degrees = len(values) - rank
    if degrees < 1:
        return VarianceModel(dict.fromkeys([group_name, *factors]), degrees)
    likelihood = np.array([_reml(values, full, group, share, degrees) for share in _SHARES])
    best = likelihood.argmax(axis=0)
    peak = likelihood.max(axis=0)
    inside = likelihood >= peak - stats.chi2.ppf(CONFIDENCE, 1) / 2
    low = _SHARES[inside.argmax(axis=0)]
    high = _SHARES[len(_SHARES) - 1 - inside[::-1].argmax(axis=0)]
    ratio = 2 * (peak - likelihood[0])
    p_value = np.where(ratio > 0, 0.5 * stats.chi2.sf(ratio, 1), 1.0)
    known = np.isfinite(peak)
    parts = [np.where(known, part, np.nan) for part in (_SHARES[best], low, high, p_value)]
    result: dict[str, Explained | None] = {group_name: Explained(*parts)}
    if factors:
        result |= _generalised(values, group, factors, base, best)
    return VarianceModel(result, degrees)


def _generalised(
    values: Array,
    group: NDArray[np.intp],
    factors: Mapping[str, Array],
    base: Array,
    best: NDArray[np.intp],
) -> dict[str, Explained | None]:
    """Drop-one tests on decorrelated data, features with the same share at once."""
    collected = {name: np.full((4, values.shape[1]), np.nan) for name in factors}
    aliased: set[str] = set()
    for k in np.unique(best):
        chosen = best == k
        decorrelated = {
            name: _decorrelate(part, group, _SHARES[k]) for name, part in factors.items()
        }
        model = _drop_one(
            _decorrelate(values[:, chosen], group, _SHARES[k]),
            _decorrelate(base, group, _SHARES[k]),
            decorrelated,
        )
        for name, found in model.factors.items():
            if found is None:
                aliased.add(name)
            else:
                collected[name][:, chosen] = [found.share, found.low, found.high, found.p_value]
    return {name: None if name in aliased else Explained(*collected[name]) for name in factors}


def _decorrelate(columns: Array, group: NDArray[np.intp], share: float) -> Array:
    """Columns times the inverse square root of their correlation within groups."""
    sizes = np.bincount(group)
    means = np.array([np.bincount(group, column) for column in columns.T]).T / sizes[:, None]
    weight = 1 - np.sqrt((1 - share) / (1 - share + sizes * share))
    return np.asarray((columns - weight[group][:, None] * means[group]) / np.sqrt(1 - share))


def _reml(
    values: Array, design: Array, group: NDArray[np.intp], share: float, degrees: int
) -> Array:
    """Restricted log likelihood (features,) at a share of variance between groups."""
    sizes = np.bincount(group)
    transformed = _decorrelate(design, group, share)
    lengths = np.linalg.norm(design, axis=0)
    scaled = transformed / np.where(lengths > 0, lengths, 1)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = singular > 1e-9 * singular.max()
    response = _decorrelate(values, group, share)
    projected = left[:, kept].T @ response
    squares = (response**2).sum(axis=0) - (projected**2).sum(axis=0)
    log_determinant = ((sizes - 1) * np.log(1 - share) + np.log(1 - share + sizes * share)).sum()
    log_information = 2 * np.log(singular[kept]).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            -0.5 * (degrees * np.log(squares / degrees) + log_determinant + log_information)
        )
