"""How much of a batch effect is left in patients whom the fit has not seen.

In the patients of a fit the batches agree because the fit makes them agree: tests on them prove
nothing. Here ComBat is fitted to resampled cohorts and judged on the patients left out of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

_DRAWS_PER_RESAMPLE = 10
_SMALLEST_HELD_OUT = 2
# Rows of the differences in one resample; all but the ratio are variances.
_SHIFT, _WITHIN, _RATIO, _SCALE = range(4)
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class BatchDifference:
    """How far batches differ in held-out patients, one entry a feature; NaN where unknown.

    ``shift`` (standard deviations of the feature, between batches) with the 2.5 and 97.5
    percentiles over resamples, ``scale`` the standard deviation between the batches' own standard
    deviations, ``eta_squared`` the share of variance between batches: corrected for the sampling
    error of held-out means and spreads. ``variance_ratio`` is the greatest batch variance over the
    smallest, median over resamples and not corrected (a few patients give 2 or 3 by chance).
    """

    shift: Array
    shift_low: Array
    shift_high: Array
    scale: Array
    eta_squared: Array
    variance_ratio: Array


@dataclass(frozen=True)
class HeldOutEffects:
    """Differences between batches without and with ComBat, over ``resamples`` cohorts.

    ``gain_share`` (features,): in which share of the resamples the squared distance between batches
    (shift and scale together, as Wasserstein has it for normal distributions) became smaller.
    """

    before: BatchDifference
    after: BatchDifference
    gain_share: Array
    resamples: int

    @property
    def gains(self) -> NDArray[np.bool_]:
        """Where batches came closer: on the whole, and in at least half of the resamples."""
        distance = [np.hypot(side.shift, side.scale) for side in (self.before, self.after)]
        return (distance[1] < distance[0]) & (self.gain_share >= 0.5)


def held_out_effects(
    values: Array,
    batch: NDArray[np.str_],
    covariates: pl.DataFrame | None,
    options: Mapping[str, Any],
    *,
    resamples: int = 50,
    seed: int = 0,
) -> HeldOutEffects:
    """Bootstrap within batches; judge on the patients that a resample left out.

    ``values`` (patients, features; NaN missing), ``batch`` (patients,), ``covariates`` frame with
    as many rows, whose effect is taken out of both sides; ``options`` of ComBat. Raises Refusal
    BOOTSTRAP_FAILED when no resample can be fitted.
    """
    rng = np.random.default_rng(seed)
    names, index = np.unique(batch, return_inverse=True)
    members = [np.flatnonzero(index == k) for k in range(len(names))]
    found: list[tuple[Array, Array]] = []
    for _ in range(_DRAWS_PER_RESAMPLE * resamples):
        rows = np.concatenate([rng.choice(part, len(part)) for part in members])
        left_out = np.setdiff1d(np.arange(len(batch)), rows)
        if np.bincount(index[left_out], minlength=len(names)).min() < _SMALLEST_HELD_OUT:
            continue
        try:
            before, after = _residuals(values, batch, covariates, options, rows, left_out)
        except Refusal:
            # A level of a covariate is not in the draw, or all of a batch is one patient.
            continue
        held = index[left_out]
        found.append((_differences(before, held), _differences(after, held)))
        if len(found) == resamples:
            break
    if not found:
        raise Refusal("BOOTSTRAP_FAILED", "no resampled cohort can be fitted")
    before, after = (np.array([pair[side] for pair in found]) for side in (0, 1))
    closer = after[:, _SHIFT] + after[:, _SCALE] < before[:, _SHIFT] + before[:, _SCALE]
    return HeldOutEffects(_summary(before), _summary(after), closer.mean(axis=0), len(found))


def _residuals(
    values: Array,
    batch: NDArray[np.str_],
    covariates: pl.DataFrame | None,
    options: Mapping[str, Any],
    rows: NDArray[np.intp],
    left_out: NDArray[np.intp],
) -> tuple[Array, Array]:
    """Held-out values in standard deviations, without covariate effects, before and after."""
    combat = ComBat(**{**options, "minimum_per_batch": 2, "n_boot": 0})
    estimates = combat.fit(
        values[rows],
        batch=batch[rows],
        covariates=None if covariates is None else covariates[rows],
    ).estimates_
    design = None if covariates is None else covariates[left_out]
    standardised, _, _ = estimates.standardised(values[left_out], design)
    used = estimates.harmonized
    index = np.searchsorted(np.array(estimates.batches), batch[left_out])
    gamma, delta = estimates.gamma_star[:, used][index], estimates.delta_star[:, used][index]
    before = np.full((len(left_out), len(used)), np.nan)
    after = before.copy()
    before[:, used] = standardised
    after[:, used] = (standardised - gamma) / np.sqrt(delta)
    return before, after


def _differences(values: Array, index: NDArray[np.intp]) -> Array:
    """Shift, within, ratio and scale of the batches, shape (4, features)."""
    groups = [values[index == k] for k in range(int(index.max()) + 1)]
    counts = np.array([np.isfinite(part).sum(axis=0) for part in groups]).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.array([np.nansum(part, axis=0) for part in groups]) / counts
        squares = np.array(
            [
                np.nansum((part - mean) ** 2, axis=0)
                for part, mean in zip(groups, means, strict=True)
            ]
        )
        variances = squares / (counts - 1)
        weights = counts / counts.sum(axis=0)
        centre = (weights * means).sum(axis=0)
        noise = (weights * (1 - weights) * variances / counts).sum(axis=0)
        shift = (weights * (means - centre) ** 2).sum(axis=0) - noise
        within = (weights * variances).sum(axis=0)
        ratio = variances.max(axis=0) / variances.min(axis=0)
        spreads = np.sqrt(variances)
        # The variance of a standard deviation, of normal values.
        of_spreads = variances / (2 * (counts - 1))
        scale = (weights * (spreads - (weights * spreads).sum(axis=0)) ** 2).sum(axis=0)
        scale -= (weights * (1 - weights) * of_spreads).sum(axis=0)
    usable = (counts >= _SMALLEST_HELD_OUT).all(axis=0)
    return np.where(usable, np.array([shift, within, ratio, scale]), np.nan)


def _summary(differences: Array) -> BatchDifference:
    """Over resamples; ``differences`` (resamples, 4, features)."""
    shift, within, ratio, scale = differences.transpose(1, 0, 2)
    known = np.isfinite(shift).any(axis=0)

    def reduced(values: Array, statistic: Any) -> Array:
        result = np.full(values.shape[1], np.nan)
        result[known] = statistic(values[:, known])
        return result

    mean_shift = reduced(shift, lambda part: np.nanmean(part, axis=0))
    mean_within = reduced(within, lambda part: np.nanmean(part, axis=0))
    positive = np.maximum(mean_shift, 0.0)
    low, high = (
        reduced(shift, lambda part, q=q: np.nanpercentile(part, q, axis=0)) for q in _INTERVAL
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        eta_squared = positive / (positive + mean_within)
    return BatchDifference(
        shift=np.sqrt(positive),
        shift_low=np.sqrt(np.maximum(low, 0.0)),
        shift_high=np.sqrt(np.maximum(high, 0.0)),
        scale=np.sqrt(np.maximum(reduced(scale, lambda part: np.nanmean(part, axis=0)), 0.0)),
        eta_squared=eta_squared,
        variance_ratio=reduced(ratio, lambda part: np.nanmedian(part, axis=0)),
    )
