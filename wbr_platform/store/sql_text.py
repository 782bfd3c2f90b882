"""Names and values written into SQL, so that none can become code."""

from __future__ import annotations

from wbr_platform.refusal import Refusal

Scalar = str | int | float | bool | None


def identifier(name: str) -> str:
    """A quoted identifier."""
    if "\x00" in name or not name:
        raise Refusal("SQL_NAME_INVALID", "a name in SQL may not be empty or hold a zero byte")
    return '"' + name.replace('"', '""') + '"'


def literal(value: Scalar) -> str:
    """A value as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return repr(value)
    if "\x00" in value:
        raise Refusal("SQL_VALUE_INVALID", "a text in SQL may not hold a zero byte")
    return "'" + value.replace("'", "''") + "'"


def relation(schema: str, name: str) -> str:
    """A quoted ``schema.name``."""
    return f"{identifier(schema)}.{identifier(name)}"
