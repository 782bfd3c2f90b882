"""What is published, from nothing and from studies; what stops a publication."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.store.files import Store
from wbr_platform.store.publication import PublicationRefusal, publish
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.warehouse import open_warehouse, query

MakeFolder = Callable[[Mapping[str, str]], Path]


def rows(store: Store, sql: str) -> list[dict]:
    return query(store, sql).to_dicts()


def test_an_empty_store_is_published(empty_store: Store, models_folder: Path) -> None:
    publication = publish(empty_store, models_folder)
    assert set(publication.row_counts.values()) == {0}
    assert publication.warnings == ()
    assert all(result.passed for result in publication.tests)
    for name, model in publication.models.items():
        assert query(empty_store, f"from {model.schema}.{name}").height == 0
    assert {path.name for path in empty_store.root.iterdir()} == {
        "warehouse.duckdb", ".incoming", ".publish.lock",
    }  # fmt: skip
    assert list(empty_store.incoming_folder.iterdir()) == []


def test_marts(filled_store: Store, models_folder: Path) -> None:
    publication = publish(filled_store, models_folder)
    assert publication.warnings == ()
    assert publication.row_counts["raw.features"] == 3 * 4 * 2 * 3
    wide = rows(filled_store, "from marts.mart_features_wide where study_key = 's3'")
    assert len(wide) == 4 * 2
    assert {row["stat_mean"] for row in wide} == {3.0}
    assert {row["stat_skew"] for row in wide} == {None}
    assert {row["patient_key"] for row in wide} == {"p2"}

    burden = rows(filled_store, "from marts.mart_patient_biomarkers where study_key = 's1'")
    assert [row["algorithm"] for row in burden] == ["suv_2.5", "suv_4.0"]
    assert [row["tmtv_ml"] for row in burden] == [20.0, 10.0]
    assert [row["tlg_ml"] for row in burden] == [None, 99.0]
    assert {row["spleen_to_liver_ratio_mean"] for row in burden} == {0.8}
    assert {row["tmtv_algorithms"] for row in burden} == {2}
    assert {row["tmtv_relative_spread"] for row in burden} == {10 / 15}

    uptake = rows(filled_store, "from marts.mart_organ_uptake where study_key = 's2'")
    assert len(uptake) == 1
    assert (uptake[0]["organ"], uptake[0]["suv_mean"]) == ("liver", 2.0)
    assert uptake[0]["scanner"] == "GE Discovery"
    assert uptake[0]["age_years"] == 61.0  # the header has none: the clinical table's

    lesions = rows(filled_store, "from marts.mart_lesions where study_key = 's1'")
    assert [row["burden_fraction"] for row in lesions] == [0.75, 0.25]

    quarantine = rows(filled_store, "from marts.mart_quarantine")
    assert [(r["study_key"], r["patient_key"], r["study_status"]) for r in quarantine] == [
        ("s4", "p3", "refused")
    ]


def test_the_cohort_takes_each_patients_first_study(
    filled_store: Store, models_folder: Path
) -> None:
    publish(filled_store, models_folder)
    cohort = rows(filled_store, "from marts.mart_cohort")
    assert [(row["patient_key"], row["study_key"]) for row in cohort] == [
        ("p1", "s2"),
        ("p2", "s3"),
    ]
    assert [row["age_years"] for row in cohort] == [61.0, 70.0]
    assert [row["tmtv_ml"] for row in cohort] == [20.0, 30.0]
    assert {row["lesion_algorithm"] for row in cohort} == {"suv_4.0"}
    assert [row["death"] for row in cohort] == [True, None]
    assert cohort[1]["study_date"] is None


def test_publishing_twice_gives_the_same(filled_store: Store, models_folder: Path) -> None:
    first = publish(filled_store, models_folder)
    tables = [f"{table.schema}.{table.name}" for table in first.tables]
    before = {name: query(filled_store, f"from {name}") for name in tables}
    second = publish(filled_store, models_folder)
    assert second.row_counts == first.row_counts
    for name, frame in before.items():
        assert query(filled_store, f"from {name}").equals(frame), name


def test_the_warehouse_documents_itself(filled_store: Store, models_folder: Path) -> None:
    context = ModelContext(documentation={"stat_mean": ("Mean (IBSI Q4LE).", "SUVbw")})
    publication = publish(filled_store, models_folder, context)
    described = query(filled_store, "from metadata.columns")
    assert described["description"].null_count() == 0
    exist = query(
        filled_store,
        "select schema_name, table_name, column_name, data_type as type from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name in ('raw', 'staging', 'marts')",
    )
    same = ["schema_name", "table_name", "column_name", "type"]
    assert described.select(same).sort(same).equals(exist.select(same).sort(same))
    mean = described.filter(
        pl.col("table_name") == "mart_features_wide", pl.col("column_name") == "stat_mean"
    )
    assert mean.select("unit", "description").row(0) == ("SUVbw", "Mean (IBSI Q4LE).")
    comments = query(
        filled_store,
        "select comment from duckdb_columns() where table_name = 'mart_cohort' "
        "and column_name = 'tmtv_ml'",
    )
    assert comments["comment"].to_list() == ["Total metabolic tumour volume. [mL]"]
    tables = query(filled_store, "select comment from duckdb_tables() where schema_name = 'marts'")
    assert tables["comment"].null_count() == 0
    about = rows(filled_store, "from metadata.publication")
    assert len(about) == 1
    assert (about[0]["studies"], about[0]["column_tests_failed"]) == (4, 0)
    counts = dict(
        query(
            filled_store, "select schema_name || '.' || table_name, rows from metadata.tables"
        ).rows()
    )
    assert counts == publication.row_counts
    origin = rows(
        filled_store,
        "from metadata.column_lineage where table_name = 'mart_organ_uptake' "
        "and column_name = 'suv_mean'",
    )
    assert [(row["upstream_table"], row["upstream_column"]) for row in origin] == [
        ("stg_features", "value")
    ]


def test_extra_clinical_columns_reach_the_warehouse(
    filled_store: Store, models_folder: Path
) -> None:
    publish(filled_store, models_folder)
    assert rows(filled_store, 'select "Deauville" from staging.stg_clinical') == [
        {"Deauville": "4"}
    ]


HOSTILE = [
    "'; DROP TABLE raw.features; --",
    '"; DROP SCHEMA raw CASCADE; --',
    "{{ ref('x') }}",
    "{% raw %}",
    "{{ ''.__class__ }}",
    "a' OR '1'='1",
    'x"y',
    "?",
    "%s",
    "\\'; --",
    "/* */",
    "\n; ATTACH 'x'",
    "ü ∂ 漢",
    "select",
    "a.b",
    "x::integer",
]


def test_hostile_names_stay_names(empty_store: Store, models_folder: Path) -> None:
    for number, text in enumerate(HOSTILE):
        features = {"region_id": [text], "modality": ["PT"], "policy": [text], "feature": [text],
                    "value": [float(number)]}  # fmt: skip
        burden = {
            "algorithm": [text],
            "biomarker": [text],
            "value": [float(number)],
            "unit": [text],
        }
        empty_store.write_part("features", pl.DataFrame(features), f"s{number}")
        empty_store.write_part("biomarkers", pl.DataFrame(burden), f"s{number}")
    clinical = {"patient_key": ["p"], **{text: ["x"] for text in HOSTILE}}
    empty_store.write_table("clinical", pl.DataFrame(clinical))
    publication = publish(empty_store, models_folder)
    wide = query(empty_store, "from marts.mart_features_wide").sort("study_key")
    for number, text in enumerate(HOSTILE):
        row = wide.row(by_predicate=pl.col("study_key") == f"s{number}", named=True)
        assert row[text] == float(number)
        assert sum(row[other] is not None for other in HOSTILE) == 1
    assert publication.row_counts["raw.features"] == len(HOSTILE)
    assert set(HOSTILE) < set(query(empty_store, "from staging.stg_clinical").columns)


BROKEN = {
    "not_null": ("[not_null]", {"unit": [None, "a"]}),
    "unique": ("[unique]", {"unit": ["a", "a"]}),
    "accepted_values": ("[{accepted_values: {values: [a, b]}}]", {"unit": ["a", "c"]}),
    "relationships": ("[{relationships: {to: parents, column: study_key}}]", {"unit": ["s1", "x"]}),
    "accepted_range": ("[{accepted_range: {min: 0, max: 1}}]", {"value": [0.5, 1.5]}),
    "accepted_range_below": ("[{accepted_range: {min: 0}}]", {"value": [0.0, -0.5]}),
}


@pytest.mark.parametrize("case", [*BROKEN, "unique_combination"])
@pytest.mark.parametrize("severity", ["error", "warn"])
def test_each_column_test_finds_its_fault(
    empty_store: Store, make_folder: MakeFolder, case: str, severity: str
) -> None:
    tests, values = BROKEN.get(case, ("", {"unit": ["a", "a"]}))
    (column,) = values
    if tests:
        document = f"columns: [{{name: {column}, tests: {tests}}}]"
    else:
        document = "tests: [{unique_combination: {columns: [study_key, unit]}}]"
    if severity == "warn":
        document = document.replace("[not_null]", "[{not_null: {severity: warn}}]")
        document = document.replace("[unique]", "[{unique: {severity: warn}}]")
        for argument in ("values:", "to:", "min:", "columns: [study_key"):
            document = document.replace(f"{{{argument}", f"{{severity: warn, {argument}")
    folder = make_folder(
        {
            "staging/parents.sql": "select study_key from {{ source('raw', 'biomarkers') }}",
            "staging/burden.sql": "select study_key, unit, value "
            "from {{ source('raw', 'biomarkers') }}",
            "staging/burden.yml": f"models: [{{name: burden, description: B., {document}}}]",
        }
    )
    good = {"algorithm": ["x", "x"], "biomarker": ["a", "b"]}
    empty_store.write_part("biomarkers", pl.DataFrame(), "s1")
    publish(empty_store, folder)
    before = empty_store.warehouse.read_bytes()
    empty_store.write_part("biomarkers", pl.DataFrame({**good, **values}), "s1")
    if severity == "warn":
        publication = publish(empty_store, folder)
        (warning,) = publication.warnings
        assert warning.failures == 1
        assert publication.failures[("burden", warning.test.name)] == 1
        failed = rows(empty_store, "from metadata.column_tests where not passed")
        assert [(row["table_name"], row["failures"]) for row in failed] == [("burden", 1)]
        return
    with pytest.raises(PublicationRefusal, match=r"burden\..*: 1") as refusal:
        publish(empty_store, folder)
    assert refusal.value.reason_code == "WAREHOUSE_TESTS_FAILED"
    assert sum(not result.passed for result in refusal.value.results) == 1
    assert str(pickle.loads(pickle.dumps(refusal.value))) == str(refusal.value)
    assert empty_store.warehouse.read_bytes() == before
    assert list(empty_store.incoming_folder.iterdir()) == []


def test_a_model_that_fails_leaves_the_warehouse(
    filled_store: Store, models_folder: Path, make_folder: MakeFolder
) -> None:
    publish(filled_store, models_folder)
    before = filled_store.warehouse.read_bytes()
    bad = {
        "staging/a.sql": "select status::integer as status from {{ source('raw', 'studies') }}",
        "marts/b.sql": "select status from {{ ref('a') }}",
    }
    with pytest.raises(Refusal, match="MODEL_FAILED"):
        publish(filled_store, make_folder(bad))
    assert filled_store.warehouse.read_bytes() == before


def test_an_open_reader_keeps_its_snapshot(filled_store: Store, models_folder: Path) -> None:
    publish(filled_store, models_folder)
    count = "select count(*) from raw.studies"
    with (
        open_warehouse(filled_store) as old,
        duckdb.connect(str(filled_store.warehouse), read_only=True) as plain,
    ):
        filled_store.delete_study("s1")
        publish(filled_store, models_folder)
        assert old.execute(count).fetchone() == (4,)
        assert plain.execute(count).fetchone() == (4,)
        assert query(filled_store, count).item() == 3


def test_the_second_publisher_waits(filled_store: Store, models_folder: Path) -> None:
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            publish(filled_store, models_folder)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert query(filled_store, "select count(*) from raw.studies").item() == 4
    assert list(filled_store.incoming_folder.iterdir()) == []


def test_every_raw_table_is_read_by_a_model(models_folder: Path, empty_store: Store) -> None:
    lineage = publish(empty_store, models_folder)
    read = query(empty_store, "select distinct upstream_table t from metadata.column_lineage")
    assert set(TABLES) <= set(read["t"].to_list())
    assert len(lineage.tables) > len(TABLES)
