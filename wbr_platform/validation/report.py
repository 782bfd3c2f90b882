"""What a comparison with an independent reference found: one row a value."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

Value = float | str | None


@dataclass(frozen=True)
class ValidationRow:
    """One compared value; ``reference`` and ``ours`` are numbers, or texts such as reason codes.

    ``tolerance`` is absolute in ``unit``, or relative to the reference where ``relative``; None for
    texts. ``note`` says what a reader has to know, a reason why there is no value above all.
    """

    case: str
    quantity: str
    reference: Value
    ours: Value
    tolerance: float | None
    unit: str
    matched: bool
    note: str = ""
    relative: bool = False

    @property
    def verdict(self) -> str:
        """ "matched" or "failed"."""
        return "matched" if self.matched else "failed"

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Case, quantity, reference, ours, tolerance and verdict as text."""
        unit = f" {self.unit}" if self.unit not in ("", "1") else ""
        quantity = f"{self.quantity}{unit and f' ({self.unit})'}"
        tolerance = "" if self.tolerance is None else f"{self.tolerance:.4g}"
        if tolerance:
            tolerance += " relative" if self.relative else ""
        return (
            self.case,
            quantity,
            _show(self.reference),
            _show(self.ours),
            tolerance,
            self.verdict,
        )


def compared(
    case: str,
    quantity: str,
    reference: float,
    ours: float | None,
    tolerance: float,
    unit: str = "1",
    *,
    relative: bool = False,
    note: str = "",
) -> ValidationRow:
    """The row of two numbers, matched when they differ by no more than the tolerance.

    The last digits of binary floating point are forgiven (1e-12 of the reference): a difference
    that equals the tolerance in decimals is within it.
    """
    matched = ours is not None and math.isfinite(ours)
    if ours is not None and matched:
        allowed = tolerance * abs(reference) if relative else tolerance
        matched = abs(ours - reference) <= allowed + 1e-12 * abs(reference)
    return ValidationRow(
        case, quantity, reference, ours, tolerance, unit, matched, note, relative=relative
    )


def compared_text(
    case: str, quantity: str, reference: str, ours: str, note: str = ""
) -> ValidationRow:
    """The row of two texts, matched when they are equal."""
    return ValidationRow(case, quantity, reference, ours, None, "", reference == ours, note)


def failed(case: str, quantity: str, note: str, reference: Value = None) -> ValidationRow:
    """The row of something that could not be compared: it counts, as failed."""
    return ValidationRow(case, quantity, reference, None, None, "", False, note)


@dataclass(frozen=True)
class ValidationReport:
    """All rows of one comparison."""

    name: str
    rows: tuple[ValidationRow, ...] = field(default=())

    @property
    def matched(self) -> int:
        """Rows within their tolerance."""
        return sum(row.matched for row in self.rows)

    @property
    def total(self) -> int:
        """All rows."""
        return len(self.rows)

    def to_json(self) -> str:
        """{"name", "matched", "total", "rows"}; a row has its fields and the verdict."""
        rows = [
            {
                "case": row.case,
                "quantity": row.quantity,
                "reference": _finite(row.reference),
                "ours": _finite(row.ours),
                "tolerance": row.tolerance,
                "tolerance_kind": "relative" if row.relative else "absolute",
                "unit": row.unit,
                "verdict": row.verdict,
                "note": row.note,
            }
            for row in self.rows
        ]
        counts = {"name": self.name, "matched": self.matched, "total": self.total}
        return json.dumps({**counts, "rows": rows}, indent=1, ensure_ascii=False, allow_nan=False)

    def to_markdown(self) -> str:
        """The rows as a table, the counts above it."""
        lines = [
            f"{self.matched} of {self.total} matched.",
            "",
            "| case | quantity | reference | ours | tolerance | verdict | note |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in (*row.cells(), row.note)) + " |"
            for row in self.rows
        ]
        return "\n".join(lines) + "\n"


def _finite(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(value: Value) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.8g}"
