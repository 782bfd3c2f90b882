"""Every SQL model as an asset; one publisher puts the whole warehouse in place at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from wbr_platform.biomarkers.definitions import biomarker_definitions
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study_assets import asset_key
from wbr_platform.radiomics.feature_table import FEATURES
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.publication import PublicationRefusal, publish
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_lineage import Lineage
from wbr_platform.store.sql_models import SqlModel, SqlProject, default_models_folder
from wbr_platform.store.sql_tests import ColumnTestResult
from wbr_platform.store.warehouse_build import BuiltTable

# Cohort tables by the asset that writes them.
COHORT_TABLES = {
    "clinical": "clinical_table",
    "harmonized_features": "harmonized_features",
    "network_nodes": "organ_network",
    "network_edges": "organ_network",
    "survival_models": "survival_models",
    "analysis_ledger": "analysis_ledger",
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


def _spec(model: SqlModel, writers: Mapping[str, dg.AssetKey]) -> dg.AssetSpec:
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


def _check_specs(models: Sequence[SqlModel]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(test.name, asset=model_key(model.name), description=test.description)
        for model in models
        for test in model.tests
    ]


def _column_metadata(built: BuiltTable, lineage: Lineage) -> dict[str, Any]:
    """Dagster's column schema and column lineage of one model."""
    columns = [
        dg.TableColumn(column.name, column.type, description=column.description)
        for column in built.columns
    ]
    upstream = {
        column: [
            dg.TableColumnDep(asset_key=model_key(relation), column_name=name)
            for relation, name in sources
            if relation not in TABLES
        ]
        for column, sources in lineage.items()
    }
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=upstream),
    }


def _check_results(
    results: Sequence[ColumnTestResult], names: set[str]
) -> Iterator[dg.AssetCheckResult]:
    for result in results:
        if result.test.model in names:
            error = result.test.severity == "error"
            yield dg.AssetCheckResult(
                asset_key=model_key(result.test.model),
                check_name=result.test.name,
                passed=result.passed,
                severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
                metadata={"failing_rows": result.failures},
            )


def documented_columns() -> ModelContext:
    """What the columns of the wide marts mean, from the tables of features and biomarkers."""
    documentation = {f.name: (f.ibsi_name, f.unit) for f in FEATURES}
    documentation |= {
        name: (definition.definition, definition.unit)
        for name, definition in biomarker_definitions().items()
    }
    return ModelContext(documentation=documentation)


def _build(settings: Settings, name: str, late: bool, description: str) -> dg.AssetsDefinition:
    project = SqlProject.load(default_models_folder())
    of_cohort = cohort_models(project)
    models = [model for model in project.models if (model.name in of_cohort) == late]
    names = {model.name for model in models}
    writers = _writers(settings)

    @dg.multi_asset(
        name=name,
        specs=[_spec(model, writers) for model in models],
        check_specs=_check_specs(models),
        pool="warehouse",
        description=description,
    )
    def publisher(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        store = Store(settings.store)
        try:
            publication = publish(store, default_models_folder(), documented_columns())
        except PublicationRefusal as refusal:
            yield from _check_results(refusal.results, names)
            raise dg.Failure(str(refusal), allow_retries=False) from refusal
        context.log.info(f"published {len(publication.tables)} tables and models")
        for built in publication.tables:
            if built.schema != "raw" and built.name in names:
                lineage = project.column_lineage(built.name, publication.context)
                yield dg.MaterializeResult(
                    asset_key=model_key(built.name),
                    metadata={"dagster/row_count": built.rows, **_column_metadata(built, lineage)},
                )
        yield from _check_results(publication.tests, names)

    return publisher


def build_warehouse_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Models of study tables first; those of the cohort's statistics when these are there."""
    return [
        _build(settings, "publish_studies", False, "Publish what the studies gave."),
        _build(settings, "publish_cohort", True, "Publish again, with the cohort's statistics."),
    ]
