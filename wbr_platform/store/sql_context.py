"""What SQL templates are told: the names that data, not code, decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from wbr_platform.store.layout import Layout
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.tables import scan_table

# Marts promise these columns even before the first study.
BIOMARKERS_ALWAYS = ("tmtv_ml",)
_DOCUMENTATION = {"tmtv_ml": ("Total metabolic tumour volume.", "mL")}


@dataclass(frozen=True)
class ModelContext:
    """Variables of the templates.

    ``feature_columns``: features that become columns of wide marts, in order.
    ``biomarker_columns``: the same for biomarkers. ``clinical_columns``: further columns of the
    clinical table. ``documentation``: description and unit by name of feature or biomarker; an
    empty description leaves the model's own.
    """

    feature_columns: tuple[str, ...] = ()
    biomarker_columns: tuple[str, ...] = BIOMARKERS_ALWAYS
    clinical_columns: tuple[str, ...] = ()
    documentation: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: dict(_DOCUMENTATION)
    )

    def variables(self) -> dict[str, tuple[str, ...]]:
        """The variables by name."""
        return {
            "feature_columns": self.feature_columns,
            "biomarker_columns": self.biomarker_columns,
            "clinical_columns": self.clinical_columns,
        }

    def raw_columns(self) -> dict[str, list[str]]:
        """Columns of each raw table."""
        columns = {table: list(schema.columns) for table, schema in TABLES.items()}
        columns["clinical"] += self.clinical_columns
        return columns

    def including(self, other: ModelContext) -> ModelContext:
        """This context with the names that only the other one has appended, in sorted order."""
        return ModelContext(
            _union(self.feature_columns, other.feature_columns),
            _union(self.biomarker_columns, other.biomarker_columns),
            _union(self.clinical_columns, other.clinical_columns),
            {**other.documentation, **self.documentation},
        )


def context_of(layout: Layout) -> ModelContext:
    """The names found in the store's tables, sorted."""
    clinical = scan_table(layout, "clinical").collect_schema().names()
    biomarkers = scan_table(layout, "biomarkers")
    units = biomarkers.group_by("biomarker").agg(pl.col("unit").min()).collect().sort("biomarker")
    found = {name: ("", unit or "") for name, unit in units.iter_rows()}
    return ModelContext(
        feature_columns=_names(layout, "features", "feature"),
        biomarker_columns=_union(BIOMARKERS_ALWAYS, found),
        clinical_columns=tuple(n for n in clinical if n not in TABLES["clinical"].columns),
        documentation={**found, **_DOCUMENTATION},
    )


def _names(layout: Layout, table: str, column: str) -> tuple[str, ...]:
    found = scan_table(layout, table).select(pl.col(column).unique()).collect()[column]
    return tuple(sorted(found.to_list()))


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    known = tuple(first)
    return known + tuple(sorted(set(second) - set(known)))
