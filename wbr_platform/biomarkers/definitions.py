"""The one table of whole-body biomarkers: name, unit, definition, source."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import polars as pl

BIOMARKER_COLUMNS: Mapping[str, Any] = {
    "algorithm": pl.String,
    "biomarker": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "reason": pl.String,
}

# A value, or None and the reason code.
Measured = tuple[float | None, str | None]


@dataclass(frozen=True)
class BiomarkerDefinition:
    """One row of ``definitions.csv``; ``scope`` is "tumour" (one value a lesion algorithm) or
    "host" (one value a study)."""

    name: str
    scope: str
    unit: str
    definition: str
    source: str


@cache
def biomarker_definitions() -> Mapping[str, BiomarkerDefinition]:
    """All biomarkers by name, in the table's order."""
    text = files("wbr_platform.biomarkers").joinpath("definitions.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType({row["name"]: BiomarkerDefinition(**row) for row in rows})


def biomarker_frame(values: Mapping[str, Measured], algorithm: str | None) -> pl.DataFrame:
    """Values by name as rows of the table ``biomarkers`` (without study_key), units looked up."""
    rows = [
        (algorithm, name, value, biomarker_definitions()[name].unit, reason)
        for name, (value, reason) in values.items()
    ]
    return pl.DataFrame(rows, schema=dict(BIOMARKER_COLUMNS), orient="row")
