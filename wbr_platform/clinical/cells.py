"""Cells of a clinical table as values of their column."""

from __future__ import annotations

import re

from wbr_platform.clinical.schema import (
    FALSE_WORDS,
    LONGEST_TEXT,
    MISSING_WORDS,
    TRUE_WORDS,
    ClinicalColumn,
)

Value = str | float | bool | None

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_DATE = re.compile(
    r"(19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d([T ].*)?|[0-3]?\d[-/.][0-3]?\d[-/.]((19|20)\d\d|\d\d)"
)


class BadCell(ValueError):
    """A cell that its column does not accept: what is wrong, what to do."""

    def __init__(self, problem: str, action: str) -> None:
        self.problem = problem
        self.action = action
        super().__init__(problem)


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.lower() in MISSING_WORDS


def looks_like_date(text: str) -> bool:
    """Whether a cell holds a calendar date (with or without a time)."""
    return _DATE.fullmatch(text) is not None


def parse_cell(text: str, column: ClinicalColumn) -> Value:
    """The value of a cell, None when it is missing; raises BadCell."""
    if is_missing(text):
        return None
    match column.kind:
        case "number":
            return _number(text, column)
        case "flag":
            return _flag(text, column)
        case "choice":
            if text.lower() not in column.choices:
                raise BadCell("not an accepted value", f"give {column.accepted}")
            return column.choices[text.lower()]
        case "text":
            if len(text) > LONGEST_TEXT:
                raise BadCell("too long", f"give {column.accepted}")
            return text


def _number(text: str, column: ClinicalColumn) -> float:
    if not _NUMBER.fullmatch(text):
        raise BadCell("not a number", f"give {column.accepted}, without its unit")
    value = float(text.replace(",", "."))
    low, high = column.minimum, column.maximum
    if low is not None and value < low:
        problem = "negative" if low == 0 else f"below {low:g} {column.unit}"
        raise BadCell(problem, f"give {column.accepted}{_hint(column)}")
    if high is not None and value > high:
        raise BadCell(f"above {high:g} {column.unit}", f"give {column.accepted}{_hint(column)}")
    return value


def _hint(column: ClinicalColumn) -> str:
    return f" ({column.hint})" if column.hint else ""


def _flag(text: str, column: ClinicalColumn) -> bool:
    word = text.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise BadCell("neither yes nor no", f"give {column.accepted}")
