"""What names a patient is found wherever it hides; what does not is left in peace."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from wbr_platform.dicom.identity_audit import leaks

TERMS = [("DOE", "JANE"), ("MRN", "0042137"), ("1", "2", "840", "99", "7"), ("19560312",)]


@pytest.mark.parametrize(
    "text",
    ["Doe^Jane", "seen: DOE, JANE.", "id MRN-0042137;", "uid=1.2.840.99.7", "born 19560312"],
)
def test_an_identity_in_a_text_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html").write_text(f"<p>{text}</p>")
    (tmp_path / "harmless.html").write_text("<p>Jane's liver, 1.2.840.99.71, 195603121</p>")
    assert leaks(tmp_path, TERMS) == ["page.html"]


def test_an_identity_in_names_tables_and_databases_is_found(tmp_path: Path) -> None:
    (tmp_path / "doe_jane.nii.gz").write_bytes(b"\x1f\x8b")
    pl.DataFrame({"note": ["fine", "MRN 0042137"], "n": [1, 2]}).write_parquet(
        tmp_path / "part.parquet"
    )
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("CREATE TABLE events (body TEXT)")
        connection.execute("INSERT INTO events VALUES ('run of Jane Doe, Doe Jane')")
    connection.close()
    assert leaks(tmp_path, TERMS) == ["doe_jane.nii.gz", "events.db", "part.parquet"]
