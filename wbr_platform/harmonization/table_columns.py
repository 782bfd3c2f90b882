"""Columns of a plain table: reading and writing it, what it must hold, how a result is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from wbr_platform.refusal import Refusal

# The column that marks a harmonised table, which must not be harmonised again.
MARK = "harmonized_by"
REASON = "harmonization_reason"

# Missing values as other programs write them, the errors of spreadsheets among them.
_MISSING = [
    *("", "NA", "N/A", "NaN", "nan", "-nan", "-nan(ind)", "NULL", "null", "None"),
    *("#N/A", "#NAME?", "#DIV/0!", "#NUM!", "#VALUE!", "#REF!", "#NULL!"),
]


def read_table(path: Path) -> pl.DataFrame:
    """A CSV, TSV or Parquet table; Refusal UNKNOWN_FORMAT or UNREADABLE_TABLE."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path)
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            separator = "," if path.suffix.lower() == ".csv" else "\t"
            return pl.read_csv(
                path, separator=separator, infer_schema_length=None, null_values=_MISSING
            )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Refusal(
            "UNREADABLE_TABLE", f"the table cannot be read ({type(error).__name__})"
        ) from error
    raise Refusal(
        "UNKNOWN_FORMAT", "the table is neither CSV, TSV nor Parquet", "name it .csv or .parquet"
    )


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV, TSV or Parquet by the name's ending; Refusal UNKNOWN_FORMAT."""
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        frame.write_parquet(path)
    elif suffix in (".csv", ".tsv", ".txt"):
        frame.write_csv(path, separator="," if suffix == ".csv" else "\t")
    else:
        raise Refusal("UNKNOWN_FORMAT", "the result is to be neither CSV, TSV nor Parquet")


def refuse_marked(frame: pl.DataFrame) -> None:
    """Refusal ALREADY_HARMONIZED for a table that carries the mark."""
    if MARK in frame.columns:
        raise Refusal(
            "ALREADY_HARMONIZED",
            f"the table has been harmonised already (column {MARK})",
            "harmonise the values as extracted: applying ComBat twice changes them again",
        )


def require(frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Refusal MISSING_COLUMN unless all columns are there."""
    missing = sorted(set(names) - set(frame.columns))
    if missing:
        raise Refusal("MISSING_COLUMN", f"the table has no column {', '.join(missing)}")


def require_numbers(frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Refusal NOT_A_NUMBER unless all columns hold numbers."""
    texts = [name for name in names if not frame[name].dtype.is_numeric()]
    # A column without any value is read as text.
    texts = [name for name in texts if frame[name].null_count() < frame.height]
    if texts:
        raise Refusal(
            "NOT_A_NUMBER",
            f"{', '.join(texts)} does not hold numbers alone",
            "leave the cell of a missing value empty",
        )


def finished(
    frame: pl.DataFrame, columns: Mapping[str, Any], reason: pl.Series, mark: Any
) -> pl.DataFrame:
    """The table with new feature values (NaN becomes null), reasons and marks."""
    values = [pl.Series(name, column, nan_to_null=True) for name, column in columns.items()]
    return frame.with_columns(*values, reason, pl.Series(MARK, list(mark), dtype=pl.String))
