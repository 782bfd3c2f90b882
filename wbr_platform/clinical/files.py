"""Spreadsheet files as rows of text, numbered as the spreadsheet numbers them."""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from wbr_platform.refusal import Refusal

_LARGEST_FILE = 50 * 2**20  # bytes
_LARGEST_UNPACKED = 500 * 2**20  # bytes of a workbook once unzipped
_DELIMITERS = ";\t,"

Rows = list[tuple[int, list[str]]]


def read_rows(path: Path) -> Rows:
    """Rows that are not empty, as (row number from 1, stripped cells).

    CSV separated by semicolon, comma or tab (UTF-8, or Windows-1252 as French Excel writes it), or
    the first sheet of an Excel workbook (.xlsx). Raises Refusal CLINICAL_FILE_MISSING,
    CLINICAL_FILE_TOO_LARGE, CLINICAL_FILE_UNREADABLE, CLINICAL_FILE_TYPE.
    """
    if not path.is_file():
        raise Refusal("CLINICAL_FILE_MISSING", "the clinical table does not exist")
    if path.stat().st_size > _LARGEST_FILE:
        raise Refusal("CLINICAL_FILE_TOO_LARGE", "the clinical table is larger than 50 MiB")
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            rows = _csv_rows(path)
        case ".xlsx" | ".xlsm":
            rows = _excel_rows(path)
        case suffix:
            raise Refusal(
                "CLINICAL_FILE_TYPE",
                f"a clinical table cannot be read from a {suffix or 'nameless'} file",
                "save it as .csv or .xlsx",
            )
    return [(number, cells) for number, cells in rows if any(cells)]


def _csv_rows(path: Path) -> Rows:
    content = path.read_bytes()
    if b"\0" in content:
        raise _unreadable("it is not a text file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    header = text.lstrip().split("\n", 1)[0]
    # The header tells the separator: decimal commas in the cells would mislead.
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _unreadable(f"the CSV is malformed: {error}") from error
    return [
        (number, [cell.strip() for cell in cells]) for number, cells in enumerate(records, start=1)
    ]


def _excel_rows(path: Path) -> Rows:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > _LARGEST_UNPACKED:
            raise Refusal("CLINICAL_FILE_TOO_LARGE", "the workbook unpacks to more than 500 MiB")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet = workbook.worksheets[0]
            values = sheet.iter_rows(values_only=True)
            return [
                (number, [_cell_text(value) for value in cells])
                for number, cells in enumerate(values, start=1)
            ]
        finally:
            workbook.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, OSError) as error:
        raise _unreadable("it is not an Excel workbook") from error


def _cell_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime.datetime() | datetime.date():
            return value.isoformat()
        case _:
            return str(value).strip()


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "CLINICAL_FILE_UNREADABLE",
        f"the clinical table cannot be read: {why}",
        "save it as .csv or .xlsx again",
    )
