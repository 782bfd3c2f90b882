"""Tables of a page as plain data; the template turns them into accessible HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from wbr_platform.reporting.formatting import is_missing, number, p_value, text_of
from wbr_platform.reporting.strings import reason_in_words

CellKind = Literal["text", "number", "summary", "missing", "good", "bad"]


@dataclass(frozen=True)
class Cell:
    """One table cell: what is read, how it looks, what the code behind it is, where it leads."""

    text: str
    kind: CellKind = "text"
    code: str | None = None
    href: str | None = None


@dataclass(frozen=True)
class Column:
    """A column's heading and unit; numeric columns are set to the right."""

    heading: str
    unit: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption; ``empty`` is said in its place when there is no row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = "Nothing to show."
    note: str = ""
    more: str = field(default="")


def text_cell(value: Any, missing: str = "not given") -> Cell:
    """A text, number or truth value; what is missing is said in words."""
    if is_missing(value) or value == "":
        return Cell(missing, "missing")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(text_of(value), "number")
    return Cell(text_of(value))


def number_cell(value: float | None, reason: str | None = None, digits: int = 3) -> Cell:
    """A measurement, or why it is missing."""
    if is_missing(value):
        return missing_cell(reason)
    assert value is not None
    return Cell(number(float(value), digits), "number")


def p_cell(value: float | None, reason: str | None = None) -> Cell:
    """A p-value, or why it is missing."""
    if is_missing(value):
        return missing_cell(reason)
    assert value is not None
    return Cell(p_value(value), "number")


def missing_cell(reason: str | None) -> Cell:
    """The reason in words, with its code."""
    return Cell(reason_in_words(reason), "missing", code=reason or None)


def with_columns(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The frame with every named column: those that it lacks are null."""
    absent = [name for name in names if name not in frame.columns]
    return frame.with_columns(pl.lit(None).alias(name) for name in absent)


def rows_of(frame: pl.DataFrame, *names: str) -> list[dict[str, Any]]:
    """The frame's rows as dictionaries that have at least the named columns."""
    return with_columns(frame, names).to_dicts()


def where(frame: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """The rows in which each named column has the given value; None is no value of any row."""
    for name, value in values.items():
        if value is None or name not in frame.columns:
            return frame.clear()
        frame = frame.filter(pl.col(name) == value)
    return frame


def distinct(frame: pl.DataFrame, name: str) -> list[Any]:
    """The different values of a column in order of appearance, nulls left out."""
    if name not in frame.columns:
        return []
    return frame[name].drop_nulls().unique(maintain_order=True).to_list()
