"""Harmonise a cohort's features: one ComBat fit for each tissue, modality and extraction policy.

Batch effects differ between tissues, so a fit never mixes regions: pooling liver with lesions makes
the liver worse than leaving it alone (error 0.51 against 0.30 standard deviations).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wbr_platform.harmonization.combat import DEFAULT_MINIMUM_PER_BATCH, ComBat, EmpiricalBayes
from wbr_platform.harmonization.eligibility import (
    covariate_names,
    refusal_of_all,
    study_reasons,
)
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.harmonization.log_rule import LogRule
from wbr_platform.ledger import LedgerRow, data_hash, ledger_row
from wbr_platform.refusal import Refusal

# Below this number of patients in a batch the estimates are used with a warning.
COMFORTABLE_PER_BATCH = 20
# The largest lesion: a study may enter a fit once only.
LARGEST_LESION = "L01"

_ASSET = "harmonized_features"
GROUP = ("kind", "region", "modality", "policy")
_OUTPUT = ("study_key", *GROUP, "feature", "batch", "value", "harmonized_value", "reason")


@dataclass(frozen=True)
class HarmonizedGroup:
    """One fit: which tissue (``group`` maps kind, region, modality, policy) and its estimates."""

    group: Mapping[str, str]
    estimates: ComBatEstimates


@dataclass(frozen=True)
class Harmonization:
    """``features`` like table harmonized_features, one ledger row a group, the fits themselves."""

    features: pl.DataFrame
    ledger: tuple[LedgerRow, ...]
    fits: tuple[HarmonizedGroup, ...]


def harmonize_features(
    features: pl.DataFrame,
    covariates: pl.DataFrame | None = None,
    *,
    minimum_per_batch: int = DEFAULT_MINIMUM_PER_BATCH,
    empirical_bayes: EmpiricalBayes = "parametric",
    reference_batch: str | None = None,
    mean_only: bool = False,
    log: LogRule = "skewed",
    n_boot: int = 0,
    seed: int = 0,
) -> Harmonization:
    """Harmonise ``features`` within each kind × region × modality × policy (× family).

    ``features`` has the columns study_key, kind, region, modality, policy, feature, value, batch,
    and may have ``family`` (a fit for each feature family). ``covariates`` has study_key and the
    columns whose effect is to be kept: composition of the batches, never the outcome. Of lesions
    only the largest (``L01``) and the whole tumour burden are harmonised: one value a study. The
    options are those of :class:`~wbr_platform.harmonization.combat.ComBat`; skewed features are
    harmonised as logarithms.

    A value that is not harmonised has a null ``harmonized_value`` and a reason: BATCH_TOO_SMALL,
    ONE_BATCH, NOT_ENOUGH_PATIENTS, CONSTANT, CONSTANT_IN_BATCH, MISSING_VALUE,
    TOO_FEW_VALUES_IN_BATCH, MISSING_BATCH, MISSING_COVARIATE, CONFOUNDED, UNKNOWN_REFERENCE,
    NOTHING_TO_HARMONIZE, NOT_LARGEST_LESION. Small batches are left out and the others harmonised
    without them.

    Raises Refusal: ALREADY_HARMONIZED (ComBat twice is not ComBat), MISSING_COLUMN,
    DUPLICATE_VALUE (a study with two values of a feature or two batches in a region).
    """
    check_features(features, covariates)
    group_columns = [*GROUP, *(["family"] if "family" in features.columns else [])]
    options = {
        "minimum_per_batch": minimum_per_batch,
        "empirical_bayes": empirical_bayes,
        "reference_batch": reference_batch,
        "mean_only": mean_only,
        "log": log if isinstance(log, str) else sorted(log),
        "n_boot": n_boot,
        "seed": seed,
    }
    parts: list[pl.DataFrame] = []
    ledger: list[LedgerRow] = []
    fits: list[HarmonizedGroup] = []
    value = pl.col("value").cast(pl.Float64)
    ordered = features.with_columns(value=pl.when(value.is_finite()).then(value)).sort(
        [*group_columns, "feature", "study_key"]
    )
    for key, rows in ordered.group_by(group_columns, maintain_order=True):
        group = dict(zip(group_columns, map(str, key), strict=True))
        if group["kind"] == "lesion" and group["region"] != LARGEST_LESION:
            parts.append(_not_harmonized(rows, "NOT_LARGEST_LESION"))
            continue
        part, row, estimates = _harmonize_group(rows, covariates, group, options)
        parts.append(part)
        ledger.append(row)
        if estimates is not None:
            fits.append(HarmonizedGroup(group, estimates))
    return Harmonization(_concatenate(parts), tuple(ledger), tuple(fits))


def check_features(features: pl.DataFrame, covariates: pl.DataFrame | None) -> None:
    if "harmonized_value" in features.columns:
        raise Refusal(
            "ALREADY_HARMONIZED",
            "the table has been harmonised already",
            "harmonise the values as extracted: applying ComBat twice changes them again",
        )
    needed = {"study_key", *GROUP, "feature", "value", "batch"}
    missing = sorted(needed - set(features.columns))
    if covariates is not None and "study_key" not in covariates.columns:
        missing.append("study_key of the covariates")
    if missing:
        raise Refusal("MISSING_COLUMN", f"the table has no column {', '.join(missing)}")
    study = pl.struct("study_key", *GROUP)
    checks = features.select(
        twice=pl.struct("study_key", *GROUP, "feature").is_duplicated().any(),
        batches=pl.struct("study_key", *GROUP, "batch").n_unique() > study.n_unique(),
    )
    if any(checks.row(0)) or (
        covariates is not None and covariates["study_key"].is_duplicated().any()
    ):
        raise Refusal(
            "DUPLICATE_VALUE",
            "a study has more than one value of a feature, batch or covariate in a region",
            "choose one segmenter's regions, one row a study and feature",
        )


def _not_harmonized(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    reasons = (
        pl.when(pl.col("value").is_null()).then(pl.lit("MISSING_VALUE")).otherwise(pl.lit(reason))
    )
    return rows.with_columns(
        harmonized_value=pl.lit(None, dtype=pl.Float64), reason=reasons
    ).select(_OUTPUT)


def _concatenate(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if not parts:
        texts = dict.fromkeys(_OUTPUT, pl.String)
        return pl.DataFrame(schema={**texts, "value": pl.Float64, "harmonized_value": pl.Float64})
    return pl.concat(parts)


def _harmonize_group(
    rows: pl.DataFrame,
    covariates: pl.DataFrame | None,
    group: Mapping[str, str],
    options: Mapping[str, Any],
) -> tuple[pl.DataFrame, LedgerRow, ComBatEstimates | None]:
    """Rows of one tissue, its ledger row and, when anything was fitted, the estimates."""
    wide = rows.pivot(on="feature", index=["study_key", "batch"], values="value")
    names = wide.columns[2:]
    reasons = study_reasons(wide, names, covariates, options["minimum_per_batch"])
    entered = wide.join(
        reasons.filter(pl.col("reason").is_null()).select("study_key"), on="study_key", how="semi"
    )
    estimates: ComBatEstimates | None = None
    harmonized: pl.DataFrame | None = None
    refusal: Refusal | None = None
    try:
        harmonized, estimates = _fit(
            entered, names, covariates, reasons, options, f"{group['kind']}/{group['region']}"
        )
    except Refusal as caught:
        refusal = caught
    part = _assemble(rows, reasons, harmonized, estimates, refusal)
    row = ledger_row(
        asset=_ASSET,
        question=f"Scanner effects in {', '.join(group.values())}",
        method="ComBat",
        parameters={**options, "covariates": covariate_names(covariates), "group": dict(group)},
        data=data_hash(wide, covariates),
        patients=entered.height,
        reason_code=None if refusal is None else refusal.reason_code,
        result=_sentence(reasons, estimates, refusal),
    )
    return part, row, estimates


def _fit(
    entered: pl.DataFrame,
    names: Sequence[str],
    covariates: pl.DataFrame | None,
    reasons: pl.DataFrame,
    options: Mapping[str, Any],
    tissue: str,
) -> tuple[pl.DataFrame, ComBatEstimates]:
    """Harmonised values in the wide layout, and the estimates; Refusal when there is no fit."""
    if entered.is_empty():
        raise refusal_of_all(reasons, options["minimum_per_batch"])
    if entered["batch"].n_unique() < 2:
        raise Refusal("ONE_BATCH", "one batch only is left: nothing to harmonise")
    design: pl.DataFrame | None = None
    if covariates is not None and covariate_names(covariates):
        design = entered.select("study_key").join(
            covariates, on="study_key", how="left", maintain_order="left"
        )
        design = design.select(covariate_names(covariates))
    parameters = entered["batch"].n_unique() + (0 if design is None else design.width)
    if entered.height < parameters + 2:
        raise Refusal(
            "NOT_ENOUGH_PATIENTS",
            f"{entered.height} patients for {parameters} batches and covariates",
        )
    values = entered.select(names)
    combat = ComBat(**{**options, "log": log_rule_of(options["log"], names)})
    combat.fit(values, batch=entered["batch"], covariates=design, tissue=tissue)
    result = combat.transform(values, batch=entered["batch"], covariates=design)
    frame = pl.DataFrame(result, schema=list(names)).with_columns(entered["study_key"])
    return frame, combat.estimates_


def log_rule_of(rule: LogRule, names: Sequence[str]) -> LogRule:
    """Named features, those of this tissue alone."""
    return rule if isinstance(rule, str) else [name for name in rule if name in names]


def _assemble(
    rows: pl.DataFrame,
    reasons: pl.DataFrame,
    harmonized: pl.DataFrame | None,
    estimates: ComBatEstimates | None,
    refusal: Refusal | None,
) -> pl.DataFrame:
    """Long rows with harmonised value or reason."""
    table = rows.join(
        reasons.select("study_key", study_reason="reason"),
        on="study_key",
        how="left",
        maintain_order="left",
    )
    if harmonized is None or estimates is None:
        table = table.with_columns(
            harmonized_value=pl.lit(None, dtype=pl.Float64),
            feature_reason=pl.lit(None if refusal is None else refusal.reason_code),
        )
    else:
        by_feature = pl.DataFrame(
            {"feature": estimates.features, "feature_reason": estimates.reasons},
            schema={"feature": pl.String, "feature_reason": pl.String},
        )
        long = harmonized.unpivot(
            index="study_key", variable_name="feature", value_name="harmonized_value"
        )
        table = table.join(by_feature, on="feature", how="left", maintain_order="left").join(
            long, on=["study_key", "feature"], how="left", maintain_order="left"
        )
    missing = pl.when(pl.col("value").is_null()).then(pl.lit("MISSING_VALUE"))
    return (
        table.with_columns(reason=pl.coalesce(missing, "study_reason", "feature_reason"))
        .with_columns(harmonized_value=pl.when(pl.col("reason").is_null()).then("harmonized_value"))
        .select(_OUTPUT)
    )


def _sentence(
    reasons: pl.DataFrame, estimates: ComBatEstimates | None, refusal: Refusal | None
) -> str:
    """What happened, for the ledger."""
    if estimates is None:
        return f"Not harmonised: {refusal.message if refusal else 'nothing was fitted'}."
    harmonized = int(estimates.harmonized.sum())
    sizes = estimates.patients_per_batch
    text = (
        f"Harmonised {harmonized} of {len(estimates.features)} features of {sum(sizes)} patients "
        f"from {len(sizes)} batches (smallest {min(sizes)})."
    )
    if any(estimates.logged):
        text += f" {sum(estimates.logged)} features as logarithms."
    if min(sizes) < COMFORTABLE_PER_BATCH:
        text += (
            f" Warning: fewer than {COMFORTABLE_PER_BATCH} patients in a batch; the estimates of "
            "its effect are uncertain."
        )
    left_out = reasons["reason"].drop_nulls().value_counts(name="studies").sort("reason")
    if left_out.height:
        counts = itertools.starmap("{1} {0}".format, left_out.iter_rows())
        text += f" Studies left out: {', '.join(counts)}."
    return text
