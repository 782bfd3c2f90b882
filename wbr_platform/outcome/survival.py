"""Cox models in growing order of layers, and what each layer adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.ledger import LedgerRow, data_hash, ledger_row
from wbr_platform.outcome.covariates import without_nan
from wbr_platform.outcome.kaplan_meier import kaplan_meier
from wbr_platform.outcome.layer_model import CoxOptions, LayerModel, fit_layer, gain_over
from wbr_platform.refusal import Refusal

# Below this number of patients nothing is more than descriptive.
PATIENTS_FOR_MODELS = 50

_ASSET = "survival_models"
_MODELS = {
    "analysis_id": pl.String,
    "model": pl.String,
    "covariate": pl.String,
    "patients": pl.Int64,
    "events": pl.Int64,
    "log_hazard_ratio": pl.Float64,
    "hazard_ratio": pl.Float64,
    "hazard_ratio_low": pl.Float64,
    "hazard_ratio_high": pl.Float64,
    "p_value": pl.Float64,
    "concordance": pl.Float64,
    "concordance_cross_validated": pl.Float64,
    "reason": pl.String,
}
_GAINS = {
    "analysis_id": pl.String,
    "model": pl.String,
    "baseline": pl.String,
    "concordance_gain": pl.Float64,
    "concordance_gain_low": pl.Float64,
    "concordance_gain_high": pl.Float64,
    "likelihood_ratio_p_value": pl.Float64,
    "verdict": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class SurvivalResult:
    """``models`` like table survival_models; ``gains`` one row a layer beyond the first fitted.

    ``gains``: analysis_id, model, baseline, concordance_gain (cross-validated, with 95 % bootstrap
    limits), likelihood_ratio_p_value, verdict ("gain" or "no gain"), reason
    where there is no verdict. ``curves``: Kaplan-Meier, as
    ``kaplan_meier`` makes them. ``ledger``: one row a layer.
    """

    models: pl.DataFrame
    gains: pl.DataFrame
    curves: pl.DataFrame
    ledger: tuple[LedgerRow, ...]


def cox_models(
    frame: pl.DataFrame,
    duration_col: str,
    event_col: str,
    layers: Mapping[str, Sequence[str]],
    seed: int,
    *,
    options: CoxOptions | None = None,
    group_col: str | None = None,
) -> SurvivalResult:
    """Fit one Cox model for each layer on top of the layers before it.

    ``frame`` has one row a patient with ``duration_col``, ``event_col`` and the covariates
    (numbers, yes/no, or texts as categories). ``layers`` maps a layer's name to the covariates it
    *adds*, in growing order: the second model holds the covariates of the first two layers, and so
    on. A volume goes in as its logarithm, which is the caller's. ``group_col`` splits the
    Kaplan-Meier curves.

    Coefficients are per standard deviation. C is Harrell's, apparent and by repeated k-fold
    cross-validation with imputation and scaling inside the fold. A layer's gain is the difference
    in cross-validated C to the last model that was fitted. A model that cannot be fitted has one
    row with its reason (TOO_FEW_EVENTS, NO_USABLE_COVARIATE, NOT_CONVERGED), a covariate that is
    left out one row with its own (MISSING_COLUMN, MISSING_VALUES, CONSTANT).

    Raises Refusal MISSING_COLUMN or INVALID_DURATION for a frame without a usable endpoint.
    """
    options = options or CoxOptions()
    table = _usable_patients(frame, duration_col, event_col)
    events = int(table[event_col].sum())
    parameters: dict[str, Any] = {
        "duration": duration_col,
        "event": event_col,
        "seed": seed,
        **{name: getattr(options, name) for name in CoxOptions.__dataclass_fields__},
    }
    rows: list[dict[str, Any]] = []
    gains: list[dict[str, Any]] = []
    ledger: list[LedgerRow] = []
    covariates: list[str] = []
    previous: LayerModel | None = None
    for position, (layer, added) in enumerate(layers.items()):
        name = layer if position == 0 else f"{' + '.join(list(layers)[: position + 1])}"
        left_out = {
            covariate: reason
            for covariate in added
            if (reason := _covariate_reason(table, covariate, options.missing_limit))
        }
        new = [covariate for covariate in added if covariate not in (*left_out, *covariates)]
        covariates += new
        model: LayerModel | None = None
        refusal: Refusal | None = None
        try:
            if not new:
                raise Refusal("NO_USABLE_COVARIATE", f"layer {layer} has no usable covariate")
            model = fit_layer(table, duration_col, event_col, name, covariates, seed, options)
        except Refusal as caught:
            refusal = caught
        used = table.select(duration_col, event_col, *covariates)
        gain = (
            None if model is None or previous is None else gain_over(model, previous, options, seed)
        )
        entry = ledger_row(
            asset=_ASSET,
            question=f"Does {name} predict {event_col}?",
            method="Cox proportional hazards" + (", ridge" if options.penalizer else ""),
            parameters={**parameters, "model": name, "covariates": covariates},
            data=data_hash(used),
            patients=table.height,
            reason_code=None if refusal is None else refusal.reason_code,
            result=_sentence(model, refusal, gain, table.height, events),
        )
        common = {
            "analysis_id": entry["analysis_id"],
            "model": name,
            "patients": table.height,
            "events": events,
        }
        rows += _model_rows(common, model, refusal, left_out)
        if gain is not None:
            gains.append({"analysis_id": entry["analysis_id"], **gain})
        ledger.append(entry)
        previous = model or previous
    return SurvivalResult(
        models=pl.DataFrame(rows, schema=_MODELS),
        gains=pl.DataFrame(gains, schema=_GAINS),
        curves=kaplan_meier(table, duration_col, event_col, group_col),
        ledger=tuple(ledger),
    )


def _usable_patients(frame: pl.DataFrame, duration_col: str, event_col: str) -> pl.DataFrame:
    """Patients with an endpoint, in an order that does not depend on that of the rows."""
    for name in (duration_col, event_col):
        if name not in frame.columns:
            raise Refusal("MISSING_COLUMN", f"the table has no column {name}")
    table = frame.with_columns(
        pl.col(duration_col).cast(pl.Float64).fill_nan(None), pl.col(event_col).cast(pl.Boolean)
    ).drop_nulls([duration_col, event_col])
    if (table[duration_col] < 0).any():
        raise Refusal("INVALID_DURATION", f"{duration_col} has negative times", "correct them")
    return table.sort(sorted(table.columns))


def _covariate_reason(table: pl.DataFrame, name: str, missing_limit: float) -> str | None:
    """Why a covariate cannot be used, or None."""
    if name not in table.columns:
        return "MISSING_COLUMN"
    known = without_nan(table[name]).drop_nulls()
    if len(known) < (1 - missing_limit) * table.height or not len(known):
        return "MISSING_VALUES"
    return "CONSTANT" if known.n_unique() == 1 else None


def _model_rows(
    common: Mapping[str, Any],
    model: LayerModel | None,
    refusal: Refusal | None,
    left_out: Mapping[str, str],
) -> list[dict[str, Any]]:
    rows = [{**common, "covariate": name, "reason": why} for name, why in left_out.items()]
    if model is None:
        return [*rows, {**common, "reason": None if refusal is None else refusal.reason_code}]
    fit = model.fit
    rows += [
        {
            **common,
            "covariate": column,
            "log_hazard_ratio": float(fit.coefficients[k]),
            "hazard_ratio": float(np.exp(fit.coefficients[k])),
            "hazard_ratio_low": float(np.exp(fit.low[k])),
            "hazard_ratio_high": float(np.exp(fit.high[k])),
            "p_value": float(fit.p_values[k]),
            "concordance": model.concordance,
            "concordance_cross_validated": model.concordance_cross_validated,
            "reason": model.reason,
        }
        for k, column in enumerate(fit.columns)
    ]
    return rows


def _sentence(
    model: LayerModel | None,
    refusal: Refusal | None,
    gain: Mapping[str, Any] | None,
    patients: int,
    events: int,
) -> str:
    """What was found, for the ledger."""
    if model is None:
        return f"Not fitted: {refusal.message if refusal else 'no model'}."
    text = f"{patients} patients, {events} events; C {_number(model.concordance)} apparent, "
    text += f"{_number(model.concordance_cross_validated)} cross-validated."
    if model.reason:
        text += f" Not cross-validated: {model.reason}."
    if gain is not None:
        text += f" Over {gain['baseline']}: {_gain_text(gain)}."
    if patients < PATIENTS_FOR_MODELS:
        text += f" Fewer than {PATIENTS_FOR_MODELS} patients: descriptive, no claim."
    return text


def _gain_text(gain: Mapping[str, Any]) -> str:
    if gain["verdict"] is None:
        return f"gain not computable ({gain['reason']})"
    return (
        f"{gain['verdict']}, C changes by {gain['concordance_gain']:+.3f} (95 % interval "
        f"{gain['concordance_gain_low']:+.3f} to {gain['concordance_gain_high']:+.3f})"
    )


def _number(value: float | None) -> str:
    return "not computable" if value is None else f"{value:.3f}"
