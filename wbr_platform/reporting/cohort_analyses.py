"""The analyses of a cohort's page: harmonisation, organ network, survival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.reporting.figures import (
    Edge,
    FigureOnPage,
    HazardRatio,
    SurvivalGroup,
    before_after_figure,
    forest_figure,
    kaplan_meier_figure,
    organ_network_figure,
    strip_figure,
)
from wbr_platform.reporting.formatting import is_missing, number, plural, text_of
from wbr_platform.reporting.strings import (
    ENDPOINTS,
    algorithm_name,
    reason_in_words,
    region_name,
    spelt_out,
)
from wbr_platform.reporting.summaries import FEATURE_KEY, batch_share
from wbr_platform.reporting.tables import (
    Cell,
    Column,
    Table,
    missing_cell,
    number_cell,
    p_cell,
    rows_of,
    text_cell,
    where,
    with_columns,
)

DESCRIPTIVE_BELOW = 100
EDGES_SHOWN = 20
RATIOS_SHOWN = 30
SMALLEST_GAIN = 0.01
ESTABLISHED = 0.05


def why_empty(ledger: pl.DataFrame, asset: str, otherwise: str) -> str:
    """Why an analysis has no result, as the ledger recorded it."""
    refused = rows_of(where(ledger, asset=asset, status="refused"), "reason_code", "result")
    if not refused:
        return otherwise
    row = refused[0]
    words = f"Refused: {reason_in_words(row['reason_code'])}."
    return f"{words} {row['result']}" if row["result"] else words


def tmtv_figure(biomarkers: pl.DataFrame, algorithms: Sequence[str]) -> FigureOnPage | None:
    """TMTV of every study by algorithm."""
    studies: dict[str, dict[str, float]] = {}
    for row in rows_of(where(biomarkers, biomarker="tmtv_ml"), "study_key", "algorithm", "value"):
        if not is_missing(row["value"]):
            studies.setdefault(str(row["study_key"]), {})[str(row["algorithm"])] = row["value"]
    if not studies:
        return None
    return strip_figure(
        list(studies.values()),
        {name: algorithm_name(name) for name in algorithms},
        "TMTV, mL",
        "Total metabolic tumour volume by algorithm: one dot a study, its dots joined, bars at the "
        "medians. Logarithmic axis.",
    )


# Harmonisation -----------------------------------------------------------------------------------


def harmonization_summary(harmonized: pl.DataFrame) -> Table:
    """Share of variance between scanners before and after, by kind of region and modality."""
    shares = batch_share(harmonized) if harmonized.height else pl.DataFrame()
    groups = (
        shares.group_by("kind", "modality", "policy", maintain_order=True)
        .agg(
            pl.len().alias("features"),
            pl.col("before").median(),
            pl.col("after").median(),
        )
        .to_dicts()
        if shares.height
        else []
    )
    return Table(
        "Share of a feature's variance that lies between scanners (median over features)",
        [
            Column("Regions"),
            Column("Modality"),
            Column("Policy"),
            Column("Features", numeric=True),
            Column("Before", numeric=True),
            Column("After", numeric=True),
        ],
        [
            [
                Cell(spelt_out(str(row["kind"]))),
                text_cell(row["modality"]),
                text_cell(row["policy"]),
                Cell(text_of(row["features"]), "number"),
                number_cell(row["before"], digits=2),
                number_cell(row["after"], digits=2),
            ]
            for row in groups
        ],
        empty="No feature was harmonised.",
        note="Measured on the values on which ComBat was fitted: it has to fall, and its fall does "
        "not show that differences between patients were kept.",
    )


def not_harmonized(harmonized: pl.DataFrame) -> Table:
    """Values that were left as they were, by reason."""
    frame = with_columns(harmonized, ("harmonized_value", "reason", "batch"))
    left = frame.filter(pl.col("harmonized_value").is_null()) if frame.height else frame
    counts = (
        left.group_by("reason")
        .agg(pl.len(), pl.col("batch").n_unique())
        .sort("len", "reason", descending=[True, False])
        if left.height
        else pl.DataFrame()
    )
    return Table(
        "Values that were not harmonised",
        [Column("Reason"), Column("Values", numeric=True), Column("Scanners", numeric=True)],
        [
            [
                Cell(reason_in_words(row["reason"]), code=row["reason"]),
                Cell(text_of(row["len"]), "number"),
                Cell(text_of(row["batch"]), "number"),
            ]
            for row in counts.to_dicts()
        ],
        empty="Every value was harmonised." if frame.height else "There is no value to harmonise.",
    )


def harmonization_figure(harmonized: pl.DataFrame) -> FigureOnPage | None:
    """Boxes by scanner of one feature: mean uptake of the liver where there is one."""
    shares = batch_share(harmonized) if harmonized.height else pl.DataFrame()
    if not shares.height:
        return None
    liver = shares.filter(
        (pl.col("region").cast(pl.String) == "liver")
        & (pl.col("modality").cast(pl.String) == "PT")
        & (pl.col("feature").cast(pl.String) == "stat_mean")
    )
    chosen = (
        liver
        if liver.height
        else shares.sort("before", *FEATURE_KEY, descending=[True] + [False] * 5)
    ).to_dicts()[0]
    rows = where(harmonized, **{name: chosen[name] for name in FEATURE_KEY})
    rows = rows.filter(pl.col("harmonized_value").is_not_null())
    before: dict[str, list[float]] = {}
    after: dict[str, list[float]] = {}
    for row in rows.sort("batch").to_dicts():
        before.setdefault(row["batch"], []).append(row["value"])
        after.setdefault(row["batch"], []).append(row["harmonized_value"])
    name = f"{region_name(chosen['region'])}, {chosen['modality']} {chosen['feature']}"
    example = (
        "The example is fixed beforehand."
        if liver.height
        else ("The example is the feature with the largest difference between scanners.")
    )
    return before_after_figure(
        before,
        after,
        name,
        f"{name} by scanner: median, quartiles and every study. {example}",
    )


# Organ network -----------------------------------------------------------------------------------


def network_figure(nodes: pl.DataFrame, edges: pl.DataFrame) -> FigureOnPage | None:
    """The network on a body outline."""
    included = [str(row["node"]) for row in rows_of(where(nodes, included=True), "node")]
    if not included:
        return None
    drawn = [
        Edge(row["node_a"], row["node_b"], float(row["partial_correlation"]), row["q_value"])
        for row in rows_of(edges, "node_a", "node_b", "partial_correlation", "q_value")
        if not is_missing(row["partial_correlation"])
    ]
    return organ_network_figure(
        included,
        drawn,
        "Partial correlations of organ uptake over patients: width by strength, blue and solid "
        "positive, orange and dashed negative, faint where q is not below 0.05.",
    )


def network_words(edges: pl.DataFrame) -> str:
    """What may and what may not be read from the network."""
    patients = max((row["patients"] or 0 for row in rows_of(edges, "patients")), default=0)
    sure = sum(
        1
        for row in rows_of(edges, "q_value")
        if not is_missing(row["q_value"]) and row["q_value"] < ESTABLISHED
    )
    words = (
        "An edge says that the uptake of two organs goes together over "
        f"{plural(patients, 'patient')} once the other organs and the "
        "covariates are accounted for. It is an association: it says nothing of cause or "
        "direction. "
        f"{sure} of {plural(edges.height, 'edge')} have q below 0.05."
    )
    if patients < DESCRIPTIVE_BELOW:
        words += (
            f" With fewer than {DESCRIPTIVE_BELOW} patients the network is descriptive: expect its "
            "weaker edges to change in another cohort."
        )
    return words


def edge_table(edges: pl.DataFrame) -> Table:
    """Edges, the strongest first."""
    rows = rows_of(
        edges, "node_a", "node_b", "correlation", "partial_correlation", "p_value", "q_value"
    )
    rows.sort(key=lambda row: -abs(row["partial_correlation"] or 0.0))
    return Table(
        "Edges of the organ network, the strongest first",
        [
            Column("Organ"),
            Column("Organ"),
            Column("Partial correlation", numeric=True),
            Column("Correlation", numeric=True),
            Column("p", numeric=True),
            Column("q", numeric=True),
        ],
        [
            [
                Cell(region_name(str(row["node_a"]))),
                Cell(region_name(str(row["node_b"]))),
                number_cell(row["partial_correlation"], digits=2),
                number_cell(row["correlation"], digits=2),
                p_cell(row["p_value"]),
                p_cell(row["q_value"]),
            ]
            for row in rows[:EDGES_SHOWN]
        ],
        empty="The network has no edge.",
        note="q is the p-value adjusted for all edges (Benjamini-Hochberg)."
        + (
            f" {len(rows) - EDGES_SHOWN} weaker edges are in the table network_edges."
            if len(rows) > EDGES_SHOWN
            else ""
        ),
    )


def left_out_table(nodes: pl.DataFrame) -> Table:
    """Regions that are not in the network, with the reason."""
    return Table(
        "Organs left out of the network",
        [Column("Organ"), Column("Patients with a value", numeric=True), Column("Reason")],
        [
            [
                Cell(region_name(str(row["node"]))),
                text_cell(row["patients"], "not counted"),
                missing_cell(row["reason"]),
            ]
            for row in rows_of(where(nodes, included=False), "node", "patients", "reason")
        ],
        empty="No organ was left out." if nodes.height else "No organ was considered.",
    )


# Survival ----------------------------------------------------------------------------------------


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
        if len(split) < 10 or not any(row[event] for row in split):
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
            _model_name(row["model"]),
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


def _model_name(name: Any) -> str:
    return spelt_out(str(name)) if "_" in str(name) else str(name)


def _covariate_name(name: Any) -> str:
    return str(name).replace("_", " ")


def layers_table(models: pl.DataFrame) -> Table:
    """Models in growing order: concordance, and what each layer adds to the one before it."""
    rows = rows_of(
        models,
        "analysis_id",
        "model",
        "patients",
        "events",
        "concordance",
        "concordance_cross_validated",
        "reason",
    )
    lines, previous, seen = [], None, set()
    analysis = None
    for row in rows:
        key = (row["analysis_id"], row["model"])
        if key in seen:
            continue
        seen.add(key)
        if row["analysis_id"] != analysis:
            analysis, previous = row["analysis_id"], None
        current = row["concordance_cross_validated"]
        lines.append(
            [
                Cell(_model_name(row["model"])),
                text_cell(row["patients"], "not known"),
                text_cell(row["events"], "not known"),
                number_cell(row["concordance"], row["reason"]),
                number_cell(current, row["reason"]),
                *_gain_cells(current, previous, row["reason"]),
            ]
        )
        if not is_missing(current):
            previous = current
    return Table(
        "Models in growing order, and what each layer adds",
        [
            Column("Model"),
            Column("Patients", numeric=True),
            Column("Events", numeric=True),
            Column("C, apparent", numeric=True),
            Column("C, cross-validated", numeric=True),
            Column("Gain", numeric=True),
            Column("Verdict"),
        ],
        lines,
        empty="No survival model was fitted.",
        note="C is Harrell's concordance: 0.5 is chance. Gain is the difference of cross-validated "
        f"C from the model above; a layer that adds less than {SMALLEST_GAIN} is reported as "
        "negative. Published models of this kind reach 0.55 to 0.72: distrust 0.9.",
    )


def _gain_cells(current: float | None, previous: float | None, reason: str | None) -> list[Cell]:
    if current is None or is_missing(current):
        return [missing_cell(reason), Cell("could not be judged", "missing")]
    if previous is None:
        return [Cell("first model", "missing"), Cell("the starting point")]
    gain = current - previous
    sign = "+" if gain > 0 else ""
    verdict = (
        Cell("adds to the model above", "good")
        if gain >= SMALLEST_GAIN
        else Cell("negative: adds nothing that counts", "bad")
    )
    return [Cell(f"{sign}{number(round(gain, 3), 2)}", "number"), verdict]


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
                Cell(_model_name(row["model"])),
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
