"""The table of features against the published codes."""

from __future__ import annotations

import csv

import pytest

from wbr_platform.radiomics.feature_table import FEATURES, FEATURES_BY_NAME
from wbr_platform.radiomics.policy import AGGREGATIONS_2D, AGGREGATIONS_3D, FAMILIES, LIFEX_FAMILY
from wbr_platform_tests.reference_data import reference_data


def test_names_are_unique_and_complete() -> None:
    assert len(FEATURES_BY_NAME) == len(FEATURES)
    for feature in FEATURES:
        assert feature.family in (*FAMILIES, LIFEX_FAMILY)
        assert feature.aggregation in ("", *AGGREGATIONS_3D, *AGGREGATIONS_2D)
        suffix = f"_{feature.aggregation}" if feature.aggregation else ""
        assert feature.name == feature.base_name + suffix
        assert feature.unit
        assert len(feature.ibsi_code) == (0 if feature.family == LIFEX_FAMILY else 4)


def test_names_in_other_programs_are_unique() -> None:
    for dialect in ("lifex", "pyradiomics"):
        names = [f.name_in(dialect) for f in FEATURES if f.name_in(dialect)]
        assert len(names) == len(set(names)) > 90, dialect


def test_lifex_names_carry_the_same_code() -> None:
    for feature in FEATURES:
        if feature.lifex_name:
            assert f"(IBSI:{feature.ibsi_code or 'No'})" in feature.lifex_name


def test_describe_speaks_a_dialect() -> None:
    entropy = FEATURES_BY_NAME["cm_joint_entr_3D_avg"]
    assert entropy.describe("lifex")["lifex name"] == "GLCM_JointEntropyLog2(IBSI:TU9B)"
    assert entropy.describe("pyradiomics")["pyradiomics name"] == "original_glcm_JointEntropy"
    assert entropy.describe()["IBSI code"] == "TU9B"
    with pytest.raises(ValueError, match="latin"):
        entropy.describe("latin")


@pytest.mark.reference
def test_codes_are_the_published_ones() -> None:
    path = reference_data("ibsi_reference_values") / "ibsi1_reference_values.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ibsi_code"]]
    for row in rows:
        feature = FEATURES_BY_NAME[row["tag"]]
        assert feature.ibsi_code == row["ibsi_code"]
        assert feature.ibsi_name == row["feature"]
        assert feature.aggregation_code == row["aggregation_code"]
    assert {row["tag"] for row in rows} == {
        name for name, feature in FEATURES_BY_NAME.items() if feature.ibsi_code
    }
