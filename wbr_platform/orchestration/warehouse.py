"""Every SQL model as an asset; one publisher puts the whole warehouse in place at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg

from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study_assets import asset_key
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.publication import Publication, publish
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_models import SqlModel, SqlProject

MODELS_FOLDER = Path(__file__).parents[2] / "dbt_like_sql"

# Cohort tables by the asset that writes them.
COHORT_TABLES = {
    "clinical": "clinical_table",
    "harmonized_features": "harmonized_features",
    "network_nodes": "organ_network",
    "network_edges": "organ_network",
    "survival_models": "survival_models",
    "analysis_ledger": "survival_models",
}
# The quarantine is written by whatever step refuses; its lineage starts at the study's record.
QUARANTINE_WRITER = "dicom_study"


def model_key(name: str) -> dg.AssetKey:
    """SQL models stand below ``warehouse`` in the asset tree."""
    return dg.AssetKey(["warehouse", name])


def _writers(settings: Settings) -> dict[str, dg.AssetKey]:
    """Which asset writes each raw table."""
    writers = {
        table: asset_key(step.name) for step in study_steps(settings) for table in step.tables
    }
    writers["quarantine"] = asset_key(QUARANTINE_WRITER)
    writers |= {table: dg.AssetKey(asset) for table, asset in COHORT_TABLES.items()}
    return writers


def cohort_models(project: SqlProject) -> set[str]:
    """Models that need what the cohort's statistics write, directly or through other models."""
    late = {table for table, schema in TABLES.items() if not schema.per_study} - {"clinical"}
    found: set[str] = set()
    for model in project.models:
        if late.intersection(model.sources) or found.intersection(model.refs):
            found.add(model.name)
    return found


def _spec(model: SqlModel, project: SqlProject, writers: Mapping[str, dg.AssetKey]) -> dg.AssetSpec:
    deps = {writers[name] for name in model.sources} | {model_key(name) for name in model.refs}
    return dg.AssetSpec(
        model_key(model.name),
        deps=sorted(deps),
        description=model.description,
        group_name="warehouse",
        kinds={"duckdb", "sql"},
        owners=["team:statistics"],
        code_version=model.code_version,
        metadata={"layer": model.layer},
    )


def _check_specs(model: SqlModel) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(test.name, asset=model_key(model.name), description=test.description)
        for test in model.tests
    ]


def _column_metadata(model: SqlModel, project: SqlProject, columns: Mapping[str, str]) -> dict:
    described = {column.name: column for column in model.columns}
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(
                name, dtype, description=described[name].description if name in described else None
            )
            for name, dtype in columns.items()
        ]
    )
    lineage = {
        column: [
            dg.TableColumnDep(asset_key=model_key(upstream), column_name=upstream_column)
            for upstream, upstream_column in sources
            if upstream not in TABLES
        ]
        for column, sources in project.column_lineage(model.name).items()
    }
    return {
        "dagster/column_schema": schema,
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=lineage),
    }


def _build(settings: Settings, name: str, late: bool, description: str) -> dg.AssetsDefinition:
    project = SqlProject.load(MODELS_FOLDER)
    of_cohort = cohort_models(project)
    models = [model for model in project.models if (model.name in of_cohort) == late]
    writers = _writers(settings)

    @dg.multi_asset(
        name=name,
        specs=[_spec(model, project, writers) for model in models],
        check_specs=[spec for model in models for spec in _check_specs(model)],
        pool="warehouse",
        description=description,
    )
    def publisher(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        publication = publish(Store(settings.store), MODELS_FOLDER)
        yield from _results(publication, models, project)

    return publisher


def _results(
    publication: Publication, models: list[SqlModel], project: SqlProject
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    for model in models:
        built = publication.models[model.name]
        yield dg.MaterializeResult(
            asset_key=model_key(model.name),
            metadata={
                "dagster/row_count": built.rows,
                **_column_metadata(model, project, built.columns),
            },
        )
        for test in model.tests:
            failures = publication.failures[(model.name, test.name)]
            yield dg.AssetCheckResult(
                asset_key=model_key(model.name),
                check_name=test.name,
                passed=failures == 0,
                metadata={"failing_rows": failures},
            )


def build_warehouse_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Models of study tables first; those of the cohort's statistics when these are there."""
    return [
        _build(settings, "publish_studies", False, "Publish what the studies gave."),
        _build(settings, "publish_cohort", True, "Publish again, with the cohort's statistics."),
    ]
