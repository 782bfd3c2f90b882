"""Small descriptive statistics of a cohort's tables; nothing here is a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from wbr_platform.reporting.formatting import is_missing, plain_number, share
from wbr_platform.reporting.strings import reason_in_words
from wbr_platform.reporting.tables import Cell, distinct, rows_of, where, with_columns

FEATURE_KEY = ("kind", "region", "modality", "policy", "feature")


def known_numbers(values: Iterable[float | None]) -> list[float]:
    """The values that are there, as floats."""
    return [float(v) for v in values if v is not None and not is_missing(v)]


def median_and_quartiles(values: Sequence[float | None]) -> Cell:
    """``62 [58 to 71]`` of what is known, with how many are not."""
    known = known_numbers(values)
    if not known:
        return Cell("none known" if values else "no patient", "missing")
    low, middle, high = (float(v) for v in np.percentile(known, [25, 50, 75]))
    absent = len(values) - len(known)
    words = f"{plain_number(middle)} [{plain_number(low)}\u00a0to\u00a0{plain_number(high)}]"
    return Cell(f"{words}; {absent}\u00a0missing" if absent else words, "summary")


def counted(flags: Sequence[bool]) -> Cell:
    """How many, and which share."""
    return Cell(share(sum(flags), len(flags)), "number")


def count_by_reason(reasons: Iterable[str | None]) -> dict[str, int]:
    """Reasons in words with how often each occurs, the most frequent first."""
    return dict(Counter(reason_in_words(reason) for reason in reasons).most_common())


def scanner_by_study(acquisitions: pl.DataFrame) -> dict[str, str]:
    """The scanner of each study's PET (or, without a PET, of its CT)."""
    scanners: dict[str, str] = {}
    for role in ("pet", "ct"):
        for row in rows_of(where(acquisitions, role=role), "study_key", "scanner"):
            if row["scanner"]:
                scanners.setdefault(str(row["study_key"]), str(row["scanner"]))
    return scanners


def primary_of_cohort(biomarkers: pl.DataFrame) -> str | None:
    """The lesion algorithm shown first: the masks of the exports where most studies have them."""
    volumes = where(biomarkers, biomarker="tmtv_ml")
    if not volumes.height:
        return None
    studies = len(distinct(volumes, "study_key"))
    known = volumes.filter(pl.col("value").is_not_null())
    counts = Counter(known["algorithm"].to_list()) if known.height else Counter()
    if counts["imported_lesions"] > studies / 2:
        return "imported_lesions"
    if "suv_4.0" in counts:
        return "suv_4.0"
    return next(iter(sorted(counts)), None)


def batch_share(harmonized: pl.DataFrame) -> pl.DataFrame:
    """Share of each feature's variance that lies between the batches (eta²), before and after.

    Only values that were harmonised count, the same ones on both sides. Columns: FEATURE_KEY,
    ``values``, ``batches``, ``before``, ``after``; features without variance are left out.
    """
    frame = with_columns(harmonized, (*FEATURE_KEY, "batch", "value", "harmonized_value"))
    frame = frame.with_columns(
        pl.col("value").cast(pl.Float64), pl.col("harmonized_value").cast(pl.Float64)
    ).filter(pl.col("value").is_finite() & pl.col("harmonized_value").is_finite())
    keys = list(FEATURE_KEY)

    def between(column: str) -> pl.Expr:
        batch_mean = pl.col(column).mean().over([*keys, "batch"])
        grand_mean = pl.col(column).mean().over(keys)
        return ((batch_mean - grand_mean) ** 2).alias(f"{column}_between")

    def total(column: str) -> pl.Expr:
        return ((pl.col(column) - pl.col(column).mean().over(keys)) ** 2).alias(f"{column}_total")

    columns = ("value", "harmonized_value")
    parts = frame.with_columns([f(c) for c in columns for f in (between, total)])
    return (
        parts.group_by(keys, maintain_order=True)
        .agg(
            pl.len().alias("values"),
            pl.col("batch").n_unique().alias("batches"),
            *(pl.col(f"{c}_{part}").sum() for c in columns for part in ("between", "total")),
        )
        .filter((pl.col("value_total") > 0) & (pl.col("harmonized_value_total") > 0))
        .select(
            *keys,
            "values",
            "batches",
            (pl.col("value_between") / pl.col("value_total")).alias("before"),
            (pl.col("harmonized_value_between") / pl.col("harmonized_value_total")).alias("after"),
        )
    )
