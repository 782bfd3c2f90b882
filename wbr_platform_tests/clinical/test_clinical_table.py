"""Reading clinical tables: what is accepted, what is refused, and how it is said."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.clinical.errors import RowError
from wbr_platform.clinical.schema import CLINICAL_COLUMNS
from wbr_platform.clinical.table import ClinicalTable, read_clinical_table
from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES

HEADER = ["patient_id", "age_years", "sex", "survival_days", "death"]
ROWS = [
    ["DUPONT-01", "61.5", "F", "400", "yes"],
    ["DUPONT-02", "70", "male", "650", "0"],
    ["DUPONT-03", "", "", "", ""],
]


def write_csv(folder: Path, header: list[str], rows: list[list[str]], delimiter: str = ",") -> Path:
    path = folder / "clinical.csv"
    lines = [delimiter.join(cells) for cells in [header, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(folder: Path, header: list[str], *rows: list[str]) -> ClinicalTable:
    return read_clinical_table(write_csv(folder, header, list(rows)))


def only_error(table: ClinicalTable) -> RowError:
    assert len(table.errors) == 1, table.errors
    return table.errors[0]


def test_schema_is_that_of_the_table_clinical() -> None:
    """The same columns and types; the identifier becomes a pseudonym on the way."""
    stored = TABLES["clinical"].polars_schema()
    read_here = {name: column.dtype for name, column in CLINICAL_COLUMNS.items()}
    assert list(read_here)[1:] == list(stored)[1:]
    assert list(read_here.values()) == list(stored.values())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_values_and_types(tmp_path: Path, delimiter: str) -> None:
    table = read_clinical_table(write_csv(tmp_path, HEADER, ROWS, delimiter))
    assert table.errors == table.unknown_columns == ()
    assert table.frame.select(HEADER).rows() == [
        ("DUPONT-01", 61.5, "F", 400.0, True),
        ("DUPONT-02", 70.0, "M", 650.0, False),
        ("DUPONT-03", None, None, None, None),
    ]
    assert table.frame.columns == list(CLINICAL_COLUMNS)


def test_excel_reads_as_csv(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append([*HEADER, "centre"])
    sheet.append(["DUPONT-01", 61.5, "F", 400, True, "Lyon"])
    sheet.append([])
    sheet.append([1234, 70, "M", 650, 0, None])
    sheet.append(["DUPONT-04", datetime.datetime(1950, 1, 2), "F", None, None, None])
    workbook.save(tmp_path / "clinical.xlsx")
    table = read_clinical_table(tmp_path / "clinical.xlsx")
    assert table.frame.select([*HEADER, "centre"]).rows()[:2] == [
        ("DUPONT-01", 61.5, "F", 400.0, True, "Lyon"),
        ("1234", 70.0, "M", 650.0, False, None),
    ]
    error = only_error(table)
    assert (error.row, error.column) == (5, "age_years")  # the empty row counts


@pytest.mark.parametrize("word", ["yes", "Y", "1", "TRUE", "oui"])
def test_words_for_true(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, ["patient_id", "response"], ["A", word]).frame["response"].item() is True


@pytest.mark.parametrize("word", ["no", "N", "0", "False", "non"])
def test_words_for_false(tmp_path: Path, word: str) -> None:
    table = read(tmp_path, ["patient_id", "response"], ["A", word])
    assert table.frame["response"].item() is False


@pytest.mark.parametrize("word", ["", "NA", "n/a", "NaN", "-", "unknown", "?"])
def test_words_for_missing(tmp_path: Path, word: str) -> None:
    table = read(tmp_path, HEADER, ["A", word, word, "", ""])
    assert table.errors == ()
    assert table.frame.select("age_years", "sex").row(0) == (None, None)


def test_french_excel(tmp_path: Path) -> None:
    path = tmp_path / "clinique.csv"
    path.write_bytes("Patient ID;Âge;Poids\nA;61,5;élevé\n".encode("cp1252"))
    table = read_clinical_table(path)
    assert table.frame.select("age_years", "poids").row(0) == (61.5, "élevé")
    assert table.unknown_columns == ("poids",)


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "clinical.csv"
    path.write_bytes(b"\xef\xbb\xbfpatient_id,age\nA,50\n")
    assert read_clinical_table(path).frame["age_years"].item() == 50


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("age_years", "old", "not a number"),
        ("age_years", "1950", "above 120 years"),
        ("height_m", "172", "above 2.6 m"),
        ("weight_kg", "70 kg", "not a number"),
        ("glycaemia_mmol_l", "110", "above 45 mmol/L"),
        ("sex", "X", "not an accepted value"),
        ("response", "partly", "neither yes nor no"),
        ("survival_days", "-3", "negative"),
        ("progression_free_days", "-0.5", "negative"),
    ],
)
def test_bad_cells_become_null_with_an_error(
    tmp_path: Path, column: str, value: str, problem: str
) -> None:
    table = read(tmp_path, ["patient_id", column], ["A", ""], ["B", value])
    error = only_error(table)
    assert (error.row, error.column, error.problem) == (3, column, problem)
    assert error.value_summary == repr(value)
    assert error.action
    assert table.frame[column].to_list() == [None, None]


def test_hint_for_centimetres(tmp_path: Path) -> None:
    error = only_error(read(tmp_path, ["patient_id", "height_m"], ["A", "172"]))
    assert "divided by 100" in error.action


@pytest.mark.parametrize(
    ("cells", "column"), [(["", "yes"], "death"), (["400", ""], "survival_days")]
)
def test_time_and_event_need_each_other(tmp_path: Path, cells: list[str], column: str) -> None:
    table = read(tmp_path, ["patient_id", "survival_days", "death"], ["A", *cells])
    assert only_error(table).column == column
    assert table.frame.select("survival_days", "death").row(0) == (None, None)


def test_progression_after_death_is_an_error(tmp_path: Path) -> None:
    header = ["patient_id", "survival_days", "death", "progression_free_days", "progression"]
    table = read(tmp_path, header, ["A", "300", "1", "301", "1"], ["B", "300", "1", "300", "1"])
    assert (only_error(table).row, only_error(table).column) == (2, "progression_free_days")
    assert table.frame["progression_free_days"].to_list() == [None, 300.0]
    assert table.frame["survival_days"].to_list() == [300.0, 300.0]


def test_rows_without_or_with_a_repeated_identifier_are_refused(tmp_path: Path) -> None:
    table = read(tmp_path, ["patient_id", "age"], ["A", "50"], ["", "51"], ["B", "52"], ["A", "53"])
    assert table.frame["patient_id"].to_list() == ["B"]
    assert [(error.row, error.column) for error in table.errors] == [
        (2, "patient_id"),
        (3, "patient_id"),
        (5, "patient_id"),
    ]
    assert "row 5" in table.errors[0].problem
    assert "row 2" in table.errors[2].problem


def test_too_many_cells_are_refused(tmp_path: Path) -> None:
    table = read(tmp_path, ["patient_id", "age"], ["A", "61", "5"], ["B", "70"])
    assert only_error(table).row == 2
    assert table.frame["patient_id"].to_list() == ["B"]


def test_unknown_columns_are_kept_as_text(tmp_path: Path) -> None:
    table = read(tmp_path, ["patient_id", "NLR", "Bone Marrow"], ["A", "2.30", "NA"])
    assert table.unknown_columns == ("nlr", "bone_marrow")
    assert table.frame.select("nlr", "bone_marrow").row(0) == ("2.30", None)


@pytest.mark.parametrize("name", ["Patient name", "date_of_birth", "Prénom", "E-mail", "nir"])
def test_identifying_columns_are_left_out(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, ["patient_id", name], ["A", "Marie"])
    assert table.frame.columns == list(CLINICAL_COLUMNS)
    assert only_error(table).row == 1
    assert "Marie" not in str(only_error(table))


@pytest.mark.parametrize("date", ["2021-03-04", "04/03/2021", "4.3.21", "20210304"])
def test_columns_with_dates_are_left_out(tmp_path: Path, date: str) -> None:
    table = read(tmp_path, ["patient_id", "inclusion", "score"], ["A", date, "7"])
    assert table.unknown_columns == ("score",)
    assert only_error(table).column == "inclusion"
    assert date not in str(only_error(table))


@settings(max_examples=50, deadline=None)
@given(identifier=st.from_regex(r"ID[a-z]{8}", fullmatch=True), age=st.text(max_size=12))
def test_no_error_quotes_the_identifier(
    tmp_path_factory: pytest.TempPathFactory, identifier: str, age: str
) -> None:
    plain = "".join(letter for letter in age if letter.isalnum())
    rows = [[identifier, plain], [identifier, "x"], [f"{identifier}2", "x"]]
    folder = tmp_path_factory.mktemp("clinical")
    for error in read(folder, ["patient_id", "age"], *rows).errors:
        assert identifier not in str(error)


def test_free_text_is_not_quoted(tmp_path: Path) -> None:
    table = read(tmp_path, ["patient_id", "treatment"], ["A", "Marie " * 50])
    assert only_error(table).value_summary == ""
    assert table.frame["treatment"].item() is None


@pytest.mark.parametrize(
    ("name", "content", "reason_code"),
    [
        ("clinical.csv", b"", "EMPTY_TABLE"),
        ("clinical.csv", b"age\n61\n", "NO_PATIENT_ID"),
        ("clinical.csv", b"patient_id,age,Age\nA,1,2\n", "DUPLICATE_COLUMN"),
        ("clinical.csv", b"patient_id,age\nA,\0\n", "CLINICAL_FILE_UNREADABLE"),
        ("clinical.csv", b'patient_id,age\n"A,1\n', "CLINICAL_FILE_UNREADABLE"),
        ("clinical.xlsx", b"not a workbook", "CLINICAL_FILE_UNREADABLE"),
        ("clinical.ods", b"", "CLINICAL_FILE_TYPE"),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, name: str, content: bytes, reason_code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        read_clinical_table(tmp_path / name)
    assert refusal.value.reason_code == reason_code


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"^CLINICAL_FILE_MISSING:"):
        read_clinical_table(tmp_path / "nothing.csv")


def test_header_alone_gives_an_empty_table(tmp_path: Path) -> None:
    frame = read(tmp_path, HEADER).frame
    assert frame.height == 0
    assert frame.schema["death"] == pl.Boolean
