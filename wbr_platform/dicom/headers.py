"""Reading single header fields of untrusted files: a value, or nothing, never a surprise."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

# Everything that pydicom 3 was seen to raise on malformed files (fuzzing corpora and files from
# bug reports), none of which is a reason to stop the caller's work on the other files.
PARSER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def text(header: Dataset, keyword: str) -> str:
    """A field as stripped text; the first of several values; "" when absent or unreadable."""
    values = texts(header, keyword)
    return values[0] if values else ""


def texts(header: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of a field as stripped text; () when absent, empty or unreadable."""
    try:
        value = header.get(keyword)
        if value is None:
            return ()
        many = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
        stripped = tuple(str(one).strip().strip("\0") for one in many)
    except PARSER_ERRORS:
        return ()
    return stripped if any(stripped) else ()


def numbers(header: Dataset, keyword: str, count: int) -> NDArray[np.float64] | None:
    """Exactly ``count`` finite numbers, or None when absent, unreadable or of another length."""
    try:
        value = header.get(keyword)
        if value is None:
            return None
        array = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel()
    except PARSER_ERRORS:
        return None
    if array.size != count or not np.isfinite(array).all():
        return None
    return array


def number(header: Dataset, keyword: str) -> float | None:
    """One finite number, or None."""
    values = numbers(header, keyword, 1)
    return None if values is None else float(values[0])


def whole(header: Dataset, keyword: str) -> int | None:
    """One whole number, or None."""
    value = number(header, keyword)
    return None if value is None or value != int(value) else int(value)
