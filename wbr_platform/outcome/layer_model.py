"""One layer's Cox model, its cross-validation, and its gain over the model before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from scipy.stats import chi2

from wbr_platform.outcome.concordance import PairCounts, bootstrap_gain, harrell_concordance
from wbr_platform.outcome.covariates import CovariateEncoder
from wbr_platform.outcome.cox import CoxFit, fit_cox, not_converged
from wbr_platform.outcome.cross_validation import cross_validated_pairs
from wbr_platform.refusal import Refusal

# A layer that adds less is reported as negative.
SMALLEST_GAIN = 0.01

_GAIN_COLUMNS = (
    "model",
    "baseline",
    "concordance_gain",
    "concordance_gain_low",
    "concordance_gain_high",
    "likelihood_ratio_p_value",
    "verdict",
    "reason",
)


@dataclass(frozen=True)
class CoxOptions:
    """How models are fitted and tried.

    ``penalizer`` is lifelines' ridge penalty; ``minimum_events_per_covariate`` refuses models that
    the events cannot carry; covariates missing in more than ``missing_limit`` of the patients are
    left out.
    """

    penalizer: float = 0.0
    minimum_events_per_covariate: float = 5.0
    missing_limit: float = 0.5
    folds: int = 5
    repeats: int = 10
    resamples: int = 1000


@dataclass(frozen=True)
class LayerModel:
    """A fitted model; ``pairs`` is None, with a ``reason``, when it cannot be cross-validated."""

    name: str
    fit: CoxFit
    concordance: float | None
    pairs: PairCounts | None
    reason: str | None

    @property
    def concordance_cross_validated(self) -> float | None:
        """Harrell's C over all pairs that were compared in cross-validation."""
        return None if self.pairs is None else self.pairs.concordance()


def fit_layer(
    table: pl.DataFrame,
    duration_col: str,
    event_col: str,
    name: str,
    covariates: Sequence[str],
    seed: int,
    options: CoxOptions,
) -> LayerModel:
    """Fit and cross-validate; Refusal TOO_FEW_EVENTS or NOT_CONVERGED."""
    duration = table[duration_col].to_numpy()
    event = table[event_col].to_numpy()
    encoder = CovariateEncoder(covariates).fit(table)
    needed = options.minimum_events_per_covariate * len(encoder.columns_)
    if event.sum() < needed:
        raise Refusal(
            "TOO_FEW_EVENTS",
            f"{event.sum()} events for {len(encoder.columns_)} covariates "
            f"(categories count one less than their levels); {needed:g} are needed",
            "use fewer covariates or more patients",
        )
    values = encoder.transform(table)
    fit = fit_cox(values, encoder.columns_, duration, event, options.penalizer)
    if fit.separated:
        raise not_converged()
    pairs: PairCounts | None = None
    reason: str | None = None
    try:
        pairs = cross_validated_pairs(
            table,
            duration_col,
            event_col,
            covariates,
            folds=options.folds,
            repeats=options.repeats,
            seed=seed,
            penalizer=options.penalizer,
        )
    except Refusal as refusal:
        reason = f"{refusal.reason_code}_IN_FOLD"
    return LayerModel(
        name, fit, harrell_concordance(duration, event, fit.risk(values)), pairs, reason
    )


def gain_over(
    model: LayerModel, baseline: LayerModel, options: CoxOptions, seed: int
) -> dict[str, Any]:
    """What ``model`` adds to ``baseline``, nested in it: a row of gains without its id."""
    gain: dict[str, Any] = dict.fromkeys(_GAIN_COLUMNS)
    gain |= {"model": model.name, "baseline": baseline.name}
    if not options.penalizer:
        statistic = 2 * (model.fit.log_likelihood - baseline.fit.log_likelihood)
        freedom = len(model.fit.columns) - len(baseline.fit.columns)
        gain["likelihood_ratio_p_value"] = float(chi2.sf(max(statistic, 0.0), freedom))
    ours, theirs = model.concordance_cross_validated, baseline.concordance_cross_validated
    if model.pairs is None or baseline.pairs is None or ours is None or theirs is None:
        return {**gain, "reason": "NOT_CROSS_VALIDATED"}
    gain["concordance_gain"] = ours - theirs
    limits = bootstrap_gain(model.pairs, baseline.pairs, options.resamples, seed)
    if limits is None:
        return {**gain, "reason": "TOO_FEW_PAIRS"}
    gain["concordance_gain_low"], gain["concordance_gain_high"] = limits
    positive = ours - theirs >= SMALLEST_GAIN and limits[0] > 0
    gain["verdict"] = "gain" if positive else "no gain"
    return gain
