"""What is wrong with a cell of the clinical table, said so that its owner can repair it."""

from __future__ import annotations

from dataclasses import dataclass

from wbr_platform.clinical.schema import PATIENT_ID

_LONGEST_QUOTATION = 20


@dataclass(frozen=True)
class RowError:
    """One problem: ``row`` as the spreadsheet numbers it (1 is the header) and ``column``.

    ``value_summary`` quotes a short value of a typed column and is empty otherwise, so that no
    identity and no free text ends up in a message.
    """

    row: int
    column: str
    value_summary: str
    problem: str
    action: str

    def __str__(self) -> str:
        quoted = f" ({self.value_summary})" if self.value_summary else ""
        return f"row {self.row}, {self.column}{quoted}: {self.problem}; {self.action}"


def summarise(column: str, value: str, typed: bool) -> str:
    """A value for an error message, or nothing where it may say too much."""
    if column == PATIENT_ID or not typed or len(value) > _LONGEST_QUOTATION:
        return ""
    return f"{value!r}"
