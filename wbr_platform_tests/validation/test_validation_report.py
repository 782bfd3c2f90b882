"""What a report says, and that a difference at the tolerance is decided as in decimals."""

from __future__ import annotations

import json

import pytest

from wbr_platform.validation.report import (
    ValidationReport,
    compared,
    compared_text,
    failed,
)


@pytest.mark.parametrize(
    ("reference", "ours", "tolerance", "relative", "matched"),
    [
        (4.0, 3.98, 0.02, False, True),  # 4.0 - 3.98 is above 0.02 in binary
        (4.0, 3.9799, 0.02, False, False),
        (0.0, 0.0, 0.0, False, True),
        (200.0, 201.9, 0.01, True, True),
        (200.0, 202.1, 0.01, True, False),
        (1.0, float("nan"), 10.0, False, False),
        (1.0, float("inf"), float("inf"), False, False),
        (1.0, None, 10.0, False, False),
    ],
)
def test_tolerance(
    reference: float, ours: float | None, tolerance: float, relative: bool, matched: bool
) -> None:
    row = compared("case", "quantity", reference, ours, tolerance, relative=relative)
    assert row.matched is matched
    assert row.verdict == ("matched" if matched else "failed")


def test_counts_json_and_markdown() -> None:
    report = ValidationReport(
        "example",
        (
            compared("A", "mean", 1.0, 1.001, 0.01, "g/mL"),
            compared("B", "mean", 1.0, float("nan"), 0.01, note="x | y"),
            compared_text("C", "refused", "CODE", "CODE"),
            failed("D", "mean", "absent", 2.0),
        ),
    )
    assert (report.matched, report.total) == (2, 4)
    read = json.loads(report.to_json())
    assert (read["name"], read["matched"], read["total"]) == ("example", 2, 4)
    assert [row["verdict"] for row in read["rows"]] == ["matched", "failed", "matched", "failed"]
    assert read["rows"][0]["reference"] == 1.0
    assert read["rows"][0]["ours"] == 1.001
    assert read["rows"][0]["tolerance"] == 0.01
    assert read["rows"][1]["ours"] is None
    lines = report.to_markdown().splitlines()
    assert lines[0] == "2 of 4 matched."
    assert lines[4].startswith("| A | mean (g/mL) | 1 | 1.001 | 0.01 | matched |")
    assert "x \\| y" in lines[5]


def test_an_empty_report_has_nothing_matched() -> None:
    assert (ValidationReport("none").matched, ValidationReport("none").total) == (0, 0)
