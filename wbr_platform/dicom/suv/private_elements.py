"""The four private elements that SUV needs, whoever wrote or rewrote the file.

An element is found through its private creator; where de-identification removed the creator
(or a test object never had one), at the block that the vendor always uses.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from wbr_platform.dicom.headers import PARSER_ERRORS

USUAL_BLOCK = 0x10


@dataclass(frozen=True)
class PrivateElement:
    """Group, element within the block, and who reserves the block."""

    group: int
    offset: int
    creator: str


GE_SCAN_TIME = PrivateElement(0x0009, 0x0D, "GEMS_PETD_01")
SIEMENS_DECAY_TIME = PrivateElement(0x0071, 0x22, "SIEMENS MED PT")
PHILIPS_SUV_FACTOR = PrivateElement(0x7053, 0x00, "Philips PET Private Group")
PHILIPS_ACTIVITY_FACTOR = PrivateElement(0x7053, 0x09, "Philips PET Private Group")


def private_text(header: Dataset, element: PrivateElement) -> str:
    """The element's value as text; "" when absent or unreadable."""
    tags = header.keys()  # iterating over the data set itself would parse every element
    elements = [tag.element for tag in tags if tag.group == element.group]
    creators = {e: _text(header, element.group, e).upper() for e in elements if 0x10 <= e <= 0xFF}
    blocks = [block for block, creator in creators.items() if creator == element.creator.upper()]
    if USUAL_BLOCK not in creators:
        blocks.append(USUAL_BLOCK)
    for block in blocks:
        found = _text(header, element.group, (block << 8) | element.offset)
        if found:
            return found
    return ""


def private_number(header: Dataset, element: PrivateElement) -> float | None:
    """The element's value as a positive number; None when it is none."""
    try:
        value = float(private_text(header, element))
    except ValueError:
        return None
    return value if 0.0 < value < float("inf") else None


def _text(header: Dataset, group: int, element: int) -> str:
    if (group, element) not in header:
        return ""
    try:
        value = header[group, element].value
    except PARSER_ERRORS:
        return ""
    if isinstance(value, bytes):  # implicit VR without a dictionary entry reads as UN
        value = value.decode("ascii", errors="replace")
    return str(value).strip().strip("\0").strip()
