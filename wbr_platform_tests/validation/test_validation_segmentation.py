"""The segmentation comparison: its references hold, and what is wrong or absent fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.validation import (
    segmentation_contours,
    segmentation_measures,
    segmentation_regions,
    segmentation_simulated,
)
from wbr_platform.validation.catalogue import VALIDATIONS
from wbr_platform.validation.segmentation import validate_segmentation
from wbr_platform_tests.reference_data import reference_data


def test_measures_equal_independent_computations() -> None:
    rows = segmentation_measures.rows()
    assert [row for row in rows if not row.matched] == []
    assert len(rows) >= 11


@pytest.mark.reference
def test_all_organs_of_the_published_statistics() -> None:
    rows = segmentation_regions.statistics_rows(reference_data("totalsegmentator_ct").parent)
    assert [row for row in rows if not row.matched] == []
    assert sum(row.quantity.startswith("volume of ") for row in rows) == 117
    assert sum(row.quantity.startswith("mean of ") for row in rows) == 40


@pytest.mark.reference
def test_a_wrong_volume_fails(tmp_path: Path) -> None:
    source = reference_data("totalsegmentator_ct")
    folder = tmp_path / source.name
    folder.mkdir()
    for name in ("example_seg_fast.nii.gz", "example_ct_sm.nii.gz"):
        (folder / name).symlink_to(source / name)
    published = json.loads((source / "statistics.json").read_text())
    published["liver"]["volume"] += 27.0  # one voxel
    published["spleen"]["intensity"] += 0.01
    (folder / "statistics.json").write_text(json.dumps(published))
    rows = segmentation_regions.statistics_rows(tmp_path)
    assert {row.quantity for row in rows if not row.matched} == {
        "volume of liver",
        "mean of spleen",
    }


def test_absent_data_fail(tmp_path: Path) -> None:
    rows = [
        *segmentation_regions.statistics_rows(tmp_path),
        *segmentation_regions.classical_rows(tmp_path),
        *segmentation_regions.derived_rows(tmp_path),
        *segmentation_contours.rows(tmp_path),
    ]
    assert len(rows) == 6
    assert not any(row.matched for row in rows)
    with pytest.raises(Refusal) as refused:
        validate_segmentation(tmp_path / "nowhere")
    assert refused.value.reason_code == "REFERENCE_DATA_MISSING"


@pytest.mark.reference
def test_thresholds_against_contours() -> None:
    rows = segmentation_contours.rows(reference_data("sts_pet_cohort").parent)
    assert [row for row in rows if not row.matched] == []


@pytest.mark.reference
def test_derived_regions_on_one_study(tmp_path: Path) -> None:
    source = reference_data("autopet3_organ_masks") / "masks"
    folder = tmp_path / "autopet3_organ_masks" / "masks"
    folder.mkdir(parents=True)
    shutil.copy(source / "psma_0198cdca94fbb95f_2019-12-28.nii.gz", folder)
    rows = segmentation_regions.derived_rows(tmp_path)
    assert {row.quantity.split(":")[0] for row in rows} >= {"liver_sphere", "thymic_bed"}
    assert all(row.matched for row in rows)


@pytest.mark.reference
def test_methods_on_simulated_patients() -> None:
    rows = segmentation_simulated.rows()
    assert [row for row in rows if not row.matched] == []
    assert any("per lesion below 10 mL" in row.note for row in rows)


def test_it_is_in_the_catalogue() -> None:
    assert VALIDATIONS["segmentation"][0] is validate_segmentation
