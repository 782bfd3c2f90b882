"""What else could be done about scanners: nothing, a z-score in each batch, the liver as a ruler.

Resampling to one voxel size is done on images: features extracted so are a policy of their own and
stand beside the others in every table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from wbr_platform.refusal import Refusal

Treatment = Literal["none", "combat", "batch_z_score", "liver_referenced"]
TREATMENTS: tuple[Treatment, ...] = ("none", "combat", "batch_z_score", "liver_referenced")

# Features in units of uptake: divided by the liver's mean uptake they stay what they are.
UPTAKE_FEATURES = (
    "stat_mean",
    "stat_median",
    "stat_min",
    "stat_max",
    "stat_p10",
    "stat_p90",
    "stat_range",
    "stat_iqr",
    "stat_mad",
    "stat_rmad",
    "stat_medad",
    "stat_rms",
    "loc_peak_loc",
    "loc_peak_glob",
)
_TISSUE = ("kind", "region", "modality", "policy")


def treated(
    features: pl.DataFrame,
    treatment: Treatment,
    *,
    uptake_features: Sequence[str] = UPTAKE_FEATURES,
    liver: str = "liver",
    liver_feature: str = "stat_mean",
) -> pl.DataFrame:
    """Columns study_key, kind, region, modality, policy, feature, batch, value, reason.

    ``features`` like table harmonized_features. ``batch_z_score``: centred and scaled within the
    batch, then given the mean and spread of all; null with NO_SPREAD_IN_BATCH where it has none.
    ``liver_referenced``: PET features of ``uptake_features`` over
    ``liver_feature`` of the same study's ``liver`` (kind healthy_organ); null with
    NOT_IN_UNITS_OF_UPTAKE or NO_LIVER elsewhere. Raises Refusal MISSING_COLUMN.
    """
    needed = {"study_key", *_TISSUE, "feature", "value", "batch"}
    needed |= {"harmonized_value", "reason"} if treatment == "combat" else set()
    missing = sorted(needed - set(features.columns))
    if missing:
        raise Refusal("MISSING_COLUMN", f"the table has no column {', '.join(missing)}")
    value = pl.col("value").cast(pl.Float64)
    table = features.with_columns(value=pl.when(value.is_finite()).then(value))
    if treatment == "combat":
        table = table.with_columns(value="harmonized_value")
    elif treatment == "batch_z_score":
        table = _batch_z_score(table)
    elif treatment == "liver_referenced":
        table = _liver_referenced(table, uptake_features, liver, liver_feature)
    else:
        table = table.with_columns(reason=_missing_value())
    return table.select("study_key", *_TISSUE, "feature", "batch", "value", "reason")


def _missing_value() -> pl.Expr:
    return pl.when(pl.col("value").is_null()).then(pl.lit("MISSING_VALUE"))


def _batch_z_score(table: pl.DataFrame) -> pl.DataFrame:
    batch = [*_TISSUE, "feature", "batch"]
    value, spread = pl.col("value"), pl.col("value").std().over(batch)
    everyone = [*_TISSUE, "feature"]
    varies = (spread > 0) & (value.max().over(batch) > value.min().over(batch))
    scored = (value - value.mean().over(batch)) / spread
    restored = scored * value.std().over(everyone) + value.mean().over(everyone)
    still = pl.when(varies.not_().fill_null(True)).then(pl.lit("NO_SPREAD_IN_BATCH"))
    return table.with_columns(
        reason=pl.coalesce(_missing_value(), still), value=pl.when(varies).then(restored)
    )


def _liver_referenced(
    table: pl.DataFrame, uptake_features: Sequence[str], liver: str, liver_feature: str
) -> pl.DataFrame:
    ruler = table.filter(
        kind="healthy_organ", region=liver, feature=liver_feature, modality="PT"
    ).select("study_key", "policy", ruler=pl.when(pl.col("value") > 0).then("value"))
    joined = table.join(ruler, on=["study_key", "policy"], how="left", maintain_order="left")
    fits = pl.col("feature").is_in(list(uptake_features)) & (pl.col("modality") == "PT")
    reason = (
        pl.when(~fits)
        .then(pl.lit("NOT_IN_UNITS_OF_UPTAKE"))
        .when(pl.col("ruler").is_null())
        .then(pl.lit("NO_LIVER"))
    )
    referenced = pl.when(fits).then(pl.col("value") / pl.col("ruler"))
    return joined.with_columns(reason=pl.coalesce(_missing_value(), reason), value=referenced)
