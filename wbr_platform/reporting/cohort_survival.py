"""Survival on a cohort's page: curves, hazard ratios, and what each layer of covariates adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.reporting.figures import (
    FigureOnPage,
    HazardRatio,
    SurvivalGroup,
    forest_figure,
    kaplan_meier_figure,
)
from wbr_platform.reporting.formatting import MINUS, is_missing, number
from wbr_platform.reporting.strings import ENDPOINTS
from wbr_platform.reporting.tables import (
    Cell,
    Column,
    Table,
    missing_cell,
    number_cell,
    p_cell,
    rows_of,
    text_cell,
)

RATIOS_SHOWN = 30
SMALLEST_GAIN = 0.01
PATIENTS_FOR_CLAIMS = 50
SMALLEST_SPLIT = 10


def survival_figures(
    patients: Sequence[dict[str, Any]], tmtv: dict[str, float], method: str
) -> list[FigureOnPage]:
    """Kaplan–Meier curves of every endpoint: all patients, and by the median of TMTV.

    ``patients`` are rows with study_key and outcome columns; ``tmtv`` is by study_key.
    """
    figures = []
    for endpoint, (time, event, label) in ENDPOINTS.items():
        known = [
            row
            for row in patients
            if not is_missing(row.get(time)) and row.get(event) is not None and row[time] >= 0
        ]
        if not known:
            continue
        everyone = SurvivalGroup.of("All", [r[time] for r in known], [r[event] for r in known])
        caption = (
            f"Kaplan–Meier estimate of {endpoint} with 95 % limits; ticks are censored patients."
        )
        figures.append(kaplan_meier_figure([everyone], label, caption))
        split = [row for row in known if row["study_key"] in tmtv]
        if len(split) < SMALLEST_SPLIT or not any(row[event] for row in split):
            continue
        median = float(np.median([tmtv[row["study_key"]] for row in split]))
        groups = [
            SurvivalGroup.of(name, [r[time] for r in rows], [r[event] for r in rows])
            for name, rows in (
                ("TMTV below median", [r for r in split if tmtv[r["study_key"]] < median]),
                ("TMTV from median", [r for r in split if tmtv[r["study_key"]] >= median]),
            )
        ]
        words = (
            f"The same by TMTV ({method}) below and from {number(median)} mL, the median of this "
            "cohort. Descriptive: the cut comes from these very patients and is no validated "
            "threshold, so no test is given."
        )
        figures.append(kaplan_meier_figure(groups, label, words))
    return figures


def hazard_figure(models: pl.DataFrame) -> FigureOnPage | None:
    """Forest plot of the coefficients, as many as fit."""
    ratios = [
        HazardRatio(
            str(row["model"]),
            _covariate_name(row["covariate"]),
            row["hazard_ratio"],
            row["hazard_ratio_low"],
            row["hazard_ratio_high"],
            None if is_missing(row["p_value"]) else row["p_value"],
        )
        for row in rows_of(
            models,
            "model",
            "covariate",
            "hazard_ratio",
            "hazard_ratio_low",
            "hazard_ratio_high",
            "p_value",
        )
        if not any(
            is_missing(row[name]) or row[name] <= 0
            for name in ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high")
        )
    ]
    if not ratios:
        return None
    rest = len(ratios) - RATIOS_SHOWN
    words = "Hazard ratios per standard deviation with 95 % intervals, by model."
    if rest > 0:
        words += f" {rest} further coefficients are in the table survival_models."
    return forest_figure(ratios[:RATIOS_SHOWN], words)


def _covariate_name(name: Any) -> str:
    return str(name).replace("_", " ")


def _layers(models: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """One row a model in the order of the table: its concordance, or why there is none.

    A model's rows are its coefficients; rows of covariates that were left out come before them.
    """
    groups: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for row in rows_of(
        models,
        "analysis_id",
        "model",
        "patients",
        "events",
        "hazard_ratio",
        "concordance",
        "concordance_cross_validated",
        "reason",
    ):
        groups.setdefault((row["analysis_id"], row["model"]), []).append(row)
    for rows in groups.values():
        fitted = [row for row in rows if row["hazard_ratio"] is not None]
        yield (fitted or rows)[-1]


def layers_table(models: pl.DataFrame, gains: pl.DataFrame) -> Table:
    """Models in growing order: concordance, and what each layer adds to the one before it.

    ``gains`` (may be empty) gives the gains with their intervals: analysis_id, model, baseline,
    concordance_gain, concordance_gain_low, concordance_gain_high, likelihood_ratio_p_value,
    verdict, reason.
    """
    given = {
        (row["analysis_id"], row["model"]): row
        for row in rows_of(
            gains,
            "analysis_id",
            "model",
            "baseline",
            "concordance_gain",
            "concordance_gain_low",
            "concordance_gain_high",
            "likelihood_ratio_p_value",
            "verdict",
            "reason",
        )
    }
    lines = []
    base: tuple[str, float] | None = None
    for row in _layers(models):
        name, current = str(row["model"]), row["concordance_cross_validated"]
        if base is not None and not name.startswith(f"{base[0]} + "):
            base = None
        gain = given.get((row["analysis_id"], row["model"]))
        lines.append(
            [
                Cell(name),
                text_cell(row["patients"], "not known"),
                text_cell(row["events"], "not known"),
                number_cell(row["concordance"], row["reason"]),
                number_cell(current, row["reason"]),
                *(_given_gain(gain) if gain else _plain_gain(current, base, row["reason"])),
            ]
        )
        if not is_missing(current):
            base = (name, float(current))
    return Table(
        "Models in growing order, and what each layer adds",
        [
            Column("Model"),
            Column("Patients", numeric=True),
            Column("Events", numeric=True),
            Column("C, apparent", numeric=True),
            Column("C, cross-validated", numeric=True),
            Column("Gain in C", "95 % interval", numeric=True),
            Column("Verdict"),
        ],
        lines,
        empty="No survival model was fitted.",
        note="C is Harrell's concordance: 0.5 is chance. Gain is the difference of cross-validated "
        f"C from the last model that was fitted; a layer counts only when it adds {SMALLEST_GAIN} "
        "or more and its interval lies above zero. Published models of this kind reach 0.55 to "
        "0.72: distrust 0.9.",
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", MINUS)


def _given_gain(gain: dict[str, Any]) -> list[Cell]:
    """A gain with its interval and the verdict that was declared with it."""
    if is_missing(gain["concordance_gain"]):
        return [missing_cell(gain["reason"]), Cell("could not be judged", "missing")]
    words = _signed(gain["concordance_gain"])
    limits = (gain["concordance_gain_low"], gain["concordance_gain_high"])
    if not any(is_missing(limit) for limit in limits):
        words += f" [{_signed(limits[0])}\u00a0to\u00a0{_signed(limits[1])}]"
    verdicts = {
        "gain": Cell(f"adds to {gain['baseline']}", "good"),
        "no gain": Cell(f"negative: adds nothing that counts to {gain['baseline']}", "bad"),
    }
    return [
        Cell(words, "summary"),
        verdicts.get(gain["verdict"], missing_cell(gain["reason"])),
    ]


def _plain_gain(
    current: float | None, base: tuple[str, float] | None, reason: str | None
) -> list[Cell]:
    """The bare difference, where no interval is known."""
    if current is None or is_missing(current):
        return [missing_cell(reason), Cell("could not be judged", "missing")]
    if base is None:
        return [Cell("first model", "missing"), Cell("the starting point")]
    gain = current - base[1]
    verdict = (
        Cell("not established: no interval is known")
        if gain >= SMALLEST_GAIN
        else Cell("negative: adds nothing that counts", "bad")
    )
    return [Cell(_signed(gain), "number"), verdict]


def few_patients_words(models: pl.DataFrame) -> str:
    """What a small cohort allows to say."""
    counts = [row["patients"] for row in rows_of(models, "patients") if row["patients"] is not None]
    if counts and max(counts) < PATIENTS_FOR_CLAIMS:
        return (
            f"Fewer than {PATIENTS_FOR_CLAIMS} patients have an outcome: what follows describes "
            "these patients and claims nothing about others."
        )
    return ""


def coefficient_table(models: pl.DataFrame) -> Table:
    """Every coefficient of every model."""
    rows = rows_of(
        models,
        "model",
        "covariate",
        "hazard_ratio",
        "hazard_ratio_low",
        "hazard_ratio_high",
        "p_value",
        "reason",
    )
    return Table(
        "Coefficients of all models",
        [
            Column("Model"),
            Column("Covariate"),
            Column("Hazard ratio", "per standard deviation", numeric=True),
            Column("Lower 95 %", numeric=True),
            Column("Upper 95 %", numeric=True),
            Column("p", numeric=True),
        ],
        [
            [
                Cell(str(row["model"])),
                text_cell(_covariate_name(row["covariate"]) if row["covariate"] else None, "none"),
                number_cell(row["hazard_ratio"], row["reason"]),
                number_cell(row["hazard_ratio_low"], row["reason"]),
                number_cell(row["hazard_ratio_high"], row["reason"]),
                p_cell(row["p_value"], row["reason"]),
            ]
            for row in rows
        ],
        empty="No survival model was fitted.",
    )
