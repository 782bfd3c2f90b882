"""Parquet parts: schemas kept, exactly one study's rows replaced, old parts still read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.refusal import Refusal
from wbr_platform.store.conform import conform
from wbr_platform.store.files import Store
from wbr_platform.store.schemas import TABLES


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def biomarkers(*values: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "algorithm": ["suv_4.0"] * len(values),
            "biomarker": [f"b{i}" for i in range(len(values))],
            "value": values,
        }
    )


def test_missing_columns_become_null_and_order_is_the_schemas(store: Store) -> None:
    store.write_part(
        "biomarkers", biomarkers(1.0, None).select("value", "biomarker", "algorithm"), "s1"
    )
    frame = store.read_table("biomarkers")
    assert frame.schema == pl.Schema(TABLES["biomarkers"].polars_schema())
    assert frame["study_key"].to_list() == ["s1", "s1"]
    assert frame["value"].to_list() == [1.0, None]
    assert frame["unit"].null_count() == 2


def test_writing_again_replaces_exactly_this_study(store: Store) -> None:
    store.write_part("biomarkers", biomarkers(1.0, 2.0), "s1")
    store.write_part("biomarkers", biomarkers(3.0), "s2")
    before = store.part_path("biomarkers", "s2").read_bytes()
    assert store.write_part("biomarkers", biomarkers(4.0), "s1") == 1
    assert store.read_part("biomarkers", "s1")["value"].to_list() == [4.0]
    assert store.part_path("biomarkers", "s2").read_bytes() == before
    once = store.read_table("biomarkers")
    store.write_part("biomarkers", biomarkers(4.0), "s1")
    assert store.read_table("biomarkers").equals(once)


def test_no_rows(store: Store) -> None:
    for table, schema in TABLES.items():
        assert store.read_table(table).schema == pl.Schema(schema.polars_schema())
        assert store.scan_table(table).collect().height == 0
    store.write_part("lesions", pl.DataFrame(), "s1")
    assert store.read_part("lesions", "s1").height == 0
    assert store.read_part("lesions", "never").height == 0


def test_deleting(store: Store) -> None:
    store.write_part("biomarkers", biomarkers(1.0), "s1")
    store.write_part("biomarkers", biomarkers(2.0), "s2")
    with store.write_study_files("s1", "ct") as folder:
        (folder / "x").touch()
    store.delete_study("s1")
    assert store.read_table("biomarkers")["study_key"].to_list() == ["s2"]
    assert store.study_keys() == []
    assert not store.delete_part("biomarkers", "s1")
    assert store.delete_part("biomarkers", "s2")
    store.delete_study("s1")


def test_scan_reads_only_some_studies(store: Store) -> None:
    for number in range(4):
        store.write_part("biomarkers", biomarkers(float(number)), f"s{number}")
    lazy = store.scan_table("biomarkers", ["s1", "s3"]).filter(pl.col("value") > 1)
    assert lazy.collect()["study_key"].to_list() == ["s3"]
    assert store.read_table("biomarkers", ["s1", "absent"]).height == 1


def test_a_scan_keeps_what_it_saw(store: Store) -> None:
    store.write_part("biomarkers", biomarkers(1.0), "s1")
    lazy = store.scan_table("biomarkers")
    store.write_part("biomarkers", biomarkers(2.0), "s1")
    assert lazy.collect()["value"].to_list() == [1.0]


def test_casts_that_lose_nothing() -> None:
    frame = pl.DataFrame(
        {"study_key": ["s"], "patient_key": ["p"], "status": ["accepted"], "age_years": [61],
         "files": [3.0], "study_date": [date(2020, 1, 2)], "has_pet": [1], "sex": [None]}
    )  # fmt: skip
    row = conform("studies", frame).row(0, named=True)
    assert (row["age_years"], row["files"], row["study_date"]) == (61.0, 3, "2020-01-02")
    assert (row["has_pet"], row["sex"]) == (True, None)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("value", [float("nan")], "TABLE_VALUE_NOT_FINITE"),
        ("value", [float("inf")], "TABLE_VALUE_NOT_FINITE"),
        ("value", [float("-inf")], "TABLE_VALUE_NOT_FINITE"),
        ("value", ["much"], "TABLE_TYPE"),
        ("value", [[1.0]], "TABLE_TYPE"),
        ("unit", [["mL"]], "TABLE_TYPE"),
        ("unit", [{"a": 1}], "TABLE_TYPE"),
        ("algorithm", [None], "TABLE_VALUE_MISSING"),
        ("patient_name", ["x"], "TABLE_COLUMN_UNKNOWN"),
        ("Value", [1.0], "TABLE_COLUMN_UNKNOWN"),
        ("study_key", ["other"], "TABLE_KEY_MISMATCH"),
        ("study_key", [None], "TABLE_KEY_MISMATCH"),
    ],
)
def test_what_is_refused(store: Store, column: str, values: list, reason: str) -> None:
    frame = biomarkers(1.0).with_columns(pl.Series(column, values))
    with pytest.raises(Refusal, match=reason):
        store.write_part("biomarkers", frame, "s1")
    assert store.read_table("biomarkers").is_empty()


def test_whole_numbers_stay_whole(store: Store) -> None:
    base = {"series_key": ["e"], "modality": ["PT"]}
    with pytest.raises(Refusal, match="TABLE_TYPE"):
        store.write_part("acquisitions", pl.DataFrame({**base, "slices": [2.5]}), "s1")
    frame = pl.DataFrame({"patient_key": ["p"], "status": ["accepted"], "has_ct": [2]})
    with pytest.raises(Refusal, match="TABLE_TYPE"):
        store.write_part("studies", frame, "s1")


def test_refusals_of_a_frame_quote_no_value(store: Store) -> None:
    frame = biomarkers(1.0).with_columns(pl.Series("value", ["Doe^Jane"]))
    with pytest.raises(Refusal) as refusal:
        store.write_part("biomarkers", frame, "s1")
    assert "Doe" not in str(refusal.value)


def test_required_columns_and_levels(store: Store) -> None:
    with pytest.raises(Refusal, match="TABLE_COLUMN_MISSING"):
        store.write_part("biomarkers", pl.DataFrame({"value": [1.0]}), "s1")
    with pytest.raises(Refusal, match="TABLE_LEVEL"):
        store.write_table("biomarkers", biomarkers(1.0))
    with pytest.raises(Refusal, match="TABLE_LEVEL"):
        store.write_part("clinical", pl.DataFrame({"patient_key": ["p"]}), "s1")
    with pytest.raises(Refusal, match="TABLE_UNKNOWN"):
        store.write_table("nonsense", pl.DataFrame())


def test_clinical_keeps_further_columns_as_text(store: Store) -> None:
    frame = pl.DataFrame({"patient_key": ["p1", "p2"], "Deauville": [4, None], "age_years": [1, 2]})
    store.write_table("clinical", frame)
    back = store.read_table("clinical")
    assert back["Deauville"].to_list() == ["4", None]
    assert back.columns[-1] == "Deauville"
    assert store.scan_table("clinical").collect()["Deauville"].to_list() == ["4", None]
    for bad in ("SEX", "deauville", " ", "$1"):
        with pytest.raises(Refusal, match="TABLE_COLUMN_NAME"):
            store.write_table("clinical", frame.with_columns(pl.lit("x").alias(bad)))


def test_parts_of_an_earlier_version_are_read(store: Store) -> None:
    store.write_part("biomarkers", biomarkers(1.0), "s1")
    path = store.part_path("biomarkers", "s1")
    old = pl.read_parquet(path).drop("unit").with_columns(pl.lit("gone").alias("dropped"))
    old.write_parquet(path)
    for frame in (store.read_table("biomarkers"), store.scan_table("biomarkers").collect()):
        assert frame.columns == list(TABLES["biomarkers"].columns)
        assert frame["unit"].to_list() == [None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), min_size=1),
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        ),
        max_size=8,
    )
)
def test_any_text_and_number_survives(rows: list[tuple[str, float | None]]) -> None:
    frame = pl.DataFrame(
        {
            "study_key": ["s"] * len(rows),
            "algorithm": [text for text, _ in rows],
            "biomarker": [text for text, _ in rows],
            "value": [value for _, value in rows],
        },
        schema_overrides={"value": pl.Float64},
    )
    conformed = conform("biomarkers", frame)
    assert conformed.select("biomarker", "value").rows() == rows
    assert conform("biomarkers", conformed).equals(conformed)


def test_every_column_is_described() -> None:
    for table, schema in TABLES.items():
        assert schema.description, table
        assert ("study_key" in schema.columns) or not schema.per_study, table
        for name, column in schema.columns.items():
            assert len(column.description) > 4, f"{table}.{name}"
