"""The study page: complete, refused, and with anything missing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from wbr_platform.reporting.study_page import StudyPageInputs, study_page
from wbr_platform_tests.reporting.example_inputs import (
    frame,
    refused_study_inputs,
    study_inputs,
    study_row,
)
from wbr_platform_tests.reporting.html_checks import parsed

FRAMES = (
    "acquisitions",
    "quarantine",
    "regions",
    "lesions",
    "biomarkers",
    "segmentation_agreement",
    "features",
)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def test_a_complete_study_shows_its_numbers() -> None:
    page = parsed(study_page(study_inputs()))
    for words in (
        "Accepted",
        "GE Discovery 690",
        "62.4 min",
        "245 MBq",
        "Total metabolic tumour volume (TMTV)",
        "L01",
        "lung left",
        "not corrected for attenuation",
        "SERIES_TIME",
        "the region is too small",
        "the segmenter lion is not installed",
        "9d41f0c2aa",
    ):
        assert words in page.words
    assert page.tags["img"] == 2


def test_tmtv_stands_with_its_method_and_spread() -> None:
    page = parsed(study_page(study_inputs()))
    assert "Masks of the export; 331 to 987 mL over 4 methods" in page.words
    assert "a factor of 3.0" in page.words


def test_missing_values_are_told_with_their_reason() -> None:
    page = parsed(study_page(study_inputs()))
    assert page.words.count("the height is not known") == 4
    assert "the spleen was not segmented" in page.words


def test_a_refused_study_says_why_and_what_to_do() -> None:
    page = parsed(study_page(refused_study_inputs()))
    assert "This study was refused: PET values in counts per second" in page.words
    assert "What can be done: export the series in BQML." in page.words
    assert "No picture: the study was refused." in page.words
    assert page.tags["img"] == 0


def test_a_study_without_ct_says_so_and_keeps_its_pet() -> None:
    inputs = study_inputs()
    pet_only = study_inputs(
        study=study_row(has_ct=False),
        acquisitions=inputs.acquisitions.filter(pl.col("role") != "ct"),
        features=inputs.features.filter(pl.col("modality") == "PT"),
    )
    page = parsed(study_page(pet_only))
    assert "CT features absent: no CT in this export." in page.words
    assert "Density, mean" not in page.words
    assert "7.20" in page.words


def test_a_study_without_pet_says_so() -> None:
    inputs = study_inputs()
    empty = inputs.biomarkers.clear()
    ct_only = study_inputs(
        study=study_row(has_pet=False),
        acquisitions=inputs.acquisitions.filter(pl.col("role") == "ct"),
        features=inputs.features.filter(pl.col("modality") == "CT"),
        lesions=inputs.lesions.clear(),
        biomarkers=empty,
        segmentation_agreement=inputs.segmentation_agreement.clear(),
        pictures={},
    )
    page = parsed(study_page(ct_only))
    assert "PET features, lesions and biomarkers absent: no PET in this export." in page.words
    assert "No picture: no PET in this export." in page.words
    assert "−780" in page.words


@pytest.mark.parametrize("name", FRAMES)
def test_every_section_works_when_its_frame_is_empty(name: str) -> None:
    with_schema = study_inputs(**{name: frame(name, [])})
    without_columns = study_inputs(**{name: pl.DataFrame()})
    assert parsed(study_page(with_schema)).words == parsed(study_page(without_columns)).words


def test_nothing_at_all_is_still_a_page() -> None:
    page = parsed(study_page(StudyPageInputs(study={"study_key": "s1"})))
    for words in (
        "No lesion algorithm ran",
        "No tumour biomarker",
        "No host biomarker",
        "No organ masks",
        "Nothing to compare",
        "No series of this export was used",
        "No radiomic features",
        "Nothing was refused",
    ):
        assert words in page.words


def test_zero_lesions_are_a_result_and_not_a_hole() -> None:
    rows = [
        {"algorithm": "suv_4.0", "biomarker": "tmtv_ml", "value": 0.0, "unit": "mL"},
        {
            "algorithm": "suv_4.0",
            "biomarker": "dmax_mm",
            "value": None,
            "unit": "mm",
            "reason": "NO_LESION",
        },
    ]
    inputs = study_inputs(biomarkers=frame("biomarkers", rows), lesions=frame("lesions", []))
    page = parsed(study_page(inputs))
    assert "0 mL" in page.words
    assert "SUV ≥ 4.0: no lesion." in page.words
    assert "no lesion was found" in page.words


def _with_hostile_text(table: pl.DataFrame) -> pl.DataFrame:
    keep = {"role", "kind", "layer", "status", "measure", "modality", "feature"}
    return table.with_columns(
        pl.when(pl.col(name).is_not_null()).then(pl.lit(HOSTILE)).otherwise(None).alias(name)
        for name, dtype in table.schema.items()
        if dtype == pl.String and name not in keep
    )


def test_hostile_text_in_any_column_stays_text() -> None:
    inputs = study_inputs()
    changes: dict[str, Any] = {name: _with_hostile_text(getattr(inputs, name)) for name in FRAMES}
    study = {key: HOSTILE if isinstance(v, str) else v for key, v in study_row().items()}
    html = study_page(
        study_inputs(
            **changes,
            study=study,
            provenance={HOSTILE: {HOSTILE: HOSTILE}},
            pictures={HOSTILE: next(iter(inputs.pictures.values()))},
        )
    )
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "alert(1)" in parsed(html).words


def test_not_a_number_is_told_as_missing() -> None:
    inputs = study_inputs()
    lesions = inputs.lesions.with_columns(pl.lit(float("nan")).alias("suv_max"))
    page = parsed(study_page(study_inputs(lesions=lesions)))
    assert "no reason was recorded" in page.words


def test_a_picture_must_be_a_png() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        study_page(study_inputs(pictures={"Whole body": b"<svg/>"}))


def test_the_page_is_light_and_the_same_every_time() -> None:
    html = study_page(study_inputs())
    assert len(html) < 600_000
    assert html == study_page(study_inputs())


def test_what_the_algorithms_say_is_on_the_page() -> None:
    notes = {"suv_4.0": ("BELOW_MINIMUM_VOLUME: 3 components <b> below 3 mL",)}
    inputs = study_inputs(segmenter_notes=notes)
    page = study_page(inputs)
    assert "3 components &lt;b&gt; below 3 mL" in page
    assert "BELOW_MINIMUM_VOLUME" not in page
