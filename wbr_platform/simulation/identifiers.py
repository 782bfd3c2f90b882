"""Identifiers that are always the same for the same design."""

from __future__ import annotations

import hashlib


def unique_identifier(*parts: object) -> str:
    """A DICOM UID under 2.25 (a UUID as one number) made from the parts."""
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def administrative_number(digits: int, *parts: object) -> str:
    """A number of so many digits, as accession numbers and study ids are."""
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return str(int.from_bytes(digest[:8], "big") % 10**digits).zfill(digits)
