"""The tables of a study's page, from the study's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from wbr_platform.reporting.formatting import is_missing, number, text_of
from wbr_platform.reporting.strings import (
    ROLES,
    algorithm_name,
    biomarker_name,
    reason_in_words,
    region_name,
    step_name,
)
from wbr_platform.reporting.tables import (
    Cell,
    Column,
    Table,
    distinct,
    number_cell,
    rows_of,
    text_cell,
    where,
    with_columns,
)

HOST = "organs"
MEAN, MAXIMUM = "stat_mean", "stat_max"
LESIONS_SHOWN = 60


def primary_algorithm(
    regions: pl.DataFrame, biomarkers: pl.DataFrame, lesions: pl.DataFrame
) -> str | None:
    """The algorithm whose lesions are the study's: the one of the region catalogue's lesions."""
    candidates = [
        *distinct(where(regions, layer="lesions"), "algorithm"),
        *[name for name in distinct(lesions, "algorithm") if name == "imported_lesions"],
        *[name for name in distinct(biomarkers, "algorithm") if name == "suv_4.0"],
        *distinct(lesions, "algorithm"),
        *[name for name in distinct(biomarkers, "algorithm") if name != HOST],
    ]
    return str(candidates[0]) if candidates else None


def lesion_algorithms(
    biomarkers: pl.DataFrame, lesions: pl.DataFrame, primary: str | None
) -> list[str]:
    """All lesion algorithms of the study, the primary one first."""
    names = {*distinct(biomarkers, "algorithm"), *distinct(lesions, "algorithm")} - {HOST}
    return sorted(names, key=lambda name: (name != primary, name))


def lesion_table(lesions: pl.DataFrame, algorithm: str | None) -> Table:
    """Lesions of one algorithm, the largest first."""
    name = algorithm_name(algorithm)
    rows = rows_of(where(lesions, algorithm=algorithm), *_LESION_COLUMNS)
    rows.sort(key=lambda row: str(row["lesion"]))
    return Table(
        f"Lesions: {name}" if algorithm else "Lesions",
        [
            Column("Lesion"),
            Column("In"),
            *(Column(heading, unit, numeric=True) for heading, unit in _LESION_HEADINGS),
        ],
        [
            [
                text_cell(row["lesion"]),
                text_cell(region_name(row["organ"]) if row["organ"] else None, "no named organ"),
                *(number_cell(row[column]) for column in _LESION_COLUMNS[2:]),
            ]
            for row in rows[:LESIONS_SHOWN]
        ],
        empty=f"{name}: no lesion." if algorithm else "No lesion algorithm ran on this study.",
        note=f"{len(rows) - LESIONS_SHOWN} smaller lesions are in the table lesions only."
        if len(rows) > LESIONS_SHOWN
        else "",
    )


_LESION_COLUMNS = ("lesion", "organ", "mtv_ml", "suv_max", "suv_peak", "suv_mean", "tlg_ml")
_LESION_HEADINGS = (
    ("MTV", "mL"),
    ("SUVmax", "SUVbw"),
    ("SUVpeak", "SUVbw"),
    ("SUVmean", "SUVbw"),
    ("TLG", "SUVbw·mL"),
)


def tmtv_by_algorithm(biomarkers: pl.DataFrame) -> dict[str, float | None]:
    """TMTV in mL of every lesion algorithm that ran."""
    rows = rows_of(where(biomarkers, biomarker="tmtv_ml"), "algorithm", "value")
    return {
        str(row["algorithm"]): None if is_missing(row["value"]) else float(row["value"])
        for row in rows
    }


def spread_in_words(biomarkers: pl.DataFrame) -> str:
    """How far the methods are apart: a volume without its method and spread is no result."""
    values = [v for v in tmtv_by_algorithm(biomarkers).values() if v is not None]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    factor = f", a factor of {number(high / low, 2)}" if low > 0 else ""
    return (
        f"The total metabolic tumour volume of this study lies between {number(low)} and "
        f"{number(high)} mL over {len(values)} methods{factor}. Compare it only with volumes drawn "
        "by the same method."
    )


def _value_cell(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("not asked of this method", "missing")
    if row.get("unit") == "1" and not is_missing(row["value"]):
        return Cell(text_of(float(row["value"])), "number")
    return number_cell(row["value"], row["reason"])


def burden_table(biomarkers: pl.DataFrame, algorithms: Sequence[str]) -> Table:
    """Tumour biomarkers: a row each, a column an algorithm."""
    rows = [
        row
        for row in rows_of(biomarkers, "algorithm", "biomarker", "value", "unit", "reason")
        if row["algorithm"] != HOST
    ]
    found = {(row["biomarker"], row["algorithm"]): row for row in rows}
    names = list(dict.fromkeys(row["biomarker"] for row in rows))
    units = {row["biomarker"]: row["unit"] or "" for row in rows}
    return Table(
        "Tumour burden by algorithm",
        [
            Column("Biomarker"),
            Column("Unit"),
            *(Column(algorithm_name(name), numeric=True) for name in algorithms),
        ],
        [
            [
                Cell(biomarker_name(name), code=name),
                Cell(units[name] if units[name] not in ("", "1") else "–"),
                *(_value_cell(found.get((name, algorithm))) for algorithm in algorithms),
            ]
            for name in names
        ],
        empty="No tumour biomarker: no lesion algorithm ran on this study.",
    )


def host_table(biomarkers: pl.DataFrame) -> Table:
    """Biomarkers of healthy organs, each with its definition in its name."""
    rows = rows_of(where(biomarkers, algorithm=HOST), "biomarker", "value", "unit", "reason")
    return Table(
        "Host biomarkers",
        [Column("Biomarker"), Column("Value", numeric=True), Column("Unit")],
        [
            [
                Cell(biomarker_name(row["biomarker"]), code=row["biomarker"]),
                number_cell(row["value"], row["reason"]),
                Cell(row["unit"] if row["unit"] not in (None, "", "1") else "–"),
            ]
            for row in rows
        ],
        empty="No host biomarker: they need a PET and organ masks.",
        note="Candidates to be tested, not established markers; two definitions of each ratio are "
        "in use and are kept apart by name.",
    )


def _feature_values(features: pl.DataFrame) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows of the two intensity features by region, modality and feature; first policy only."""
    needed = with_columns(
        features, ("region_id", "modality", "policy", "feature", "value", "reason")
    )
    wanted = needed.filter(pl.col("feature").cast(pl.String).is_in([MEAN, MAXIMUM]))
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in wanted.sort("policy").to_dicts():
        found.setdefault((row["region_id"], row["modality"], row["feature"]), row)
    return found


def _measure(row: dict[str, Any] | None, absent: str) -> Cell:
    return Cell(absent, "missing") if row is None else number_cell(row["value"], row["reason"])


def organ_table(regions: pl.DataFrame, features: pl.DataFrame) -> Table:
    """Organs with volume, uptake and density; the part without lesions where it differs."""
    values = _feature_values(features)
    organs = rows_of(where(regions, kind="organ"), "region_id", "region", "volume_ml", "algorithm")
    healthy = {
        row["region"]: row["region_id"]
        for row in rows_of(where(regions, kind="healthy_organ"), "region_id", "region")
    }
    with_ct = any(modality == "CT" for _, modality, _ in values)
    columns = [
        Column("Organ"),
        Column("Drawn by"),
        Column("Volume", "mL", numeric=True),
        Column("SUVmean", "SUVbw", numeric=True),
        Column("SUVmean without lesions", "SUVbw", numeric=True),
        Column("SUVmax", "SUVbw", numeric=True),
    ]
    if with_ct:
        columns.append(Column("Density, mean", "HU", numeric=True))
    body = []
    for row in organs:
        key = row["region_id"]
        cells = [
            Cell(region_name(str(row["region"]))),
            Cell(algorithm_name(row["algorithm"])),
            number_cell(row["volume_ml"]),
            _measure(values.get((key, "PT", MEAN)), "no PET value"),
            _measure(values.get((healthy.get(row["region"], key), "PT", MEAN)), "no PET value"),
            _measure(values.get((key, "PT", MAXIMUM)), "no PET value"),
        ]
        if with_ct:
            cells.append(_measure(values.get((key, "CT", MEAN)), "no CT value"))
        body.append(cells)
    return Table(
        "Organs",
        columns,
        body,
        empty="No organ masks for this study: none came with the export, no segmenter ran.",
        note="" if with_ct or not body else "CT features absent: no CT in this export.",
    )


def agreement_table(agreement: pl.DataFrame) -> Table:
    """Every pair of algorithms: overlap, volumes, difference."""
    rows = rows_of(agreement, "algorithm_a", "algorithm_b", "measure", "value", "reason")
    pairs = list(dict.fromkeys((row["algorithm_a"], row["algorithm_b"]) for row in rows))
    found = {(row["algorithm_a"], row["algorithm_b"], row["measure"]): row for row in rows}
    # All other measures stand in the warehouse; a reader needs these.
    shown = ("dice", "hd95_mm", "volume_a_ml", "volume_b_ml", "volume_difference_ml")
    present = {row["measure"] for row in rows}
    measures = [measure for measure in shown if measure in present]
    headings = {
        "dice": ("Dice overlap", ""),
        "hd95_mm": ("95 % Hausdorff distance", "mm"),
        "volume_a_ml": ("First volume", "mL"),
        "volume_b_ml": ("Second volume", "mL"),
        "volume_difference_ml": ("Difference", "mL"),
    }
    return Table(
        "Lesion volumes of every pair of algorithms",
        [
            Column("First"),
            Column("Second"),
            *(Column(*headings[m], numeric=True) for m in measures),
        ],
        [
            [
                Cell(algorithm_name(a)),
                Cell(algorithm_name(b)),
                *(_value_cell(found.get((a, b, measure))) for measure in measures),
            ]
            for a, b in pairs
        ],
        empty="Nothing to compare: agreement needs lesions of two algorithms at least.",
        note="Dice is 1 when both draw the same voxels and 0 when they share none.",
    )


def series_table(acquisitions: pl.DataFrame) -> Table:
    """Every series of the export, whether it was used, and why."""
    rows = rows_of(
        acquisitions, "series_key", "modality", "role", "slices", "choice_reason", "reconstruction"
    )
    order = list(ROLES)
    rows.sort(key=lambda r: order.index(r["role"]) if r["role"] in order else len(order))
    return Table(
        "Series of the export: chosen or not, and why",
        [
            Column("Series"),
            Column("Modality"),
            Column("Used as"),
            Column("Images", numeric=True),
            Column("Reconstruction"),
            Column("Reason"),
        ],
        [
            [
                text_cell(row["series_key"]),
                text_cell(row["modality"]),
                Cell(
                    ROLES.get(row["role"], str(row["role"])),
                    "text" if row["role"] == "unused" else "good",
                ),
                text_cell(row["slices"]),
                text_cell(row["reconstruction"]),
                text_cell(row["choice_reason"] or reason_in_words(row.get("choice_reason_code"))),
            ]
            for row in rows
        ],
        empty="No series is recorded for this study.",
    )


def feature_table(features: pl.DataFrame) -> Table:
    """How many values were computed, by modality and policy."""
    keyed = with_columns(features, ("region_id", "modality", "policy", "policy_hash", "value"))
    groups = keyed.group_by("modality", "policy", "policy_hash", maintain_order=True).agg(
        pl.col("region_id").n_unique().alias("regions"),
        pl.len().alias("rows"),
        pl.col("value").count().alias("computed"),
    )
    return Table(
        "Feature values",
        [
            Column("Modality"),
            Column("Policy"),
            Column("Hash of its parameters"),
            Column("Regions", numeric=True),
            Column("Values computed", numeric=True),
            Column("Values missing", numeric=True),
        ],
        [
            [
                text_cell(row["modality"]),
                text_cell(row["policy"]),
                text_cell(row["policy_hash"]),
                Cell(text_of(row["regions"]), "number"),
                Cell(text_of(row["computed"]), "number"),
                Cell(text_of(row["rows"] - row["computed"]), "number"),
            ]
            for row in groups.to_dicts()
        ]
        if features.height
        else [],
        empty="No radiomic features were computed for this study.",
    )


def missing_feature_table(features: pl.DataFrame) -> Table:
    """Reasons of the missing values, the most frequent first."""
    keyed = with_columns(features, ("modality", "value", "reason"))
    missing = keyed.filter(pl.col("value").is_null()) if features.height else keyed.clear()
    counts = missing.group_by("modality", "reason").len()
    counts = counts.sort("len", "reason", "modality", descending=[True, False, False])
    return Table(
        "Why feature values are missing",
        [Column("Reason"), Column("Modality"), Column("Values", numeric=True)],
        [
            [
                Cell(reason_in_words(row["reason"]), code=row["reason"]),
                text_cell(row["modality"]),
                Cell(text_of(row["len"]), "number"),
            ]
            for row in counts.to_dicts()
        ],
        empty="Every feature value that was asked for was computed."
        if features.height
        else "There are no feature values.",
    )


def refused_table(quarantine: pl.DataFrame) -> Table:
    """Everything that was refused, with what can be done."""
    return Table(
        "Refused steps",
        [Column("Step"), Column("Reason"), Column("What was wrong"), Column("What can be done")],
        [
            [
                Cell(step_name(str(row["stage"] or "unknown"))),
                Cell(reason_in_words(row["reason_code"]), code=row["reason_code"]),
                text_cell(row["message"], "not recorded"),
                text_cell(row["action"], "nothing known"),
            ]
            for row in rows_of(quarantine, "stage", "reason_code", "message", "action")
        ],
        empty="Nothing was refused.",
    )
