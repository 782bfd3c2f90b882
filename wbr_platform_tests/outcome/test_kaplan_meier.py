"""Kaplan-Meier curves and numbers at risk, by hand."""

from __future__ import annotations

import polars as pl
import pytest

from wbr_platform.outcome.kaplan_meier import kaplan_meier, numbers_at_risk

PATIENTS = pl.DataFrame(
    {
        "days": [10.0, 20.0, 20.0, 30.0, 40.0, None],
        "death": [True, True, False, True, False, True],
        "stage": ["I", "I", "I", "II", "II", "II"],
    }
)


def test_by_hand() -> None:
    curve = kaplan_meier(PATIENTS, "days", "death")
    assert curve["group"].unique().to_list() == ["all"]
    assert curve["time"].to_list() == [0, 10, 20, 30, 40]
    assert curve["at_risk"].to_list() == [5, 5, 4, 2, 1]
    assert curve["events"].to_list() == [0, 1, 1, 1, 0]
    assert curve["censored"].to_list() == [0, 0, 1, 0, 1]
    assert curve["survival"].to_list() == pytest.approx([1, 0.8, 0.6, 0.3, 0.3])


def test_groups_are_apart() -> None:
    curves = kaplan_meier(PATIENTS, "days", "death", "stage")
    assert curves["group"].unique(maintain_order=True).to_list() == ["I", "II"]
    assert curves.filter(group="II")["at_risk"].to_list() == [2, 2, 1]


def test_numbers_at_risk() -> None:
    curves = kaplan_meier(PATIENTS, "days", "death")
    table = numbers_at_risk(curves, [0, 10, 15, 20, 40, 41])
    assert table["at_risk"].to_list() == [5, 5, 4, 4, 1, 0]


def test_nobody() -> None:
    curves = kaplan_meier(PATIENTS.clear(), "days", "death")
    assert curves.is_empty()
    assert numbers_at_risk(curves, [0]).is_empty()
