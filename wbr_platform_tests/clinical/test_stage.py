"""Stages as numbers."""

from __future__ import annotations

import pytest

from wbr_platform.clinical.stage import stage_number


@pytest.mark.parametrize(
    ("stage", "number"),
    [("I", 1), ("iia", 2), ("IIIb", 3), ("Stage IV", 4), ("stade 3", 3), ("4", 4), ("IA2", 1)],
)
def test_stages(stage: str, number: int) -> None:
    assert stage_number(stage) == number


@pytest.mark.parametrize("text", [None, "", "limited", "V", "5", "IIII", "T2N0M0", "0"])
def test_anything_else_has_no_number(text: str | None) -> None:
    assert stage_number(text) is None
