"""Repeated measurements of the same patients: intraclass correlation with its interval.

Shrout and Fleiss, Psychol Bull 1979;86:420; labels by the lower limit, as Koo and Li, J Chiropr Med
2016;15:155. Thirty patients and five perturbations are needed for a lower limit near the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]
Form = Literal["ICC(1,1)", "ICC(3,1)"]

CONFIDENCE = 0.95
RECOMMENDED_PATIENTS, RECOMMENDED_REPETITIONS = 30, 5
_LABELS = ((0.9, "excellent"), (0.75, "good"), (0.5, "moderate"))
_TISSUE = ("kind", "region", "modality", "policy")

RELIABILITY_SCHEMA: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys((*_TISSUE, "feature", "form"), pl.String),
    **dict.fromkeys(("patients", "repetitions"), pl.Int64),
    **dict.fromkeys(("icc", "icc_low", "icc_high"), pl.Float64),
    "label": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Estimate and 95 % limits."""

    value: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """poor, moderate, good or excellent, by the lower limit."""
        return next((name for bar, name in _LABELS if self.low >= bar), "poor")


def intraclass_correlation(values: Array, form: Form = "ICC(3,1)") -> IntraclassCorrelation | None:
    """Agreement of ``values`` (patients, repetitions), complete; None where nothing varies.

    ICC(1,1): each repetition is another random disturbance; ICC(3,1): repetitions are the same
    fixed settings for all patients, whose mean differences do not count.
    """
    patients, repetitions = values.shape
    if patients < 2 or repetitions < 2 or values.max() == values.min():
        return None
    grand = values.mean()
    between = repetitions * ((values.mean(axis=1) - grand) ** 2).sum() / (patients - 1)
    within_squares = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum()
    degrees = patients * (repetitions - 1)
    if form == "ICC(3,1)":
        within_squares -= patients * ((values.mean(axis=0) - grand) ** 2).sum()
        degrees = (patients - 1) * (repetitions - 1)
    error = within_squares / degrees
    if error <= 1e-14 * between:
        return IntraclassCorrelation(1.0, 1.0, 1.0)
    ratio = between / error
    tail = 1 - (1 - CONFIDENCE) / 2
    low = ratio / stats.f.ppf(tail, patients - 1, degrees)
    high = ratio * stats.f.ppf(tail, degrees, patients - 1)
    share = [float((each - 1) / (each + repetitions - 1)) for each in (ratio, low, high)]
    return IntraclassCorrelation(*share)


def feature_reliability(perturbed: pl.DataFrame, form: Form = "ICC(3,1)") -> pl.DataFrame:
    """Intraclass correlation of each tissue and feature (``RELIABILITY_SCHEMA``).

    ``perturbed`` has study_key, kind, region, modality, policy, feature, ``perturbation`` and
    value. Studies that miss a perturbation are left out. Reasons: NOT_ENOUGH_PATIENTS, CONSTANT.
    Raises Refusal MISSING_COLUMN, DUPLICATE_VALUE.
    """
    key = ["study_key", *_TISSUE, "feature", "perturbation"]
    missing = sorted({*key, "value"} - set(perturbed.columns))
    if missing:
        raise Refusal("MISSING_COLUMN", f"the table has no column {', '.join(missing)}")
    if perturbed.select(pl.struct(key).is_duplicated().any()).item():
        raise Refusal("DUPLICATE_VALUE", "a study has a perturbation of a feature twice")
    rows = []
    value = pl.col("value").cast(pl.Float64)
    finite = perturbed.with_columns(value=pl.when(value.is_finite()).then(value))
    for group, part in finite.sort(key).group_by([*_TISSUE, "feature"], maintain_order=True):
        wide = part.pivot(on="perturbation", index="study_key", values="value").drop_nulls()
        values = wide.drop("study_key").to_numpy()
        found = intraclass_correlation(values, form) if wide.height > 1 else None
        row: dict[str, Any] = dict(zip((*_TISSUE, "feature"), map(str, group), strict=True))
        row |= {"form": form, "patients": wide.height, "repetitions": wide.width - 1}
        if found is None:
            row["reason"] = "NOT_ENOUGH_PATIENTS" if min(values.shape) < 2 else "CONSTANT"
        else:
            row |= {"icc": found.value, "icc_low": found.low, "icc_high": found.high}
            row["label"] = found.label
        rows.append(row)
    return pl.DataFrame(rows, schema=dict(RELIABILITY_SCHEMA))
