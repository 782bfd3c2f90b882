"""The SUV table that the README shows, from the validation's own rows.

python -m wbr_platform.validation.readme_table README.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from wbr_platform.validation.report import ValidationReport, ValidationRow
from wbr_platform.validation.suv import validate_suv

BEGIN, END = "<!-- suv table: begin -->", "<!-- suv table: end -->"
_OBJECT = re.compile(r"DRO_\d+_\d+")


def suv_table(report: ValidationReport) -> str:
    """A line for each digital reference object, one for each real series, one for refusals."""
    lines = [
        "| reference | expected | ours | |",
        "|---|---|---|---|",
        *(_line(case, rows) for case, rows in _by_case(report).items()),
    ]
    refused = [row for row in report.rows if row.quantity == "refused"]
    matched = sum(row.matched for row in refused)
    lines.append(
        f"| {len(refused)} series without a trustworthy SUV | refused, with the right reason "
        f"| {matched} of {len(refused)} | {_verdict(refused)} |"
    )
    return "\n".join(lines)


def _by_case(report: ValidationReport) -> dict[str, list[ValidationRow]]:
    cases: dict[str, list[ValidationRow]] = {}
    for row in report.rows:
        if row.quantity != "refused":
            cases.setdefault(row.case, []).append(row)
    return cases


def _line(case: str, rows: list[ValidationRow]) -> str:
    if _OBJECT.fullmatch(case):
        quantities = "SUVbw min, median, max: "
    else:
        quantities, rows = f"{rows[0].quantity}: ", rows[:1]
    expected = ", ".join(row.cells()[2] for row in rows)
    ours = ", ".join(row.cells()[3] for row in rows)
    return f"| {case} | {quantities}{expected} | {ours} | {_verdict(rows)} |"


def _verdict(rows: list[ValidationRow]) -> str:
    return "matched" if all(row.matched for row in rows) else "failed"


def with_table(page: str, table: str) -> str:
    """The page with the table between its marks; ValueError when it has no marks."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("the page has no marks for the SUV table")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    page = with_table(readme.read_text(encoding="utf-8"), suv_table(validate_suv(None)))
    readme.write_text(page, encoding="utf-8")
