"""The tables' documentation, generated from what the code and the SQL models say themselves."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from wbr_platform.store import warehouse_build
from wbr_platform.store.schemas import TABLES, TableSchema
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_models import SqlProject
from wbr_platform.store.warehouse_build import BuiltTable

_INTRODUCTION = """# Tables

Generated from `wbr_platform/store/schemas.py` and `dbt_like_sql/`; do not edit by hand:
`python -m wbr_platform.documentation docs`.

Everything is published into one DuckDB file. `marts` is what to query; `staging` holds the same
rows as they were measured, typed; `raw` holds the tables as they were written. Wide marts have one
more column for each feature or biomarker that the cohort has. The same documentation stands in the
file: `SELECT * FROM metadata.columns`; also `metadata.tables`, `metadata.column_lineage`,
`metadata.column_tests` and `metadata.publication`. A missing value is null, never 0 or NaN, and a
reason code says why.
"""
_TITLES = {
    "marts": "Marts: what to query",
    "staging": "Staging: measured rows, typed",
    "raw": "Raw: tables as written",
}


def tables_markdown(project: SqlProject, schemas: Mapping[str, TableSchema] = TABLES) -> str:
    """All tables with their columns as Markdown; types are those of an empty warehouse."""
    tables = empty_warehouse(project)
    lines = [_INTRODUCTION]
    for schema, title in _TITLES.items():
        lines.append(f"## {title}\n")
        chosen = [table for table in tables if table.schema == schema]
        for table in sorted(chosen, key=lambda table: table.name):
            if schema == "raw" and table.name not in schemas:
                continue
            lines += _section(table)
    return "\n".join(lines).rstrip() + "\n"


def empty_warehouse(project: SqlProject) -> tuple[BuiltTable, ...]:
    """All tables as they are before the first study; built in memory."""
    context = ModelContext()
    with duckdb.connect(":memory:") as connection:
        warehouse_build.lock_down(connection)
        warehouse_build.create_raw_tables(connection, context)
        warehouse_build.build_models(connection, project, context)
        return warehouse_build.describe(connection, project, context)


def _section(table: BuiltTable) -> list[str]:
    rows = [
        f"| `{column.name}` | {column.type} | {_cell(column.unit)} | {_cell(column.description)} |"
        for column in table.columns
    ]
    return [
        f"### {table.schema}.{table.name}\n",
        f"{table.description}\n",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
