"""What goes into a warehouse: raw tables, models, their documentation, tests of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import duckdb
import polars as pl

from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_models import LAYERS, CompiledModel, SqlProject
from wbr_platform.store.sql_template import RAW_SCHEMA
from wbr_platform.store.sql_tests import ColumnTestResult, test_query
from wbr_platform.store.sql_text import identifier, literal, relation

_TYPES: Mapping[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Float64: "DOUBLE",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
}
# Parts that go into the database at once: bounded memory, few inserts.
_BATCH = 64


@dataclass(frozen=True)
class BuiltColumn:
    """A column as it stands in the warehouse."""

    schema: str
    table: str
    name: str
    type: str
    unit: str
    description: str


@dataclass(frozen=True)
class BuiltTable:
    """A table or view as it stands in the warehouse, with its documented columns."""

    schema: str
    name: str
    kind: str
    description: str
    rows: int
    columns: tuple[BuiltColumn, ...]


def lock_down(connection: duckdb.DuckDBPyConnection) -> None:
    """From now on no file, no network, no extension, no Python variable; for good."""
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def create_raw_tables(connection: duckdb.DuckDBPyConnection, context: ModelContext) -> None:
    """All tables of :data:`TABLES`, empty, in the schema ``raw``."""
    connection.execute(f"CREATE SCHEMA {RAW_SCHEMA}")
    for table, names in context.raw_columns().items():
        schema = TABLES[table]
        columns = []
        for name in names:
            column = schema.columns.get(name)
            dtype = _TYPES[column.dtype] if column else "VARCHAR"
            required = " NOT NULL" if column and column.required else ""
            columns.append(f"{identifier(name)} {dtype}{required}")
        connection.execute(f"CREATE TABLE {relation(RAW_SCHEMA, table)} ({', '.join(columns)})")


def insert_rows(
    connection: duckdb.DuckDBPyConnection, table: str, parts: Iterable[pl.DataFrame]
) -> None:
    """Add the rows of many parts to one raw table, some parts at a time."""
    remaining: Iterator[pl.DataFrame] = iter(parts)
    while batch := list(islice(remaining, _BATCH)):
        rows = pl.concat(batch, how="diagonal")
        if rows.is_empty():
            continue
        connection.register("incoming_rows", rows)
        names = ", ".join(identifier(name) for name in rows.columns)
        connection.execute(
            f"INSERT INTO {relation(RAW_SCHEMA, table)} ({names}) SELECT {names} FROM incoming_rows"
        )
        connection.unregister("incoming_rows")


def build_models(
    connection: duckdb.DuckDBPyConnection, project: SqlProject, context: ModelContext
) -> None:
    """Every model as a view or table, in dependency order; Refusal MODEL_FAILED."""
    for layer in LAYERS:
        connection.execute(f"CREATE SCHEMA {layer}")
    for compiled in project.compiled(context).values():
        model = compiled.model
        try:
            connection.execute(
                f"CREATE {model.materialized.upper()} {model.relation} AS {compiled.sql}"
            )
        except duckdb.Error as error:
            raise Refusal("MODEL_FAILED", f"model {model.name}: {error}") from error


def run_tests(
    connection: duckdb.DuckDBPyConnection, project: SqlProject
) -> tuple[ColumnTestResult, ...]:
    """Every column test of every model; Refusal TEST_FAILED_TO_RUN when a test makes no sense."""
    relations = project.relations()
    results = []
    for model in project.models:
        for test in model.tests:
            try:
                row = connection.execute(test_query(test, relations)).fetchone()
            except duckdb.Error as error:
                raise Refusal(
                    "TEST_FAILED_TO_RUN", f"test {test.model}.{test.name}: {error}"
                ) from error
            results.append(ColumnTestResult(test, int(row[0]) if row else 0))
    return tuple(results)


def describe(
    connection: duckdb.DuckDBPyConnection, project: SqlProject, context: ModelContext
) -> tuple[BuiltTable, ...]:
    """All raw tables and models with row counts, column types and documentation."""
    raw_columns = context.raw_columns()
    tables = []
    for table, schema in TABLES.items():
        documentation = {
            name: (schema.columns[name].description, schema.columns[name].unit)
            if name in schema.columns
            else ("Further column of the user's table, as text.", "")
            for name in raw_columns[table]
        }
        tables.append(
            _describe(connection, RAW_SCHEMA, table, "table", schema.description, documentation)
        )
    for compiled in project.compiled(context).values():
        model = compiled.model
        documentation = {c.name: (c.description, c.unit) for c in compiled.columns}
        tables.append(
            _describe(
                connection, model.layer, model.name, model.materialized, model.description,
                documentation,
            )
        )  # fmt: skip
    return tuple(tables)


def comment(connection: duckdb.DuckDBPyConnection, tables: Iterable[BuiltTable]) -> None:
    """Write the documentation where SQL clients show it (COMMENT ON …)."""
    connection.execute("BEGIN")
    for table in tables:
        name = relation(table.schema, table.name)
        kind = table.kind.upper()
        connection.execute(f"COMMENT ON {kind} {name} IS {literal(table.description)}")
        for column in table.columns:
            unit = f" [{column.unit}]" if column.unit else ""
            connection.execute(
                f"COMMENT ON COLUMN {name}.{identifier(column.name)} "
                f"IS {literal(column.description + unit)}"
            )
    connection.execute("COMMIT")


def lineage_rows(compiled: Mapping[str, CompiledModel]) -> list[dict[str, str]]:
    """Column lineage of all models as rows: this column, and one that it is made of."""
    schemas = {name: entry.model.layer for name, entry in compiled.items()}
    return [
        {
            "schema_name": entry.model.layer,
            "table_name": name,
            "column_name": column,
            "upstream_schema": schemas.get(upstream, RAW_SCHEMA),
            "upstream_table": upstream,
            "upstream_column": upstream_column,
        }
        for name, entry in compiled.items()
        for column, origins in entry.lineage.items()
        for upstream, upstream_column in origins
    ]


def _describe(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    name: str,
    kind: str,
    description: str,
    documentation: Mapping[str, tuple[str, str]],
) -> BuiltTable:
    target = relation(schema, name)
    counted = connection.execute(f"SELECT count(*) FROM {target}").fetchone()
    described = connection.execute(f"DESCRIBE {target}").fetchall()
    columns = tuple(
        BuiltColumn(
            schema, name, row[0], row[1], documentation[row[0]][1], documentation[row[0]][0]
        )
        for row in described
    )
    return BuiltTable(schema, name, kind, description, int(counted[0]) if counted else 0, columns)
