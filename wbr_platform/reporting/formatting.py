"""Numbers as people read them; what is missing is never printed as a number."""

from __future__ import annotations

import math
from typing import Any

NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"


def is_missing(value: Any) -> bool:
    """None and NaN; an infinite number is as little a measurement as none."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without exponent for everyday sizes.

    Whole digits are never rounded away: 1234.5 is 1235 (shown 1 235), not 1230.
    """
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    decimals = max(0, digits - 1 - size)
    text = f"{value:,.{decimals}f}".replace(",", NO_BREAK_SPACE)
    return text.replace("-", MINUS)


def plain_number(value: float, digits: int = 3) -> str:
    """As :func:`number`, but a whole number (a count, an age, a tick) has no decimals."""
    if abs(value) < 1e7 and float(value).is_integer():
        return f"{value:,.0f}".replace(",", NO_BREAK_SPACE).replace("-", MINUS)
    return number(value, digits)


def quantity(value: float, unit: str | None, digits: int = 3) -> str:
    """A number with its unit; the unit 1 and percent signs need no words."""
    if not unit or unit == "1":
        return number(value, digits)
    return f"{number(value, digits)}{NO_BREAK_SPACE}{unit}"


def p_value(value: float) -> str:
    """A p-value: three decimals, or "< 0.001"."""
    return "<\u00a00.001" if value < 0.001 else f"{value:.3f}"


def text_of(value: Any, digits: int = 3) -> str:
    """Any table value as text: truth values as yes and no, numbers by :func:`plain_number`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return plain_number(value, digits)
    if isinstance(value, int):
        return f"{value:,}".replace(",", NO_BREAK_SPACE)
    return str(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``3 lesions``, ``1 lesion``."""
    word = one if count == 1 else (many or one + "s")
    return f"{text_of(count)}{NO_BREAK_SPACE}{word}"


def share(count: int, total: int) -> str:
    """``12 (50 %)``; a total of zero has no share."""
    if total == 0:
        return text_of(count)
    return f"{text_of(count)} ({100 * count / total:.0f}{NO_BREAK_SPACE}%)"
