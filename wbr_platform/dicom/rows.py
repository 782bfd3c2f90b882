"""Rows of the tables ``studies`` and ``acquisitions``: every column, filled or None."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbr_platform.refusal import Refusal

STUDY_COLUMNS = (
    "study_key",
    "patient_key",
    "source_kind",
    "status",
    "reason_code",
    "study_date",
    "sex",
    "age_years",
    "weight_kg",
    "height_m",
    "has_pet",
    "has_ct",
    "mask_sources",
    "files",
)
ACQUISITION_COLUMNS = (
    "study_key",
    "series_key",
    "modality",
    "role",
    "choice_reason_code",
    "choice_reason",
    "manufacturer",
    "model",
    "scanner",
    "reconstruction",
    "slices",
    "spacing_z_mm",
    "spacing_y_mm",
    "spacing_x_mm",
    "radionuclide",
    "radiopharmaceutical",
    "injected_dose_mbq",
    "uptake_time_min",
    "units",
    "decay_correction",
    "decay_reference",
    "suv_flags",
)


def study_row(record: Mapping[str, Any], refusal: Refusal | None, **columns: Any) -> dict[str, Any]:
    """A row of ``studies`` from a study's record in the vault; columns not given are None."""
    row: dict[str, Any] = dict.fromkeys(STUDY_COLUMNS)
    row.update(
        study_key=record["study_key"],
        patient_key=record["patient_key"],
        source_kind=record["kind"],
        status="accepted" if refusal is None else "refused",
        reason_code=None if refusal is None else refusal.reason_code,
        has_pet=False,
        has_ct=False,
        mask_sources=0,
        files=len(record["files"]),
    )
    return _filled(row, columns)


def acquisition_row(**columns: Any) -> dict[str, Any]:
    """A row of ``acquisitions``; columns not given are None."""
    return _filled(dict.fromkeys(ACQUISITION_COLUMNS), columns)


def _filled(row: dict[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(columns) - set(row)
    if unknown:
        raise KeyError(f"no such column: {sorted(unknown)}")
    return {**row, **columns}


def scanner_of(manufacturer: str | None, model: str | None) -> str | None:
    """Manufacturer and model in one name, None when both are unknown."""
    return " ".join(part for part in (manufacturer, model) if part) or None


def present_path(entry: Mapping[str, Any]) -> str:
    """The first copy of a registered file that is still as it was.

    Raises Refusal SOURCE_MISSING or SOURCE_CHANGED.
    """
    sizes = [(Path(path), size) for path, size, _ in entry["copies"]]
    for path, size in sizes:
        if path.is_file() and path.stat().st_size == size:
            return str(path)
    if any(path.is_file() for path, _ in sizes):
        raise Refusal(
            "SOURCE_CHANGED", "a file changed after it was registered", "register the export again"
        )
    raise Refusal(
        "SOURCE_MISSING", "a registered file is gone", "put the export back, or register it again"
    )
