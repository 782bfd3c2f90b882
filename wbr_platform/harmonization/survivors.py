"""Which features survive: little of their variance is the acquisition's, and they repeat."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

# Partial eta squared that Cohen calls medium and large.
MEDIUM, LARGE = 0.06, 0.14
# Lower limit of the intraclass correlation that is called good.
GOOD_RELIABILITY = 0.75

_KEY = ("kind", "region", "modality", "policy", "feature")
SURVIVOR_SCHEMA: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys((*_KEY, "treatment", "worst_factor"), pl.String),
    **dict.fromkeys(("explained", "explained_low", "explained_high"), pl.Float64),
    "factors": pl.Int64,
    "icc_low": pl.Float64,
    "grade": pl.String,
    "survives": pl.Boolean,
}


def surviving_features(
    effects: pl.DataFrame, reliability: pl.DataFrame | None = None
) -> pl.DataFrame:
    """One row a tissue, feature and treatment (``SURVIVOR_SCHEMA``).

    ``effects`` of ``acquisition_effects``; a factor to which the treatment was fitted does not
    count (it is small by construction). ``grade``: "unstable" when the 95 % interval of a factor
    lies above a medium effect, "stable" when those of all factors lie below a large one, else
    "undecided"; null when no factor could be judged. ``survives``: stable, and where
    ``reliability`` (of ``feature_reliability``) knows the feature, its lower limit is good.
    """
    judged = effects.filter(pl.col("explained").is_not_null() & ~pl.col("removed_by_treatment"))
    ranked = judged.sort(
        ["explained_low", "explained", "factor"], descending=[True, True, False]
    ).group_by([*_KEY, "treatment"], maintain_order=True)
    worst = ranked.agg(
        pl.col("factor").first().alias("worst_factor"),
        pl.col("explained", "explained_low").first(),
        pl.col("explained_high").max(),
        factors=pl.len().cast(pl.Int64),
    )
    everyone = effects.select([*_KEY, "treatment"]).unique(maintain_order=True)
    table = everyone.join(worst, on=[*_KEY, "treatment"], how="left", maintain_order="left")
    if reliability is None:
        table = table.with_columns(icc_low=pl.lit(None, dtype=pl.Float64))
    else:
        known = reliability.select([*_KEY, "icc_low"])
        table = table.join(known, on=list(_KEY), how="left", maintain_order="left")
    grade = (
        pl.when(pl.col("explained_low") > MEDIUM)
        .then(pl.lit("unstable"))
        .when(pl.col("explained_high") < LARGE)
        .then(pl.lit("stable"))
        .when(pl.col("explained").is_not_null())
        .then(pl.lit("undecided"))
    )
    repeats = pl.col("icc_low").is_null() | (pl.col("icc_low") >= GOOD_RELIABILITY)
    table = table.with_columns(grade=grade).with_columns(
        survives=(pl.col("grade") == "stable") & repeats
    )
    return table.select(list(SURVIVOR_SCHEMA))
