"""The tables of a cohort's page: who came, on which scanner, what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from wbr_platform.reporting.formatting import number, share, text_of
from wbr_platform.reporting.strings import (
    STATUS,
    algorithm_name,
    biomarker_name,
    flags_in_words,
    reason_in_words,
    step_name,
)
from wbr_platform.reporting.study_tables import HOST
from wbr_platform.reporting.summaries import (
    count_by_reason,
    counted,
    known_numbers,
    median_and_quartiles,
    scanner_by_study,
)
from wbr_platform.reporting.tables import (
    Cell,
    Column,
    Table,
    distinct,
    rows_of,
    text_cell,
    where,
)

SCANNERS_SHOWN = 6
STUDIES_SHOWN = 500
OTHER_SCANNERS = "other scanners"
NO_SCANNER = "scanner not known"

Row = Mapping[str, Any]


def study_list(
    studies: pl.DataFrame, acquisitions: pl.DataFrame, links: Mapping[str, str]
) -> Table:
    """Every study with its status and a link to its page."""
    scanners = scanner_by_study(acquisitions)
    rows = rows_of(studies, "study_key", "status", "reason_code", "sex", "age_years", "study_date")
    rows.sort(key=lambda row: (str(row["status"]), str(row["study_key"])))
    return Table(
        "Studies",
        [
            Column("Study"),
            Column("Status"),
            Column("Scanner"),
            Column("Sex"),
            Column("Age", "years"),
        ],
        [
            [
                Cell(str(row["study_key"]), href=links.get(str(row["study_key"]))),
                Cell(
                    STATUS.get(row["status"], str(row["status"]))
                    + (f": {reason_in_words(row['reason_code'])}" if row["reason_code"] else ""),
                    "bad" if row["status"] == "refused" else "good",
                ),
                text_cell(scanners.get(str(row["study_key"])), "not known"),
                text_cell(row["sex"], "not known"),
                text_cell(row["age_years"], "not known"),
            ]
            for row in rows[:STUDIES_SHOWN]
        ],
        empty="No study was registered.",
        note=f"{len(rows) - STUDIES_SHOWN} further studies are in the table studies."
        if len(rows) > STUDIES_SHOWN
        else "",
    )


def refused_table(quarantine: pl.DataFrame) -> Table:
    """What was refused, counted by step and reason."""
    rows = rows_of(quarantine, "study_key", "stage", "reason_code", "message", "action")
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((str(row["stage"]), str(row["reason_code"])), []).append(row)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return Table(
        "Refused, by step and reason",
        [
            Column("Reason"),
            Column("Step"),
            Column("Studies", numeric=True),
            Column("Example of what was wrong"),
            Column("What can be done"),
        ],
        [
            [
                Cell(reason_in_words(code), code=code),
                Cell(step_name(stage)),
                Cell(text_of(len({row["study_key"] for row in members})), "number"),
                text_cell(members[0]["message"], "not recorded"),
                text_cell(members[0]["action"], "nothing known"),
            ]
            for (stage, code), members in ranked
        ],
        empty="Nothing was refused.",
    )


def patients(
    studies: pl.DataFrame, acquisitions: pl.DataFrame, clinical: pl.DataFrame
) -> list[Row]:
    """One row a patient with an accepted study: clinical data over what the header said.

    A patient with several studies counts once, with the scanner of the first one.
    """
    scanners = scanner_by_study(acquisitions)
    by_patient = {str(row["patient_key"]): row for row in rows_of(clinical, "patient_key")}
    accepted = rows_of(where(studies, status="accepted"), "study_key", "patient_key", "study_date")
    accepted.sort(key=lambda row: (str(row["study_date"] or "9999"), str(row["study_key"])))
    found: dict[str, dict[str, Any]] = {}
    for row in accepted:
        key = str(row["patient_key"])
        if key in found:
            continue
        given = {name: v for name, v in by_patient.get(key, {}).items() if v is not None}
        scanner = scanners.get(str(row["study_key"]), NO_SCANNER)
        found[key] = {**row, **given, "scanner": scanner, "with_clinical": key in by_patient}
    return list(found.values())


def _by_scanner(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """All rows, then the rows of each scanner; the rarer scanners together."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["scanner"]), []).append(row)
    ranked = sorted(groups, key=lambda name: (-len(groups[name]), name))
    shown = {name: groups[name] for name in ranked[:SCANNERS_SHOWN]}
    rare = [row for name in ranked[SCANNERS_SHOWN:] for row in groups[name]]
    if rare:
        shown[OTHER_SCANNERS] = rare
    if len(shown) == 1:
        return {f"All ({next(iter(shown))})": list(rows)}
    return {"All": list(rows), **shown}


_CONTINUOUS = (
    ("age_years", "Age, years"),
    ("weight_kg", "Weight, kg"),
    ("height_m", "Height, m"),
    ("glycaemia_mmol_l", "Glycaemia, mmol/L"),
    ("survival_days", "Follow-up for survival, days"),
    ("progression_free_days", "Follow-up for progression, days"),
)
_LEVELS = (("sex", "Sex"), ("stage", "Stage"), ("treatment", "Treatment"))
_TRUTHS = (
    ("response", "Responded"),
    ("death", "Deaths observed"),
    ("progression", "Progressions observed"),
)
LEVELS_SHOWN = 8


def table_one(studies: pl.DataFrame, acquisitions: pl.DataFrame, clinical: pl.DataFrame) -> Table:
    """Patients by scanner: median with quartiles, or number with share of those known."""
    everyone = patients(studies, acquisitions, clinical)
    groups = _by_scanner(everyone) if everyone else {}
    lines: list[list[Cell]] = []

    def line(label: str, summary: Callable[[list[Row]], Cell]) -> None:
        lines.append([Cell(label), *(summary(rows) for rows in groups.values())])

    line("Patients", lambda rows: Cell(text_of(len(rows)), "number"))
    if clinical.height:
        line("With clinical data", lambda rows: counted([r["with_clinical"] for r in rows]))
    for column, label in _CONTINUOUS:
        if any(row.get(column) is not None for row in everyone):
            line(label, partial(_quartiles, column=column))
    for column, label in _LEVELS:
        lines += _level_lines(everyone, groups, column, label)
    for column, label in _TRUTHS:
        if any(row.get(column) is not None for row in everyone):
            line(label, partial(_known_share, column=column, level=True))
    return Table(
        "Table 1. Patients with an accepted study",
        [Column("Characteristic"), *(Column(name, numeric=True) for name in groups)],
        lines if everyone else [],
        empty="No patient has an accepted study.",
        note="Median [first to third quartile], or number (share of those known). Where the "
        "clinical table says nothing, the value of the image header stands."
        if clinical.height
        else "No clinical table was given: age, sex, weight and height are those of the image "
        "headers, and there is no outcome.",
    )


def _quartiles(rows: Sequence[Row], column: str) -> Cell:
    return median_and_quartiles([row.get(column) for row in rows])


def _known_share(rows: Sequence[Row], column: str, level: Any) -> Cell:
    known = [row[column] for row in rows if row.get(column) is not None]
    if not known:
        return Cell("none known", "missing")
    return Cell(share(sum(value == level for value in known), len(known)), "number")


def _level_lines(
    everyone: Sequence[Row], groups: Mapping[str, list[Row]], column: str, label: str
) -> list[list[Cell]]:
    levels = sorted({str(r[column]) for r in everyone if r.get(column) is not None})
    shown = levels[:LEVELS_SHOWN]
    lines = [
        [
            Cell(f"{label}: {level}"),
            *(_known_share(rows, column, level) for rows in groups.values()),
        ]
        for level in shown
    ]
    if len(levels) > len(shown):
        lines.append(
            [
                Cell(f"{label}: {len(levels) - len(shown)} further"),
                *(
                    counted([str(r.get(column)) in levels[LEVELS_SHOWN:] for r in rows])
                    for rows in groups.values()
                ),
            ]
        )
    return lines


def acquisition_table(studies: pl.DataFrame, acquisitions: pl.DataFrame) -> Table:
    """How the PET of each scanner was acquired, over the accepted studies."""
    accepted = set(distinct(where(studies, status="accepted"), "study_key"))
    pets = [
        row
        for row in rows_of(where(acquisitions, role="pet"), "study_key", "scanner", "suv_flags")
        if row["study_key"] in accepted
    ]
    for row in pets:
        row["scanner"] = row["scanner"] or NO_SCANNER
    groups = _by_scanner(pets) if pets else {}
    lines = [[Cell("PET series"), *(Cell(text_of(len(r))) for r in groups.values())]]
    for column, label in (
        ("injected_dose_mbq", "Injected dose, MBq"),
        ("uptake_time_min", "Uptake time, min"),
        ("spacing_z_mm", "Slice distance, mm"),
        ("spacing_x_mm", "Pixel size, mm"),
    ):
        found = [median_and_quartiles([r.get(column) for r in rows]) for rows in groups.values()]
        lines.append([Cell(label), *(Cell(cell.text) for cell in found)])
    for column, label in (
        ("radiopharmaceutical", "Radiopharmaceutical"),
        ("reconstruction", "Reconstruction"),
        ("units", "Units of the stored values"),
        ("decay_correction", "Decay correction"),
        ("decay_reference", "Decay reference"),
    ):
        cells = [_spelled([r.get(column) for r in rows]) for rows in groups.values()]
        lines.append([Cell(label), *cells])
    lines.append([Cell("Repairs on the way to SUV"), *(_repairs(rows) for rows in groups.values())])
    return Table(
        "PET acquisition by scanner, accepted studies",
        [Column("Property"), *(Column(name) for name in groups)],
        lines if pets else [],
        empty="No PET of an accepted study.",
        note="Median [first to third quartile], or the values found with how often.",
    )


def _spelled(values: Sequence[Any], limit: int = 4) -> Cell:
    """The different values with their counts, the most frequent first."""
    counts: dict[str, int] = {}
    for value in values:
        counts[str(value) if value else "not given"] = counts.get(str(value or "not given"), 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{name} ({count})" for name, count in ranked[:limit]]
    if len(ranked) > limit:
        words.append(f"{len(ranked) - limit} further")
    return Cell("; ".join(words))


def _repairs(rows: Sequence[Row]) -> Cell:
    flags = [flag for row in rows for flag in (row["suv_flags"] or "").split(",") if flag.strip()]
    return _spelled([flags_in_words(flag) for flag in flags]) if flags else Cell("none")


def _biomarker_groups(biomarkers: pl.DataFrame, host: bool) -> dict[str, dict[str, list[Row]]]:
    """Rows by biomarker and algorithm, of the healthy organs or of the tumour."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows_of(biomarkers, "algorithm", "biomarker", "value", "unit", "reason"):
        if (row["algorithm"] == HOST) == host:
            by_algorithm = groups.setdefault(str(row["biomarker"]), {})
            by_algorithm.setdefault(str(row["algorithm"]), []).append(row)
    return groups


def _distribution(rows: Sequence[Row]) -> Cell:
    """Median and quartiles of the known values and how many they are."""
    known = known_numbers(row["value"] for row in rows)
    if not known:
        return Cell("no value", "missing")
    return Cell(f"{median_and_quartiles(known).text}; n\u00a0=\u00a0{len(known)}", "summary")


def _missing_reasons(rows: Sequence[Row]) -> Cell:
    missing = count_by_reason(row["reason"] for row in rows if row["value"] is None)
    return Cell("; ".join(f"{count} × {reason}" for reason, count in missing.items()) or "none")


def _unit(rows: Sequence[Row]) -> Cell:
    unit = next((str(row["unit"]) for row in rows if row["unit"]), "1")
    return Cell("–" if unit == "1" else unit)


def burden_table(biomarkers: pl.DataFrame, algorithms: Sequence[str]) -> Table:
    """Tumour biomarkers over studies: a row each, a column an algorithm."""
    lines = []
    for name, by_algorithm in _biomarker_groups(biomarkers, host=False).items():
        rows = [row for members in by_algorithm.values() for row in members]
        cells = [_distribution(by_algorithm.get(algorithm, [])) for algorithm in algorithms]
        lines.append(
            [Cell(biomarker_name(name), code=name), _unit(rows), *cells, _missing_reasons(rows)]
        )
    return Table(
        "Tumour burden over studies, by algorithm",
        [
            Column("Biomarker"),
            Column("Unit"),
            *(Column(algorithm_name(name), numeric=True) for name in algorithms),
            Column("Values missing, and why"),
        ],
        lines,
        empty="No tumour biomarker was computed.",
        note="Median [first to third quartile]; number of studies with a value.",
    )


def host_table(biomarkers: pl.DataFrame) -> Table:
    """Biomarkers of healthy organs over studies."""
    lines = []
    for name, by_algorithm in _biomarker_groups(biomarkers, host=True).items():
        rows = [row for members in by_algorithm.values() for row in members]
        known = known_numbers(row["value"] for row in rows)
        spread = (
            Cell(f"{number(min(known))} to {number(max(known))}", "number")
            if known
            else Cell("no value", "missing")
        )
        head = [Cell(biomarker_name(name), code=name), _unit(rows)]
        lines.append([*head, _distribution(rows), spread, _missing_reasons(rows)])
    return Table(
        "Host biomarkers over studies",
        [
            Column("Biomarker"),
            Column("Unit"),
            Column("Median [quartiles]", numeric=True),
            Column("Range", numeric=True),
            Column("Values missing, and why"),
        ],
        lines,
        empty="No host biomarker was computed: they need PET and organ masks.",
        note="Candidates to be tested, not established markers.",
    )


def tmtv_ratio_in_words(biomarkers: pl.DataFrame) -> str:
    """How far the methods are apart within a patient."""
    volumes: dict[str, list[float]] = {}
    for row in rows_of(where(biomarkers, biomarker="tmtv_ml"), "study_key", "value"):
        if row["value"] is not None and row["value"] > 0:
            volumes.setdefault(str(row["study_key"]), []).append(float(row["value"]))
    ratios = [max(v) / min(v) for v in volumes.values() if len(v) > 1]
    if not ratios:
        return ""
    middle = sorted(ratios)[len(ratios) // 2]
    return (
        f"Within one study the largest volume is {number(middle, 2)} times the smallest (median "
        f"over {len(ratios)} studies; at most {number(max(ratios), 2)} times). A TMTV is a result "
        "only together with its method."
    )


def ledger_table(ledger: pl.DataFrame) -> Table:
    """Everything that was tried, refused and negative analyses included."""
    rows = rows_of(
        ledger, "question", "method", "patients", "status", "reason_code", "result", "asset"
    )
    return Table(
        "Every analysis that was tried on this cohort",
        [
            Column("Question"),
            Column("Method"),
            Column("Patients", numeric=True),
            Column("Outcome"),
            Column("Result"),
        ],
        [
            [
                text_cell(row["question"]),
                text_cell(row["method"]),
                text_cell(row["patients"], "not known"),
                Cell(
                    "fitted"
                    if row["status"] == "fitted"
                    else f"refused: {reason_in_words(row['reason_code'])}",
                    "text" if row["status"] == "fitted" else "bad",
                    code=row["reason_code"],
                ),
                text_cell(row["result"], "not recorded"),
            ]
            for row in rows
        ],
        empty="No cohort analysis was tried.",
    )


def reasons_of(frame: pl.DataFrame, column: str = "reason") -> dict[str, int]:
    """Non-null reasons of a frame in words, counted."""
    if column not in frame.columns:
        return {}
    return count_by_reason(frame[column].drop_nulls().to_list())


def flow_reasons(studies: pl.DataFrame) -> dict[str, int]:
    """Reasons of the refused studies in words, counted."""
    refused = rows_of(where(studies, status="refused"), "reason_code")
    return count_by_reason(row["reason_code"] for row in refused)


def algorithms_in_order(biomarkers: pl.DataFrame, primary: str | None) -> list[str]:
    """Lesion algorithms with a TMTV, the primary first."""
    names = distinct(where(biomarkers, biomarker="tmtv_ml"), "algorithm")
    return sorted((str(n) for n in names), key=lambda n: (n != primary, n))
