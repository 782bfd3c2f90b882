"""The cohort page: complete, and every section with nothing to show."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from wbr_platform.reporting.cohort_page import CohortPageInputs, cohort_page
from wbr_platform.reporting.summaries import batch_share
from wbr_platform_tests.reporting.example_inputs import cohort_inputs, frame
from wbr_platform_tests.reporting.html_checks import parsed

FRAMES = (
    "studies",
    "acquisitions",
    "quarantine",
    "biomarkers",
    "clinical",
    "harmonized_features",
    "network_nodes",
    "network_edges",
    "survival_models",
    "survival_gains",
    "analysis_ledger",
)
HOSTILE = "<script>alert(1)</script><svg onload=alert(2)>"


def test_a_complete_cohort_shows_every_section() -> None:
    page = parsed(cohort_page(cohort_inputs()))
    for words in (
        "21 of 24",
        "PET values in units that cannot become SUV",
        "Table 1. Patients with an accepted study",
        "Siemens Biograph mCT",
        "CNTS",
        "16 × the height is not known",
        "too few patients on this scanner",
        "descriptive",
        "says nothing of cause",
        "missing for too many patients",
        "Number at risk",
        "negative: adds nothing that counts",
        "+0.063 [+0.012 to +0.114]",
        "adds to clinical",
        "Do network pathways add to TMTV?",
        "refused: too few patients",
        "Associations only",
    ):
        assert words in page.words
    assert page.tags["svg"] >= 7


def test_studies_link_to_their_pages() -> None:
    inputs = cohort_inputs()
    page = parsed(cohort_page(inputs))
    found = {values["href"] for tag, values in page.attributes if tag == "a"}
    assert set(inputs.links.values()) <= found


@pytest.mark.parametrize(
    "href", ["https://example.org/x", "javascript:alert(1)", "//host/x", "/etc/passwd", "file:x"]
)
def test_links_that_leave_the_folder_are_refused(href: str) -> None:
    with pytest.raises(ValueError, match="relative"):
        cohort_page(cohort_inputs(links={"s1": href}))


@pytest.mark.parametrize("name", FRAMES)
def test_every_section_works_when_its_frame_is_empty(name: str) -> None:
    schema = getattr(cohort_inputs(), name).schema
    with_schema = cohort_inputs(**{name: pl.DataFrame(schema=schema)})
    without_columns = cohort_inputs(**{name: pl.DataFrame()})
    assert parsed(cohort_page(with_schema)).words == parsed(cohort_page(without_columns)).words


def test_an_empty_cohort_is_still_a_page() -> None:
    page = parsed(cohort_page(CohortPageInputs()))
    for words in (
        "No study was registered",
        "No patient has an accepted study",
        "No PET of an accepted study",
        "No tumour biomarker was computed",
        "No feature was given to ComBat",
        "No organ network was fitted",
        "no outcome is known",
        "No cohort analysis was tried",
    ):
        assert words in page.words


def test_an_empty_section_tells_the_reason_of_the_ledger() -> None:
    rows = [
        {
            "analysis_id": asset,
            "asset": asset,
            "question": "?",
            "method": "m",
            "patients": 8,
            "status": "refused",
            "reason_code": code,
            "result": f"Not fitted: {asset} needs more.",
        }
        for asset, code in (
            ("harmonized_features", "ONE_BATCH"),
            ("organ_network", "NOT_ENOUGH_PATIENTS"),
            ("survival_models", "EVENTS_TOO_FEW"),
        )
    ]
    page = parsed(cohort_page(CohortPageInputs(analysis_ledger=frame("analysis_ledger", rows))))
    for words in ("one scanner only", "too few patients", "too few events"):
        assert f"Refused: {words}" in page.words
    assert "Not fitted: organ_network needs more." in page.words


def test_models_that_could_not_be_fitted_say_why() -> None:
    rows = [{"analysis_id": "c", "model": "clinical", "patients": 5, "reason": "EVENTS_TOO_FEW"}]
    page = parsed(cohort_page(cohort_inputs(survival_models=frame("survival_models", rows))))
    assert "too few events" in page.words


def test_without_intervals_no_gain_is_called_established() -> None:
    page = parsed(cohort_page(cohort_inputs(survival_gains=pl.DataFrame())))
    assert "+0.063 not established: no interval is known" in page.words
    assert "−0.005 negative: adds nothing that counts" in page.words
    assert "first model the starting point" in page.words


def test_a_covariate_left_out_does_not_hide_its_model() -> None:
    page = parsed(cohort_page(cohort_inputs()))
    assert "clinical 20 12 0.631 0.571" in page.words
    assert "Fewer than 50 patients have an outcome" in page.words


def test_patient_flow_adds_up() -> None:
    page = parsed(cohort_page(cohort_inputs()))
    labels = [values["aria-label"] for tag, values in page.attributes if tag == "svg"]
    flow = next(label for label in labels if label.startswith("Patient flow"))
    steps = [int(part.split(": ")[1].split("\u00a0")[0]) for part in flow.split(", then ")]
    assert steps == [24, 21, 20, 20, 18]


def test_a_patient_with_two_studies_counts_once() -> None:
    inputs = cohort_inputs()
    again = inputs.studies.head(1).with_columns(
        study_key=pl.lit("sagain"), study_date=pl.lit("2031-01-01")
    )
    more = cohort_inputs(studies=pl.concat([inputs.studies, again]))
    page = parsed(cohort_page(more))
    assert "a further study of a patient" in page.words
    assert "22 of 25" in page.words


def test_hostile_text_in_any_column_stays_text() -> None:
    inputs = cohort_inputs()
    keep = {"status", "role", "feature", "study_key", "patient_key", "asset", "verdict"}
    changes: dict[str, Any] = {}
    for name in FRAMES:
        table = getattr(inputs, name)
        changes[name] = table.with_columns(
            pl.when(pl.col(column).is_not_null())
            .then(pl.lit(HOSTILE))
            .otherwise(None)
            .alias(column)
            for column, dtype in table.schema.items()
            if dtype == pl.String and column not in keep
        )
    changes["biomarkers"] = inputs.biomarkers.with_columns(
        pl.lit(HOSTILE).alias("unit"), (pl.col("algorithm") + HOSTILE).alias("algorithm")
    )
    html = cohort_page(cohort_inputs(**changes, title=HOSTILE, publication={HOSTILE: HOSTILE}))
    assert "<script" not in html
    assert "<svg onload" not in html
    assert "alert(1)" in parsed(html).words


def test_share_of_variance_between_batches() -> None:
    """Two batches of two values: means 1 and 3 around 2 leave 4 of 5 squares between them."""
    rows = [
        {
            "kind": "organ",
            "region": "liver",
            "modality": "PT",
            "policy": "p",
            "feature": "f",
            "batch": batch,
            "value": value,
            "harmonized_value": harmonized,
        }
        for batch, value, harmonized in (
            ("a", 0.5, 1.5),
            ("a", 1.5, 2.5),
            ("b", 2.5, 1.5),
            ("b", 3.5, 2.5),
        )
    ]
    share = batch_share(pl.DataFrame(rows)).to_dicts()[0]
    assert share["before"] == pytest.approx(4 / 5)
    assert share["after"] == pytest.approx(0.0)
    assert (share["values"], share["batches"]) == (4, 2)
