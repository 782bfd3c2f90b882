"""The page of a cohort: self-contained HTML; every section says why when it has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from wbr_platform.reporting import cohort_analyses as analyses
from wbr_platform.reporting import cohort_survival as survival
from wbr_platform.reporting import cohort_tables as tables
from wbr_platform.reporting.figures import FigureOnPage, FlowStep, patient_flow_figure
from wbr_platform.reporting.formatting import is_missing, plural, text_of
from wbr_platform.reporting.rendering import Card, fact_pairs, render
from wbr_platform.reporting.strings import algorithm_name
from wbr_platform.reporting.summaries import primary_of_cohort, scanner_by_study
from wbr_platform.reporting.tables import Table, distinct, rows_of, where

LEDGER_OPEN = 40


@dataclass(frozen=True)
class CohortPageInputs:
    """What the page is made of: the cohort's tables with the columns of ``store.schemas``.

    Any frame may be empty or lack columns. ``survival_gains`` has the columns of
    ``outcome.survival.SurvivalResult.gains``; without it gains are shown without intervals.
    ``links`` maps study_key to the relative address of the study's page. ``publication`` (when and
    from what the warehouse was published) may be nested.
    """

    studies: pl.DataFrame = field(default_factory=pl.DataFrame)
    acquisitions: pl.DataFrame = field(default_factory=pl.DataFrame)
    quarantine: pl.DataFrame = field(default_factory=pl.DataFrame)
    biomarkers: pl.DataFrame = field(default_factory=pl.DataFrame)
    clinical: pl.DataFrame = field(default_factory=pl.DataFrame)
    harmonized_features: pl.DataFrame = field(default_factory=pl.DataFrame)
    network_nodes: pl.DataFrame = field(default_factory=pl.DataFrame)
    network_edges: pl.DataFrame = field(default_factory=pl.DataFrame)
    survival_models: pl.DataFrame = field(default_factory=pl.DataFrame)
    survival_gains: pl.DataFrame = field(default_factory=pl.DataFrame)
    analysis_ledger: pl.DataFrame = field(default_factory=pl.DataFrame)
    links: Mapping[str, str] = field(default_factory=dict)
    publication: Mapping[str, Any] = field(default_factory=dict)
    title: str = "Cohort"


def cohort_page(inputs: CohortPageInputs) -> str:
    """The page as one HTML text. ValueError for a link that leaves the folder of pages."""
    for href in inputs.links.values():
        _check_relative(href)
    ledger = inputs.analysis_ledger
    primary = primary_of_cohort(inputs.biomarkers)
    patients = tables.patients(inputs.studies, inputs.acquisitions, inputs.clinical)
    ledger_table = tables.ledger_table(ledger)
    algorithms = tables.algorithms_in_order(inputs.biomarkers, primary)
    return render(
        "cohort.html",
        title=inputs.title,
        summary=_summary(inputs, len(patients)),
        flow=_flow(inputs, patients),
        refused=tables.refused_table(inputs.quarantine),
        studies=tables.study_list(inputs.studies, inputs.acquisitions, inputs.links),
        table_one=tables.table_one(inputs.studies, inputs.acquisitions, inputs.clinical),
        acquisition=tables.acquisition_table(inputs.studies, inputs.acquisitions),
        tmtv_words=tables.tmtv_ratio_in_words(inputs.biomarkers),
        tmtv_figure=analyses.tmtv_figure(inputs.biomarkers, algorithms),
        burden=tables.burden_table(inputs.biomarkers, algorithms),
        host=tables.host_table(inputs.biomarkers),
        harmonization=_harmonization(inputs),
        network=_network(inputs),
        survival=_survival(inputs, patients, primary),
        ledger=ledger_table,
        ledger_open=len(ledger_table.rows) <= LEDGER_OPEN,
        ledger_words=_ledger_words(ledger),
        publication=fact_pairs(inputs.publication) or [("Recorded", "nothing")],
    )


def _check_relative(href: str) -> None:
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or href.startswith(("/", "\\")):
        raise ValueError(f"a link to a study's page has to be relative, not {href!r}")


def _summary(inputs: CohortPageInputs, patients: int) -> list[Card]:
    studies, accepted = inputs.studies.height, where(inputs.studies, status="accepted").height
    deaths = sum(1 for row in rows_of(inputs.clinical, "death") if row["death"])
    scanners = set(scanner_by_study(inputs.acquisitions).values())
    ledger = inputs.analysis_ledger
    return [
        Card("Studies accepted", f"{accepted} of {studies}"),
        Card("Patients", text_of(patients)),
        Card("Scanners", text_of(len(scanners))),
        Card("With clinical data", text_of(inputs.clinical.height), plural(deaths, "death")),
        Card(
            "Analyses tried",
            text_of(ledger.height),
            f"{where(ledger, status='refused').height} of them refused",
        ),
    ]


def _flow(inputs: CohortPageInputs, patients: list[tables.Row]) -> FigureOnPage | None:
    """From what came in to what enters the analyses."""
    if not inputs.studies.height:
        return None
    accepted = where(inputs.studies, status="accepted")
    with_pet = where(accepted, has_pet=True)
    people = [row for row in patients if row.get("has_pet")]
    steps = [
        FlowStep(
            "Studies in the exports",
            inputs.studies.height,
            left_out=tables.flow_reasons(inputs.studies),
        ),
        FlowStep(
            "Studies accepted",
            accepted.height,
            left_out=_left_out("no PET in this export", accepted.height - with_pet.height),
        ),
        FlowStep(
            "Studies with PET",
            with_pet.height,
            left_out=_left_out("a further study of a patient", with_pet.height - len(people)),
        ),
    ]
    without = sum(1 for row in people if not row["with_clinical"])
    if inputs.clinical.height:
        left_out = _left_out("not in the clinical table", without)
        steps.append(FlowStep("Patients with PET", len(people), "patient", "patients", left_out))
        both = len(people) - without
        steps.append(FlowStep("Patients with clinical data", both, "patient", "patients"))
    else:
        steps.append(FlowStep("Patients with PET", len(people), "patient", "patients"))
    return patient_flow_figure(steps, "Patient flow, from the exports to the analyses.")


def _left_out(reason: str, count: int) -> dict[str, int]:
    return {reason: count} if count > 0 else {}


@dataclass(frozen=True)
class Section:
    """An analysis on the page: words, figures and tables, or why there is nothing."""

    empty: str = ""
    words: str = ""
    figures: list[FigureOnPage] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)


def _harmonization(inputs: CohortPageInputs) -> Section:
    frame = inputs.harmonized_features
    if not frame.height:
        return Section(
            analyses.why_empty(
                inputs.analysis_ledger, "harmonized_features", "No feature was given to ComBat."
            )
        )
    done = frame["harmonized_value"].count() if "harmonized_value" in frame.columns else 0
    words = (
        f"ComBat brought {text_of(done)} of {text_of(frame.height)} values to a common scale, one "
        "fit for each kind of region, modality and policy; the scanner is the batch. Features as "
        "extracted and as harmonised are kept side by side."
    )
    figure = analyses.harmonization_figure(frame)
    return Section(
        words=words,
        figures=[figure] if figure else [],
        tables=[analyses.harmonization_summary(frame), analyses.not_harmonized(frame)],
    )


def _network(inputs: CohortPageInputs) -> Section:
    nodes, edges = inputs.network_nodes, inputs.network_edges
    if not edges.height:
        empty = analyses.why_empty(
            inputs.analysis_ledger, "organ_network", "No organ network was fitted."
        )
        return Section(empty, tables=[analyses.left_out_table(nodes)] if nodes.height else [])
    figure = analyses.network_figure(nodes, edges)
    return Section(
        words=analyses.network_words(edges),
        figures=[figure] if figure else [],
        tables=[analyses.edge_table(edges), analyses.left_out_table(nodes)],
    )


def _survival(inputs: CohortPageInputs, patients: list[tables.Row], primary: str | None) -> Section:
    volumes = {
        str(row["study_key"]): float(row["value"])
        for row in rows_of(
            where(inputs.biomarkers, biomarker="tmtv_ml", algorithm=primary), "study_key", "value"
        )
        if not is_missing(row["value"])
    }
    figures = survival.survival_figures(
        [dict(row) for row in patients], volumes, algorithm_name(primary)
    )
    models = inputs.survival_models
    fitted = models.height and distinct(models, "hazard_ratio")
    empty = ""
    if not fitted:
        empty = analyses.why_empty(
            inputs.analysis_ledger,
            "survival_models",
            "No survival model was fitted: no outcome is known."
            if not figures
            else "No survival model was fitted.",
        )
    forest = survival.hazard_figure(models)
    return Section(
        empty,
        words=survival.few_patients_words(models),
        figures=[*figures, *([forest] if forest else [])],
        tables=[survival.layers_table(models, inputs.survival_gains)] if models.height else [],
        folded=[survival.coefficient_table(models)] if fitted else [],
    )


def _ledger_words(ledger: pl.DataFrame) -> str:
    refused = where(ledger, status="refused").height
    return (
        f"{plural(ledger.height, 'analysis', 'analyses')} tried: {ledger.height - refused} fitted, "
        f"{refused} refused. A p-value from a list of many is worth less than one asked for alone."
    )
