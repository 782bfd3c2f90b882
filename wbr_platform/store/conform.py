"""A frame brought to a table's schema, or refused with the column at fault."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from polars.exceptions import PolarsError

from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES, TableSchema


def table_schema(table: str) -> TableSchema:
    """The schema of a table; Refusal TABLE_UNKNOWN for any other name."""
    if table not in TABLES:
        raise Refusal(
            "TABLE_UNKNOWN", "there is no table of that name", f"tables: {', '.join(TABLES)}"
        )
    return TABLES[table]


def conform(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with exactly the table's columns, in order, cast to their types.

    Missing columns become null unless they are required. Refusals: TABLE_COLUMN_UNKNOWN,
    TABLE_COLUMN_MISSING, TABLE_COLUMN_NAME, TABLE_TYPE, TABLE_VALUE_MISSING,
    TABLE_VALUE_NOT_FINITE. Their texts name columns and numbers of rows, never values.
    """
    schema = table_schema(table)
    extra = [name for name in frame.columns if name not in schema.columns]
    if extra and not schema.keeps_extra_columns:
        raise Refusal(
            "TABLE_COLUMN_UNKNOWN",
            f"table {table} has no column {', '.join(map(repr, extra))}",
            f"its columns: {', '.join(schema.columns)}",
        )
    _check_names(table, [*schema.columns, *extra])
    columns = []
    for name, column in schema.columns.items():
        if name in frame.columns:
            columns.append(_cast(table, frame[name], column.dtype))
        elif column.required and frame.height:
            raise Refusal("TABLE_COLUMN_MISSING", f"table {table} needs the column {name!r}")
        else:
            columns.append(pl.Series(name, [None] * frame.height, dtype=column.dtype))
    columns += [_cast(table, frame[name], pl.String) for name in extra]
    conformed = pl.DataFrame(columns)
    _check_values(table, conformed, schema)
    return conformed


def conform_stored(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """A part written by an earlier version: columns since added are null, those since gone left."""
    schema = table_schema(table)
    kept = schema.keeps_extra_columns
    known = [name for name in frame.columns if kept or name in schema.columns]
    return conform(table, frame.select(known))


def empty_table(table: str) -> pl.DataFrame:
    """No rows, all columns."""
    return pl.DataFrame(schema=table_schema(table).polars_schema())


def _check_names(table: str, names: Iterable[str]) -> None:
    """DuckDB ignores the case of column names; ``$1`` is a place in a query, not a name."""
    seen: set[str] = set()
    for name in names:
        if not name.strip() or name.startswith("$") or "\x00" in name or name.casefold() in seen:
            raise Refusal(
                "TABLE_COLUMN_NAME",
                f"table {table}: column {name!r} is empty, begins with '$' or differs from another "
                "by case alone",
                "rename the column",
            )
        seen.add(name.casefold())


def _cast(table: str, series: pl.Series, dtype: type[pl.DataType]) -> pl.Series:
    wrong_type = Refusal(
        "TABLE_TYPE",
        f"table {table}, column {series.name!r}: {series.dtype} cannot become {dtype.__name__}",
    )
    if series.dtype == dtype:
        return series
    if series.dtype == pl.Object or (dtype == pl.String and series.dtype.is_nested()):
        raise wrong_type
    if dtype == pl.Int64 and series.dtype.is_float():
        _check_finite(table, series)
        if not (series.drop_nulls() == series.drop_nulls().round()).all():
            raise wrong_type
    if dtype == pl.Boolean and series.dtype.is_numeric() and not series.is_in([0, 1]).all():
        raise wrong_type
    try:
        return series.cast(dtype, strict=True)
    except PolarsError as error:
        raise wrong_type from error


def _check_values(table: str, frame: pl.DataFrame, schema: TableSchema) -> None:
    for name, column in schema.columns.items():
        if column.required and (missing := frame[name].null_count()):
            raise Refusal(
                "TABLE_VALUE_MISSING", f"table {table}, column {name!r}: {missing} null value(s)"
            )
        if column.dtype == pl.Float64:
            _check_finite(table, frame[name])


def _check_finite(table: str, series: pl.Series) -> None:
    bad = int((~series.is_finite()).sum())
    if bad:
        raise Refusal(
            "TABLE_VALUE_NOT_FINITE",
            f"table {table}, column {series.name!r}: {bad} value(s) are NaN or infinite",
            "give null with a reason code for a value that cannot be computed",
        )
