"""Numbers and codes in words."""

from __future__ import annotations

import pytest

from wbr_platform.reporting.formatting import number, p_value, plain_number, quantity, share
from wbr_platform.reporting.strings import (
    algorithm_name,
    biomarker_name,
    flags_in_words,
    reason_in_words,
)
from wbr_platform.reporting.tables import number_cell, text_cell


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (12.0, "12.0"),
        (12.34, "12.3"),
        (0.012345, "0.0123"),
        (1234.5, "1\u00a0234"),
        (-3.14159, "\u22123.14"),
        (1.5e-7, "1.50e\u22127"),
        (3.2e12, "3.20e12"),
        (99.99, "100.0"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, expected: str) -> None:
    assert number(value) == expected


def test_counts_have_no_decimals() -> None:
    assert plain_number(12.0) == "12"
    assert plain_number(-1000.0) == "\u22121\u00a0000"
    assert plain_number(12.34) == "12.3"


def test_units_p_values_and_shares() -> None:
    assert quantity(12.34, "mL") == "12.3\u00a0mL"
    assert quantity(0.5, "1") == "0.500"
    assert p_value(0.0001) == "<\u00a00.001"
    assert p_value(0.0423) == "0.042"
    assert share(3, 12) == "3 (25\u00a0%)"
    assert share(0, 0) == "0"


def test_codes_without_a_phrase_are_spelt_out() -> None:
    assert reason_in_words("SOME_NEW_CODE") == "some new code"
    assert reason_in_words("NO_CT") == "no CT in this export"
    assert reason_in_words(None) == "no reason was recorded"
    assert flags_in_words("DOSE_MBQ_TO_BQ, NEW_FLAG") == "dose was given in MBq, new flag"
    assert algorithm_name("my_method") == "my_method"
    assert biomarker_name("spleen_suv_mean") == "Spleen: SUVmean of the healthy part"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_missing_numbers_carry_their_reason(value: float | None) -> None:
    cell = number_cell(value, "HEIGHT_UNKNOWN")
    assert (cell.kind, cell.text, cell.code) == (
        "missing",
        "the height is not known",
        "HEIGHT_UNKNOWN",
    )
    assert text_cell(value).kind == "missing"
