"""Whether to harmonise: for each tissue and feature, apply, apply with covariates, or do not apply.

The conditions are those of Orlhac et al., J Nucl Med 2022;63:172: enough patients in each batch,
batches of like composition (or known covariates that tell the difference), distributions that
differ by a shift and a scale alone. Whether harmonisation helps is judged on held-out patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.harmonization.balance import association
from wbr_platform.harmonization.batch_form import form_difference
from wbr_platform.harmonization.combat import DEFAULT_MINIMUM_PER_BATCH, ComBat, EmpiricalBayes
from wbr_platform.harmonization.eligibility import (
    covariate_names,
    refusal_of_all,
    study_reasons,
)
from wbr_platform.harmonization.harmonize import (
    COMFORTABLE_PER_BATCH,
    GROUP,
    LARGEST_LESION,
    check_features,
    log_rule_of,
)
from wbr_platform.harmonization.held_out import HeldOutEffects, held_out_effects
from wbr_platform.harmonization.log_rule import LogRule, within_batch_skewness
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

APPLY, WITH_COVARIATES, DO_NOT_APPLY = "apply", "apply_with_covariates", "do_not_apply"

# From here on a batch's estimates are good: error of new patients 0.25 standard deviations.
GOOD_PER_BATCH = 30
# Associations (0 to 1) of batch and covariate or outcome from which composition differs, and from
# which the two can hardly be told apart.
IMBALANCED, CONFOUNDED = 0.2, 0.8
OUTCOME_CONFOUNDED = 0.5
# Distributions have another shape: distance between them, and its p-value.
_FORM_DISTANCE, _FORM_P_VALUE = 0.15, 0.01

VERDICT_SCHEMA: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys((*GROUP, "feature", "verdict", "reason_code", "reason"), pl.String),
    **dict.fromkeys(("patients", "batches", "smallest_batch"), pl.Int64),
    "batch_sizes": pl.String,
    "batch_size_grade": pl.String,
    "logged": pl.Boolean,
    "skewness": pl.Float64,
    "form_distance": pl.Float64,
    "form_p_value": pl.Float64,
    "covariates": pl.String,
    "imbalanced_covariate": pl.String,
    "covariate_association": pl.Float64,
    "outcome_association": pl.Float64,
    **dict.fromkeys(
        (
            "largest_shift_fitted",
            "smallest_scale_fitted",
            "largest_scale_fitted",
            "held_out_shift_before",
            "held_out_shift_before_low",
            "held_out_shift_before_high",
            "held_out_shift_after",
            "held_out_shift_after_low",
            "held_out_shift_after_high",
            "held_out_scale_before",
            "held_out_scale_after",
            "held_out_gain_share",
            "held_out_variance_ratio_before",
            "held_out_variance_ratio_after",
            "held_out_eta_squared_before",
            "held_out_eta_squared_after",
        ),
        pl.Float64,
    ),
    "resamples": pl.Int64,
}


@dataclass(frozen=True)
class VerdictOptions:
    """How to fit (as in ``harmonize_features``) and how long to look."""

    minimum_per_batch: int = DEFAULT_MINIMUM_PER_BATCH
    empirical_bayes: EmpiricalBayes = "parametric"
    mean_only: bool = False
    log: LogRule = "skewed"
    resamples: int = 50
    permutations: int = 199
    seed: int = 0

    def combat(self, features: Sequence[str]) -> dict[str, Any]:
        """Options of ComBat for these features."""
        return {
            "minimum_per_batch": self.minimum_per_batch,
            "empirical_bayes": self.empirical_bayes,
            "mean_only": self.mean_only,
            "log": log_rule_of(self.log, features),
        }


def harmonization_verdicts(
    features: pl.DataFrame,
    covariates: pl.DataFrame | None = None,
    outcome: pl.DataFrame | None = None,
    options: VerdictOptions | None = None,
) -> pl.DataFrame:
    """A verdict with its reason and numbers for each tissue and feature (``VERDICT_SCHEMA``).

    ``features`` and ``covariates`` as for ``harmonize_features``; ``outcome`` has study_key and one
    column. The outcome never enters a fit: only its association with the batch is looked at.

    Reason codes. Apply: BATCHES_ALIKE. With covariates: COVARIATES_DIFFER, OUTCOME_DIFFERS. Do not
    apply: BATCH_TOO_SMALL, ONE_BATCH, CONFOUNDED, CONFOUNDED_COVARIATE, OUTCOME_CONFOUNDED,
    OUTCOME_DIFFERS (no covariate is there to explain it), NOT_SHIFT_AND_SCALE, NO_HELD_OUT_GAIN,
    CONSTANT, CONSTANT_IN_BATCH, TOO_FEW_VALUES_IN_BATCH, BOOTSTRAP_FAILED, MISSING_BATCH,
    MISSING_COVARIATE, MISSING_VALUE, NOTHING_TO_HARMONIZE. Lesions other than the largest have no
    row.

    Raises Refusal as ``harmonize_features`` does, and OUTCOME_IS_COVARIATE.
    """
    check_features(features, covariates)
    _check_outcome(covariates, outcome)
    chosen = options or VerdictOptions()
    columns = [*GROUP, *(["family"] if "family" in features.columns else [])]
    value = pl.col("value").cast(pl.Float64)
    kept = features.filter((pl.col("kind") != "lesion") | (pl.col("region") == LARGEST_LESION))
    ordered = kept.with_columns(value=pl.when(value.is_finite()).then(value)).sort(
        [*columns, "feature", "study_key"]
    )
    rows: list[dict[str, Any]] = []
    for key, part in ordered.group_by(columns, maintain_order=True):
        group = dict(zip(GROUP, map(str, key), strict=False))
        wide = part.pivot(on="feature", index=["study_key", "batch"], values="value")
        rows += [{**group, **row} for row in _group_rows(wide, covariates, outcome, chosen)]
    return pl.DataFrame(rows, schema=dict(VERDICT_SCHEMA))


def _check_outcome(covariates: pl.DataFrame | None, outcome: pl.DataFrame | None) -> None:
    if outcome is None:
        return
    names = set(outcome.columns) - {"study_key"}
    if "study_key" not in outcome.columns or len(names) != 1:
        raise Refusal("MISSING_COLUMN", "the outcome needs study_key and one column")
    if names & set(covariate_names(covariates)):
        raise Refusal(
            "OUTCOME_IS_COVARIATE",
            "the outcome is among the covariates",
            "leave it out: ComBat would carry it into the features of every patient",
        )


@dataclass(frozen=True)
class _Entered:
    """What enters the fit of one tissue."""

    values: Array
    batch: NDArray[np.str_]
    design: pl.DataFrame | None
    names: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        batches, counts = np.unique(self.batch, return_counts=True)
        return dict(zip(batches.tolist(), counts.tolist(), strict=True))


def _group_rows(
    wide: pl.DataFrame,
    covariates: pl.DataFrame | None,
    outcome: pl.DataFrame | None,
    options: VerdictOptions,
) -> list[dict[str, Any]]:
    names = wide.columns[2:]
    reasons = study_reasons(wide, names, covariates, options.minimum_per_batch)
    studies = wide.join(
        reasons.filter(pl.col("reason").is_null()).select("study_key"), on="study_key", how="semi"
    )
    try:
        if studies.is_empty():
            raise refusal_of_all(reasons, options.minimum_per_batch)
        entered = _Entered(
            studies.select(names).cast(pl.Float64).to_numpy().astype(float),
            studies["batch"].cast(pl.String).to_numpy().astype(np.str_),
            _design(studies, covariates),
            tuple(names),
        )
        composition = _composition(entered, studies, outcome)
        return _feature_rows(entered, composition, options)
    except Refusal as refusal:
        common = {
            "verdict": DO_NOT_APPLY,
            "reason_code": refusal.reason_code,
            "reason": refusal.message,
            "patients": studies.height,
            "batches": studies["batch"].n_unique(),
        }
        return [{"feature": name, **common} for name in names]


def _design(studies: pl.DataFrame, covariates: pl.DataFrame | None) -> pl.DataFrame | None:
    names = covariate_names(covariates)
    if covariates is None or not names:
        return None
    joined = studies.select("study_key").join(
        covariates, on="study_key", how="left", maintain_order="left"
    )
    return joined.select(names)


@dataclass(frozen=True)
class _Composition:
    """How the batches of one tissue differ in their patients."""

    covariate: str | None
    covariate_association: float | None
    outcome_association: float | None

    def columns(self, design: pl.DataFrame | None) -> dict[str, Any]:
        return {
            "covariates": "" if design is None else ", ".join(design.columns),
            "imbalanced_covariate": self.covariate,
            "covariate_association": self.covariate_association,
            "outcome_association": self.outcome_association,
        }


def _composition(
    entered: _Entered, studies: pl.DataFrame, outcome: pl.DataFrame | None
) -> _Composition:
    found: list[tuple[float, str]] = []
    if entered.design is not None:
        for column in entered.design.iter_columns():
            strength = association(entered.batch, column)
            if strength is not None:
                found.append((strength, column.name))
    strongest: tuple[float | None, str | None] = max(found) if found else (None, None)
    of_outcome = None
    if outcome is not None:
        joined = studies.select("study_key").join(
            outcome, on="study_key", how="left", maintain_order="left"
        )
        of_outcome = association(entered.batch, joined.drop("study_key").to_series())
    return _Composition(strongest[1], strongest[0], of_outcome)


def _feature_rows(
    entered: _Entered, composition: _Composition, options: VerdictOptions
) -> list[dict[str, Any]]:
    combat = ComBat(**options.combat(entered.names)).fit(
        pl.DataFrame(entered.values, schema=list(entered.names)).to_pandas(),
        batch=entered.batch,
        covariates=entered.design,
    )
    estimates, used = combat.estimates_, combat.estimates_.harmonized
    index = np.searchsorted(np.array(estimates.batches), entered.batch)
    residuals = np.full(entered.values.shape, np.nan)
    residuals[:, used] = estimates.standardised(entered.values, entered.design)[0]
    distance, p_value = form_difference(
        residuals, index, permutations=options.permutations, seed=options.seed
    )
    fit_options = options.combat(entered.names)
    fit_options["log"] = [
        f"x{k}" for k, logged in enumerate(estimates.logged) if logged
    ]  # decided once, on all patients of the fit
    effects = held_out_effects(
        entered.values,
        entered.batch,
        entered.design,
        fit_options,
        resamples=options.resamples,
        seed=options.seed,
    )
    skewness = within_batch_skewness(entered.values, index)
    rows = []
    for k, name in enumerate(entered.names):
        numbers = {
            "logged": estimates.logged[k],
            "skewness": _known(skewness[k]),
            "form_distance": _known(distance[k]),
            "form_p_value": _known(p_value[k]),
            **composition.columns(entered.design),
            "largest_shift_fitted": _known(np.abs(estimates.gamma_star[:, k]).max()),
            "smallest_scale_fitted": _known(np.sqrt(estimates.delta_star[:, k].min())),
            "largest_scale_fitted": _known(np.sqrt(estimates.delta_star[:, k].max())),
            **_held_out_columns(effects, k),
        }
        gains = bool(effects.gains[k])
        verdict, code, reason = _verdict(numbers, estimates.reasons[k], composition, entered, gains)
        rows.append(
            {
                "feature": name,
                "verdict": verdict,
                "reason_code": code,
                "reason": reason,
                **_size_columns(entered, k),
                **numbers,
            }
        )
    return rows


def _size_columns(entered: _Entered, feature: int) -> dict[str, Any]:
    """Patients with a value, by batch; the grade is that of the smallest batch."""
    present = np.isfinite(entered.values[:, feature])
    sizes = {name: int((entered.batch[present] == name).sum()) for name in entered.sizes}
    smallest = min(sizes.values())
    grade = "good" if smallest >= GOOD_PER_BATCH else "uncertain"
    return {
        "patients": int(present.sum()),
        "batches": len(sizes),
        "smallest_batch": smallest,
        "batch_sizes": ", ".join(f"{name}: {size}" for name, size in sizes.items()),
        "batch_size_grade": "warning" if smallest < COMFORTABLE_PER_BATCH else grade,
    }


def _held_out_columns(effects: HeldOutEffects, feature: int) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "resamples": effects.resamples,
        "held_out_gain_share": _known(effects.gain_share[feature]),
    }
    for when, side in (("before", effects.before), ("after", effects.after)):
        columns[f"held_out_shift_{when}"] = _known(side.shift[feature])
        columns[f"held_out_shift_{when}_low"] = _known(side.shift_low[feature])
        columns[f"held_out_shift_{when}_high"] = _known(side.shift_high[feature])
        columns[f"held_out_scale_{when}"] = _known(side.scale[feature])
        columns[f"held_out_variance_ratio_{when}"] = _known(side.variance_ratio[feature])
        columns[f"held_out_eta_squared_{when}"] = _known(side.eta_squared[feature])
    return columns


def _verdict(
    numbers: Mapping[str, Any],
    feature_reason: str | None,
    composition: _Composition,
    entered: _Entered,
    gains: bool,
) -> tuple[str, str, str]:
    """Verdict, reason code and a sentence; the first condition that fails decides."""
    if feature_reason is not None:
        return DO_NOT_APPLY, feature_reason, "the feature cannot be fitted in every batch"
    of_outcome = composition.outcome_association or 0.0
    of_covariate = composition.covariate_association or 0.0
    covariate = composition.covariate
    if of_covariate >= CONFOUNDED:
        sentence = f"batch and {covariate} can hardly be told apart ({of_covariate:.2f})"
        return DO_NOT_APPLY, "CONFOUNDED_COVARIATE", sentence
    if of_outcome >= OUTCOME_CONFOUNDED:
        sentence = f"batch and outcome go together ({of_outcome:.2f}): the signal would be removed"
        return DO_NOT_APPLY, "OUTCOME_CONFOUNDED", sentence
    if of_outcome >= IMBALANCED and entered.design is None:
        sentence = f"the outcome differs between batches ({of_outcome:.2f}), no covariate tells why"
        return DO_NOT_APPLY, "OUTCOME_DIFFERS", sentence
    distance, p_value = numbers["form_distance"], numbers["form_p_value"]
    if distance is not None and distance >= _FORM_DISTANCE and p_value <= _FORM_P_VALUE:
        sentence = f"another shape in each batch (distance {distance:.2f}, p {p_value:.3f})"
        return DO_NOT_APPLY, "NOT_SHIFT_AND_SCALE", sentence
    before, after = numbers["held_out_shift_before"], numbers["held_out_shift_after"]
    if before is None or after is None:
        return DO_NOT_APPLY, "BOOTSTRAP_FAILED", "too few values to judge held-out patients"
    scales = [numbers[f"held_out_scale_{when}"] for when in ("before", "after")]
    change = (
        f"held-out shift {before:.2f} to {after:.2f} SD, scale {scales[0]:.2f} to {scales[1]:.2f}, "
        f"closer in {numbers['held_out_gain_share']:.0%} of resamples"
    )
    if not gains:
        return DO_NOT_APPLY, "NO_HELD_OUT_GAIN", change
    if of_covariate >= IMBALANCED:
        return (
            WITH_COVARIATES,
            "COVARIATES_DIFFER",
            f"{covariate} differs between batches ({of_covariate:.2f}); {change}",
        )
    if of_outcome >= IMBALANCED:
        return (
            WITH_COVARIATES,
            "OUTCOME_DIFFERS",
            f"the outcome differs between batches ({of_outcome:.2f}); {change}",
        )
    return APPLY, "BATCHES_ALIKE", change


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
