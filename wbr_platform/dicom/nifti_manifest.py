"""Write a ``nifti_studies.csv`` for images whose file names follow a pattern."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from wbr_platform.dicom.nifti_studies import (
    FILE_COLUMNS,
    MANIFEST_NAME,
    NUMBER_RANGES,
    TEXT_COLUMNS,
)
from wbr_platform.refusal import Refusal

DETAIL_COLUMNS = ("study_date", "sex", *NUMBER_RANGES, *TEXT_COLUMNS)
_PLACE = "{id}"


def write_nifti_manifest(
    folder: Path, patterns: Mapping[str, str], details: Path | None = None
) -> int:
    """Write the manifest into ``folder``; the number of studies.

    ``patterns`` maps columns of the manifest (``pet``, ``ct``, ``lesion_mask``, …) to file names
    relative to the folder with ``{id}`` where the patient's identifier stands. ``details`` is a CSV
    with a column ``patient_id`` or ``id`` and any of sex, age_years, weight_kg, height_m,
    study_date, manufacturer, model, reconstruction.

    Raises Refusal NIFTI_PATTERN_INVALID, NIFTI_NO_MATCH, NIFTI_DETAILS_INVALID.
    """
    files: dict[str, dict[str, str]] = {}
    for column, pattern in patterns.items():
        for identifier, name in _matches(folder, column, pattern).items():
            files.setdefault(identifier, {})[column] = name
    if not files:
        raise Refusal(
            "NIFTI_NO_MATCH",
            "no file in the folder has a name of the given patterns",
            "write the identifier's place as {id}, for example '{id}_PET.nii.gz'",
        )
    known = _details(details) if details else {}
    columns = ["patient_id", *FILE_COLUMNS, *DETAIL_COLUMNS]
    with (folder / MANIFEST_NAME).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        for identifier in sorted(files):
            writer.writerow(
                {"patient_id": identifier, **files[identifier], **known.get(identifier, {})}
            )
    return len(files)


def _matches(folder: Path, column: str, pattern: str) -> dict[str, str]:
    """Identifier to file name, for every file of the pattern."""
    if column not in FILE_COLUMNS or pattern.count(_PLACE) != 1:
        raise Refusal(
            "NIFTI_PATTERN_INVALID",
            f"the pattern of {column} must hold {_PLACE} exactly once",
            f"columns: {', '.join(FILE_COLUMNS)}",
        )
    before, after = pattern.split(_PLACE)
    expression = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*.nii*"))
    found = ((expression.fullmatch(name), name) for name in names)
    return {match[1]: name for match, name in found if match}


def _details(table: Path) -> dict[str, dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns = reader.fieldnames or []
        key = next((name for name in ("patient_id", "id") if name in columns), None)
        if key is None:
            raise Refusal(
                "NIFTI_DETAILS_INVALID",
                "the table of details has no column patient_id or id",
                "name the column of the identifiers patient_id",
            )
        kept = [name for name in DETAIL_COLUMNS if name in columns]
        return {row[key]: {name: row[name] for name in kept} for row in reader}
