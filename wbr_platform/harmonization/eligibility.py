"""Which studies may enter a ComBat fit, and why the others may not."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wbr_platform.refusal import Refusal


def covariate_names(covariates: pl.DataFrame | None) -> list[str]:
    """Columns of the covariates but the key, sorted."""
    return [] if covariates is None else sorted(set(covariates.columns) - {"study_key"})


def study_reasons(
    wide: pl.DataFrame, names: Sequence[str], covariates: pl.DataFrame | None, minimum: int
) -> pl.DataFrame:
    """Why a study does not enter the fit: columns study_key, batch, reason (null: it enters)."""
    complete = pl.lit(True)
    table = wide.select("study_key", "batch", empty=pl.all_horizontal(pl.col(names).is_null()))
    if covariates is not None:
        columns = covariate_names(covariates)
        known = covariates.drop_nulls().select("study_key", complete=pl.lit(True))
        table = table.join(known, on="study_key", how="left", maintain_order="left")
        complete = pl.col("complete").fill_null(not columns)
    first = (
        pl.when(pl.col("batch").is_null())
        .then(pl.lit("MISSING_BATCH"))
        .when(pl.col("empty"))
        .then(pl.lit("MISSING_VALUE"))
        .when(~complete)
        .then(pl.lit("MISSING_COVARIATE"))
    )
    table = table.with_columns(reason=first)
    usable = pl.col("reason").is_null()
    too_small = usable & (usable.sum().over("batch") < max(minimum, 2))
    return table.with_columns(
        reason=pl.when(too_small).then(pl.lit("BATCH_TOO_SMALL")).otherwise("reason")
    ).select("study_key", "batch", "reason")


def refusal_of_all(reasons: pl.DataFrame, minimum: int) -> Refusal:
    """The refusal of a fit that no study can enter, by the commonest reason."""
    counts = reasons.group_by("reason").len("studies")
    reason = counts.sort(["studies", "reason"], descending=[True, False])["reason"][0]
    if reason != "BATCH_TOO_SMALL":
        return Refusal(reason, "no study can enter the fit")
    small = reasons.filter(pl.col("reason") == reason).group_by("batch").len().sort("batch")
    sizes = ", ".join(f"{batch}: {patients}" for batch, patients in small.iter_rows())
    return Refusal(reason, f"no batch has {minimum} patients ({sizes})")
