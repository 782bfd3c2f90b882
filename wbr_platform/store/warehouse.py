"""Read-only SQL on the published warehouse, with nothing else in reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import polars as pl

from wbr_platform.refusal import Refusal
from wbr_platform.store.layout import Layout
from wbr_platform.store.sql_text import identifier, literal
from wbr_platform.store.warehouse_build import lock_down

_READING = {"SELECT", "EXPLAIN"}


@contextmanager
def open_warehouse(layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that can read the warehouse of this moment, and nothing but that.

    The file is attached read-only, then file system, network, extensions and every setting are
    locked. A publication meanwhile does not change what this connection sees. Refusals:
    WAREHOUSE_NOT_PUBLISHED, WAREHOUSE_UNREADABLE.
    """
    if not layout.warehouse.is_file():
        raise Refusal(
            "WAREHOUSE_NOT_PUBLISHED",
            "nothing has been published into this store yet",
            "process studies and publish first",
        )
    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute(f"ATTACH {literal(str(layout.warehouse))} AS warehouse (READ_ONLY)")
        except duckdb.Error as error:
            raise Refusal(
                "WAREHOUSE_UNREADABLE",
                f"the published warehouse cannot be opened: {type(error).__name__}",
                "publish again; nobody may open the file for writing",
            ) from error
        connection.execute("USE warehouse")
        connection.execute("SET temp_directory = ''")  # a reader writes nothing, anywhere
        lock_down(connection)
        yield connection


def query(layout: Layout, sql: str) -> pl.DataFrame:
    """The rows of one SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN, PIVOT).

    Tables are named with their schema: ``marts.mart_cohort``. Refusals: WAREHOUSE_NOT_PUBLISHED,
    SQL_NOT_A_QUERY for anything but one query, SQL_ERROR with DuckDB's message.
    """
    with open_warehouse(layout) as connection:
        try:
            _check_one_query(connection, sql)
            relation = connection.sql(sql)
            if relation is None:
                raise _not_a_query()
            return _plain_numbers(_readable(relation).pl())
        except duckdb.Error as error:
            raise Refusal("SQL_ERROR", str(error), "see metadata.columns for names") from error


def _check_one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise _not_a_query()
    kind = statements[0].type.name
    # A PIVOT without IN makes an enum of its values first and so counts as several statements.
    pivot = kind.startswith("MULTI") and sql.lstrip().lower().startswith(("pivot", "from", "with"))
    if kind not in _READING and not pivot:
        raise _not_a_query()


def _not_a_query() -> Refusal:
    return Refusal(
        "SQL_NOT_A_QUERY",
        "the warehouse answers exactly one query at a time and changes nothing",
        "give one SELECT",
    )


def _readable(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Intervals as text: data frames have no type for them."""
    kinds = [str(kind) for kind in relation.types]
    if not any("INTERVAL" in kind for kind in kinds):
        return relation
    names = [identifier(name) for name in relation.columns]
    return relation.project(
        ", ".join(
            f"CAST({name} AS VARCHAR) AS {name}" if "INTERVAL" in kind else name
            for name, kind in zip(names, kinds, strict=True)
        )
    )


def _plain_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Sums of whole numbers (which DuckDB widens to 128 bits) as 64-bit where they fit."""
    for name, dtype in frame.schema.items():
        if (isinstance(dtype, pl.Decimal) and dtype.scale == 0) or dtype == pl.Int128:
            narrow = frame[name].cast(pl.Int64, strict=False)
            if narrow.null_count() == frame[name].null_count():
                frame = frame.with_columns(narrow)
    return frame
