"""Biomarkers, harmonisation and organ network on a cohort's page."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wbr_platform.reporting.figures import (
    Edge,
    FigureOnPage,
    before_after_figure,
    organ_network_figure,
    strip_figure,
)
from wbr_platform.reporting.formatting import is_missing, plural, text_of
from wbr_platform.reporting.strings import (
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
