"""Reading sequences of untrusted files: data sets, or none, never a surprise."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from wbr_platform.dicom.headers import PARSER_ERRORS


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; [] when it is absent, empty, unreadable or no sequence."""
    try:
        value = dataset.get(keyword)
        return list(value) if isinstance(value, Sequence) else []
    except PARSER_ERRORS:
        return []


def first_item(dataset: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence, or an empty data set."""
    found = items(dataset, keyword)
    return found[0] if found else Dataset()
