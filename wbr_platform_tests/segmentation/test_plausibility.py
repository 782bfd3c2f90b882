"""Mistakes are found, patients are not called mistakes."""

from __future__ import annotations

import polars as pl

from wbr_platform.segmentation.plausibility import implausible_liver_uptake, implausible_volumes


def test_volumes_outside_human_limits_are_named() -> None:
    regions = pl.DataFrame(
        {
            "study_key": ["s1", "s2", "s3", "s4", "s5"],
            "organ": ["liver", "liver", "liver", "spleen", "left_ear"],
            "volume_ml": [1500.0, 90.0, 90.0, 9000.0, 1.0],
            "touches_border": [False, False, True, True, False],
        }
    )
    assert implausible_volumes(regions)["study_key"].to_list() == ["s2", "s4"]


def test_a_liver_without_a_value_counts_as_implausible() -> None:
    livers = pl.DataFrame({"study_key": ["s1", "s2", "s3"], "value": [2.2, 14.0, None]})
    assert implausible_liver_uptake(livers)["study_key"].to_list() == ["s2", "s3"]
