"""Read the user's clinical table: typed, checked, every problem named by row and column."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbr_platform.clinical.cells import BadCell, Value, is_missing, looks_like_date, parse_cell
from wbr_platform.clinical.endpoints import check_endpoints
from wbr_platform.clinical.errors import RowError, summarise
from wbr_platform.clinical.files import Rows, read_rows
from wbr_platform.clinical.schema import (
    CLINICAL_COLUMNS,
    IDENTIFYING_WORDS,
    PATIENT_ID,
    SYNONYMS,
    ClinicalColumn,
)
from wbr_platform.refusal import Refusal

_UNKNOWN = ClinicalColumn("Column of the user's own, kept as text.", "text")


@dataclass(frozen=True)
class ClinicalTable:
    """``frame``: patient_id, every column of the schema (null where absent), then unknown columns.

    ``errors`` are the cells and rows that were refused; a refused cell is null in ``frame``, a
    refused row is not in it. ``unknown_columns`` are kept as text.
    """

    frame: pl.DataFrame
    errors: tuple[RowError, ...]
    unknown_columns: tuple[str, ...]


def read_clinical_table(path: Path) -> ClinicalTable:
    """Read a clinical table from CSV or Excel.

    Column names are matched in lower case with words joined by underscores; what they may hold is
    in ``schema.CLINICAL_COLUMNS``. Rows without patient_id are refused, and all rows of a
    patient_id that occurs twice, since nobody can know which is right. Columns that look
    identifying or hold calendar dates are left out: the platform's dates are shifted per patient,
    and a date in the table would undo that.

    Raises Refusal: as ``files.read_rows``, and NO_PATIENT_ID, DUPLICATE_COLUMN, EMPTY_TABLE.
    """
    rows = read_rows(Path(path))
    if not rows:
        raise Refusal("EMPTY_TABLE", "the clinical table has no row")
    header, body = rows[0], rows[1:]
    names = _column_names(header[1])
    if PATIENT_ID not in names:
        raise Refusal(
            "NO_PATIENT_ID",
            "the clinical table has no column patient_id",
            "name the column of the patients' identifiers patient_id, in the first row",
        )
    errors: list[RowError] = []
    left_out = _columns_left_out(names, body, header[0])
    errors += left_out.values()
    unknown = tuple(
        name for name in names if name and name not in CLINICAL_COLUMNS and name not in left_out
    )
    kept, row_errors = _refuse_rows(body, names.index(PATIENT_ID), len(names))
    errors += row_errors
    records: list[dict[str, Value]] = []
    for number, cells in kept:
        record, cell_errors = _read_row(number, cells, names, left_out.keys())
        errors += cell_errors
        errors += check_endpoints(number, record)
        records.append(record)
    schema = {name: column.dtype for name, column in CLINICAL_COLUMNS.items()}
    frame = pl.DataFrame(records, schema={**schema, **dict.fromkeys(unknown, pl.String)})
    return ClinicalTable(frame, tuple(sorted(errors, key=lambda error: error.row)), unknown)


def _column_names(header: Sequence[str]) -> list[str]:
    """Names in the schema's spelling; Refusal DUPLICATE_COLUMN."""
    names = [_normalised(cell) for cell in header]
    names = [SYNONYMS.get(name, name) for name in names]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise Refusal(
            "DUPLICATE_COLUMN",
            f"the clinical table has column {', '.join(repeated)} more than once",
            "keep one of them",
        )
    return names


def _normalised(cell: str) -> str:
    plain = unicodedata.normalize("NFKD", cell).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def _columns_left_out(names: Sequence[str], body: Rows, header_row: int) -> dict[str, RowError]:
    """Columns outside the schema that may identify a patient."""
    left_out: dict[str, RowError] = {}
    for position, name in enumerate(names):
        if not name or name in CLINICAL_COLUMNS:
            continue
        cells = [cells[position] for _, cells in body if position < len(cells)]
        if IDENTIFYING_WORDS & set(name.split("_")):
            problem, action = "the column looks identifying and is left out", "remove it"
        elif any(looks_like_date(cell) for cell in cells):
            problem = "the column holds calendar dates and is left out"
            action = "give days since baseline instead"
        else:
            continue
        left_out[name] = RowError(header_row, name, "", problem, action)
    return left_out


def _refuse_rows(body: Rows, position: int, width: int) -> tuple[Rows, list[RowError]]:
    """Rows that can be used, and the errors of the others."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    identifiers = {
        number: cells[position] if position < len(cells) else "" for number, cells in body
    }
    for number, identifier in identifiers.items():
        rows_of[identifier].append(number)
    kept: Rows = []
    errors: list[RowError] = []
    for number, cells in body:
        identifier = identifiers[number]
        twins = [other for other in rows_of[identifier] if other != number]
        if is_missing(identifier):
            problem, action = "no patient_id; the row is left out", "give the identifier"
        elif twins:
            others = ", ".join(map(str, twins))
            problem = f"the same patient_id as in row {others}; these rows are left out"
            action = "keep one row a patient"
        elif any(cells[width:]):
            problem = "more cells than the header has columns; the row is left out"
            action = "check separators and quotation marks"
        else:
            kept.append((number, cells))
            continue
        errors.append(RowError(number, PATIENT_ID, "", problem, action))
    return kept, errors


def _read_row(
    number: int, cells: Sequence[str], names: Sequence[str], left_out: Collection[str]
) -> tuple[dict[str, Value], list[RowError]]:
    record: dict[str, Value] = {}
    errors: list[RowError] = []
    for name, text in zip(names, cells, strict=False):
        if not name or name in left_out:
            continue
        column = CLINICAL_COLUMNS.get(name, _UNKNOWN)
        try:
            record[name] = text if name == PATIENT_ID else parse_cell(text, column)
        except BadCell as bad:
            record[name] = None
            summary = summarise(name, text, typed=column.kind != "text")
            errors.append(RowError(number, name, summary, bad.problem, bad.action))
    return record, errors
