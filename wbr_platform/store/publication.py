"""Publication: all tables and models into one new DuckDB file, put in place in one step."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from wbr_platform import __version__
from wbr_platform.refusal import Refusal
from wbr_platform.store import atomic, warehouse_build
from wbr_platform.store.files import Store
from wbr_platform.store.locks import file_lock
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext, context_of
from wbr_platform.store.sql_models import SqlProject
from wbr_platform.store.sql_template import RAW_SCHEMA
from wbr_platform.store.sql_tests import ColumnTestResult
from wbr_platform.store.sql_text import literal
from wbr_platform.store.tables import iterate_parts
from wbr_platform.store.warehouse_build import BuiltTable

# Nobody can lock readers out by opening the published file for writing.
_READ_ONLY_MODE = 0o444


@dataclass(frozen=True)
class Publication:
    """What was published: where, when, every table with its rows and columns, test results.

    ``context`` tells which features and biomarkers became columns (for compiled SQL and lineage).
    """

    path: Path
    published_at: str
    tables: tuple[BuiltTable, ...]
    tests: tuple[ColumnTestResult, ...]
    context: ModelContext

    @property
    def models(self) -> dict[str, BuiltTable]:
        """The SQL models by name, in dependency order."""
        return {table.name: table for table in self.tables if table.schema != RAW_SCHEMA}

    @property
    def failures(self) -> dict[tuple[str, str], int]:
        """Number of failures by model and name of the test."""
        return {(r.test.model, r.test.name): r.failures for r in self.tests}

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows by ``schema.table``."""
        return {f"{table.schema}.{table.name}": table.rows for table in self.tables}

    @property
    def warnings(self) -> tuple[ColumnTestResult, ...]:
        """Tests of severity warn that failed."""
        return tuple(result for result in self.tests if not result.passed)


class PublicationRefusal(Refusal):
    """A column test of severity error failed: the warehouse of before stays in place."""

    def __init__(self, results: Sequence[ColumnTestResult]) -> None:
        self.results = tuple(results)
        failed = [r for r in results if not r.passed and r.test.severity == "error"]
        listed = "; ".join(f"{r.test.model}.{r.test.name}: {r.failures}" for r in failed)
        super().__init__(
            "WAREHOUSE_TESTS_FAILED",
            f"{len(failed)} column test(s) failed, the warehouse was not replaced: {listed}",
            "correct the rows at fault, then publish again",
        )

    def __reduce__(self) -> tuple[type[PublicationRefusal], tuple[tuple[ColumnTestResult, ...]]]:  # type: ignore[override]
        return (type(self), (self.results,))


def publish(store: Store, models_folder: Path, context: ModelContext | None = None) -> Publication:
    """Build a new warehouse from the store's tables and put it in place of the old one.

    ``context`` may name features, biomarkers and their documentation that the marts are to have
    besides those found in the tables. One publisher works at a time, a second one waits. Readers
    who have the old file open keep it; there is no moment without a warehouse. Refusals: MODEL_…
    for a faulty SQL model, WAREHOUSE_TESTS_FAILED (:class:`PublicationRefusal`).
    """
    store.sweep()
    with file_lock(store.publish_lock), atomic.incoming(store.incoming_folder) as workspace:
        building = workspace / f"warehouse.duckdb.{uuid.uuid4().hex}.part"
        found = context_of(store)
        full_context = context.including(found) if context else found
        project = SqlProject.load(models_folder, full_context)
        publication = _build(store, project, full_context, building)
        if any(not r.passed and r.test.severity == "error" for r in publication.tests):
            raise PublicationRefusal(publication.tests)
        building.chmod(_READ_ONLY_MODE)
        atomic.place_file(building, store.warehouse)
    return publication


def _build(store: Store, project: SqlProject, context: ModelContext, path: Path) -> Publication:
    published_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"SET temp_directory = {literal(str(path.with_suffix('.spill')))}")
        warehouse_build.lock_down(connection)
        warehouse_build.create_raw_tables(connection, context)
        for table in TABLES:
            parts = (_known_columns(part, context, table) for part in iterate_parts(store, table))
            warehouse_build.insert_rows(connection, table, parts)
        warehouse_build.build_models(connection, project, context)
        tests = warehouse_build.run_tests(connection, project)
        tables = warehouse_build.describe(connection, project, context)
        warehouse_build.comment(connection, tables)
        lineage = warehouse_build.lineage_rows(project.compiled(context))
        publication = Publication(
            store.warehouse, published_at.isoformat() + "+00:00", tables, tests, context
        )
        _write_metadata(connection, publication, published_at, lineage)
        connection.execute("CHECKPOINT")
    return publication


def _known_columns(part: pl.DataFrame, context: ModelContext, table: str) -> pl.DataFrame:
    """A clinical table rewritten since the context was made may have brought new columns."""
    known = set(context.raw_columns()[table])
    return part.select([name for name in part.columns if name in known])


def _write_metadata(
    connection: duckdb.DuckDBPyConnection,
    publication: Publication,
    published_at: datetime,
    lineage: Sequence[Mapping[str, str]],
) -> None:
    """The documentation as tables, for those who have SQL alone."""
    text, whole = pl.String, pl.Int64
    frames = {
        "publication": pl.DataFrame(
            {
                "published_at": [published_at],
                "platform_version": [__version__],
                "duckdb_version": [duckdb.__version__],
                "studies": [publication.row_counts["raw.studies"]],
                "tables": [len(publication.tables)],
                "column_tests": [len(publication.tests)],
                "column_tests_failed": [len(publication.warnings)],
            }
        ),
        "tables": pl.DataFrame(
            [_without_columns(table) for table in publication.tables],
            schema={
                "schema_name": text, "table_name": text, "kind": text, "rows": whole,
                "description": text,
            },
        ),
        "columns": pl.DataFrame(
            [
                {
                    "schema_name": column.schema,
                    "table_name": column.table,
                    "position": position,
                    "column_name": column.name,
                    "type": column.type,
                    "unit": column.unit or None,
                    "description": column.description,
                }
                for table in publication.tables
                for position, column in enumerate(table.columns, start=1)
            ],
            schema={
                "schema_name": text, "table_name": text, "position": whole, "column_name": text,
                "type": text, "unit": text, "description": text,
            },
        ),
        "column_lineage": pl.DataFrame(
            list(lineage),
            schema={
                "schema_name": text, "table_name": text, "column_name": text,
                "upstream_schema": text, "upstream_table": text, "upstream_column": text,
            },
        ),
        "column_tests": pl.DataFrame(
            [
                {
                    "table_name": result.test.model,
                    "columns": ", ".join(result.test.columns),
                    "test": result.test.kind,
                    "severity": result.test.severity,
                    "failures": result.failures,
                    "passed": result.passed,
                }
                for result in publication.tests
            ],
            schema={
                "table_name": text, "columns": text, "test": text, "severity": text,
                "failures": whole, "passed": pl.Boolean,
            },
        ),
    }  # fmt: skip
    connection.execute("CREATE SCHEMA metadata")
    for name, frame in frames.items():
        connection.register("metadata_rows", frame)
        connection.execute(f"CREATE TABLE metadata.{name} AS SELECT * FROM metadata_rows")
        connection.unregister("metadata_rows")


def _without_columns(table: BuiltTable) -> dict[str, str | int]:
    return {
        "schema_name": table.schema,
        "table_name": table.name,
        "kind": table.kind,
        "rows": table.rows,
        "description": table.description,
    }
