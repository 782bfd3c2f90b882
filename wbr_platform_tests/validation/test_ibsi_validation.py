"""IBSI's reference values and the nine teams, as the command validates them."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.validation.ibsi import VALUES_FILE, validate_ibsi, within_tolerance
from wbr_platform.validation.teams import validate_sts_features
from wbr_platform_tests.reference_data import reference_data


@pytest.mark.reference
def test_every_reference_value_is_matched() -> None:
    report = validate_ibsi(reference_data("ibsi_reference_values").parent)
    failures = [row for row in report.rows if not row.matched]
    assert not failures
    assert Counter(row.case for row in report.rows) == {
        "digital_phantom": 482,
        "A": 406,
        "B": 406,
        "C": 270,
    }


@pytest.mark.reference
def test_a_wrong_reference_value_fails(tmp_path: Path) -> None:
    original = reference_data("ibsi_reference_values") / VALUES_FILE
    for folder in ("ibsi1_digital_phantom", "ibsi1_ct_phantom_pat1"):
        shutil.copytree(original.parents[1] / folder, tmp_path / folder)
    with original.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["configuration"] == "digital_phantom"]
    for row in rows:
        if row["tag"] == "szm_zs_var_3D":
            row["consensus_value"] = "335"
    with (tmp_path / VALUES_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    report = validate_ibsi(tmp_path)
    assert [row.quantity for row in report.rows if not row.matched] == ["szm_zs_var_3D"]
    assert report.total == 482


def test_tolerance_counts_after_rounding_to_three_digits() -> None:
    assert within_tolerance(331.25, 331.0, 0.0)
    assert within_tolerance(125256.0, 125256.0, 0.0)
    assert not within_tolerance(332.25, 331.0, 0.0)
    assert within_tolerance(0.6834, 0.682, 0.001)
    assert not within_tolerance(0.6836, 0.682, 0.001)


def test_a_folder_without_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="REFERENCE_DATA_MISSING"):
        validate_ibsi(tmp_path)
    with pytest.raises(Refusal, match="REFERENCE_DATA_MISSING"):
        validate_sts_features(tmp_path)


@pytest.mark.reference
@pytest.mark.parametrize(("modality", "share"), [("PET", 0.98), ("CT", 1.0)])
def test_features_of_real_patients_agree_with_nine_teams(modality: str, share: float) -> None:
    report = validate_sts_features(reference_data("sts_pet_cohort"), modality)
    overall = report.rows[-1]
    assert overall.quantity == "all features"
    assert float(overall.ours or 0) >= share * float(overall.reference or 0)
    # Where only an upper bound would define the axis, the teams themselves disagree.
    assert {row.quantity for row in report.rows if not row.matched} <= {"ivh_v90"}
    assert report.total == 167 - (modality == "CT")
