"""Harmonise a plain table: one row a patient, one column a feature, as CSV and Parquet files hold.

Nothing but the table is needed. What was learnt is kept and applied to patients who come later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from wbr_platform.harmonization.combat import DEFAULT_MINIMUM_PER_BATCH, EmpiricalBayes
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.harmonization.harmonize import harmonize_features
from wbr_platform.harmonization.log_rule import LogRule
from wbr_platform.harmonization.table_columns import (
    REASON,
    finished,
    refuse_marked,
    require,
    require_numbers,
)
from wbr_platform.harmonization.verdicts import VerdictOptions, harmonization_verdicts
from wbr_platform.refusal import Refusal

ONE_TISSUE = "all"

# Columns of a table that tell regions apart: with several values, rows mix tissues.
_REGION_COLUMNS = ("tissue", "region", "roi", "organ", "structure", "segment", "label")
_KEY = "study_key"
_NO_GROUP = {"kind": "table", "modality": "table", "policy": "table"}
_NOT_OF_TABLES = ("kind", "modality", "policy")


@dataclass(frozen=True)
class TableOptions:
    """How to harmonise a table.

    ``tissue`` is the column that tells tissues apart, each with a fit of its own; ``outcome`` a
    column whose balance between batches is checked and which is never a covariate. ``verdicts``
    off saves the time of the resampling.
    """

    tissue: str | None = None
    outcome: str | None = None
    empirical_bayes: EmpiricalBayes = "parametric"
    mean_only: bool = False
    reference_batch: str | None = None
    log: LogRule = "skewed"
    n_boot: int = 0
    minimum_per_batch: int = DEFAULT_MINIMUM_PER_BATCH
    verdicts: bool = True
    resamples: int = 50
    permutations: int = 199
    seed: int = 0


class HarmonizedTable(NamedTuple):
    """``frame``: the table with harmonised features, null where there is none, and the columns
    ``harmonization_reason`` (why a row has none, else null) and ``harmonized_by`` (hash of the
    data of the fit). ``estimates``: tissue to estimates ("all" without a tissue column).
    ``verdicts``: a row a tissue and feature; no rows when they were not asked for.
    """

    frame: pl.DataFrame
    estimates: Mapping[str, ComBatEstimates]
    verdicts: pl.DataFrame


def harmonize_table(
    frame: pl.DataFrame,
    batch: str,
    features: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    options: TableOptions | None = None,
) -> HarmonizedTable:
    """Harmonise the ``features`` of a table (one row a patient and tissue) by column ``batch``.

    Without ``features`` all columns of decimal numbers are taken, and of whole numbers those with
    more than two values in the table, but for named columns and a key (a whole number that differs
    in every row); a column of numbers with a text in it is refused. ``covariates`` are columns
    whose effect is kept. All features that can be are harmonised, whatever their verdict.

    Raises Refusal: ALREADY_HARMONIZED, MISSING_COLUMN, NO_FEATURES, NOT_A_NUMBER, MIXED_TISSUES (a
    column such as region holds several names and ``tissue`` is not given), OUTCOME_IS_COVARIATE,
    and, when nothing at all can be harmonised, the reason of the fit.
    """
    chosen = options or TableOptions()
    names = _checked(frame, batch, features, covariates, chosen)
    numbered = frame.with_row_index(_KEY).with_columns(pl.col(_KEY).cast(pl.String))
    long = _long(numbered, batch, names, chosen.tissue)
    design = numbered.select(_KEY, *covariates) if covariates else None
    result = harmonize_features(
        long,
        design,
        minimum_per_batch=chosen.minimum_per_batch,
        empirical_bayes=chosen.empirical_bayes,
        reference_batch=chosen.reference_batch,
        mean_only=chosen.mean_only,
        log=chosen.log,
        n_boot=chosen.n_boot,
        seed=chosen.seed,
    )
    if not result.fits:
        code = result.ledger[0]["reason_code"] or "NOTHING_TO_HARMONIZE"
        raise Refusal(code, result.ledger[0]["result"])
    estimates = {fit.group["region"]: fit.estimates for fit in result.fits}
    hashes = {tissue: found.data_hash for tissue, found in estimates.items()}
    return HarmonizedTable(
        _wide(frame, numbered, result.features, names, hashes),
        estimates,
        _verdicts(long, design, numbered, chosen),
    )


def _checked(
    frame: pl.DataFrame,
    batch: str,
    features: Sequence[str] | None,
    covariates: Sequence[str],
    options: TableOptions,
) -> list[str]:
    """Names of the features, after all refusals."""
    refuse_marked(frame)
    named = [batch, *covariates]
    named += [name for name in (options.tissue, options.outcome) if name is not None]
    require(frame, [*named, *(features or [])])
    if options.outcome is not None and options.outcome in covariates:
        raise Refusal(
            "OUTCOME_IS_COVARIATE",
            "the outcome is among the covariates",
            "leave it out: ComBat would carry it into the features of every patient",
        )
    if options.tissue is None:
        for name in frame.columns:
            texts = frame[name].dtype == pl.String
            if name.lower() in _REGION_COLUMNS and texts and frame[name].n_unique() > 1:
                raise Refusal(
                    "MIXED_TISSUES",
                    f"column {name} holds {frame[name].n_unique()} tissues",
                    "name it as the tissue column: each tissue has a fit of its own",
                )
    names = _numeric(frame, named) if features is None else list(features)
    if not names:
        raise Refusal("NO_FEATURES", "the table has no column of numbers", "name the features")
    overlap = sorted(set(names) & set(named))
    if overlap:
        raise Refusal("NOT_A_FEATURE", f"{', '.join(overlap)} is batch, covariate or outcome")
    require_numbers(frame, names)
    return names


def _numeric(frame: pl.DataFrame, named: Sequence[str]) -> list[str]:
    names = []
    for column in frame.iter_columns():
        if column.name in named:
            continue
        counted = column.dtype.is_integer() and 2 < column.n_unique() < frame.height
        if column.dtype.is_float() or counted or _mostly_numbers(column):
            names.append(column.name)
    return names


def _mostly_numbers(column: pl.Series) -> bool:
    """A text column that was meant to hold numbers: it must not be passed over in silence."""
    if column.dtype != pl.String or column.null_count() == len(column):
        return False
    numbers = column.drop_nulls().cast(pl.Float64, strict=False)
    return numbers.n_unique() > 2 and 2 * numbers.null_count() < len(numbers)


def _long(
    numbered: pl.DataFrame, batch: str, names: Sequence[str], tissue: str | None
) -> pl.DataFrame:
    region = pl.lit(ONE_TISSUE) if tissue is None else pl.col(tissue).cast(pl.String)
    table = numbered.select(
        _KEY,
        *(pl.lit(value).alias(name) for name, value in _NO_GROUP.items()),
        pl.col(names).cast(pl.Float64),
        __batch=pl.col(batch).cast(pl.String),
        __region=region,
    )
    index = [_KEY, *_NO_GROUP, "__batch", "__region"]
    long = table.unpivot(index=index, variable_name="feature", value_name="value")
    return long.rename({"__batch": "batch", "__region": "region"})


def _wide(
    frame: pl.DataFrame,
    numbered: pl.DataFrame,
    harmonized: pl.DataFrame,
    names: Sequence[str],
    hashes: Mapping[str, str],
) -> pl.DataFrame:
    wide = harmonized.pivot(on="feature", index=[_KEY, "region"], values="harmonized_value")
    none = pl.col("harmonized_value").is_null().all()
    reasons = harmonized.group_by(_KEY).agg(
        pl.when(none).then(pl.col("reason").mode().sort().first())
    )
    ordered = numbered.select(_KEY).join(wide, on=_KEY, how="left", maintain_order="left")
    ordered = ordered.join(
        reasons.rename({"reason": REASON}), on=_KEY, how="left", maintain_order="left"
    )
    columns = {name: ordered[name].cast(pl.Float64).to_numpy() for name in names}
    marks = [
        hashes.get(str(region)) if reason is None else None
        for region, reason in ordered.select("region", REASON).iter_rows()
    ]
    return finished(frame, columns, ordered[REASON], np.array(marks, dtype=object))


def _verdicts(
    long: pl.DataFrame,
    design: pl.DataFrame | None,
    numbered: pl.DataFrame,
    options: TableOptions,
) -> pl.DataFrame:
    settings = VerdictOptions(
        minimum_per_batch=options.minimum_per_batch,
        empirical_bayes=options.empirical_bayes,
        mean_only=options.mean_only,
        log=options.log,
        resamples=options.resamples,
        permutations=options.permutations,
        seed=options.seed,
    )
    outcome = numbered.select(_KEY, options.outcome) if options.outcome else None
    asked = long if options.verdicts else long.clear()
    found = harmonization_verdicts(asked, design, outcome, settings)
    return found.rename({"region": "tissue"}).drop(_NOT_OF_TABLES)
