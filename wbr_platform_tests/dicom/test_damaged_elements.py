"""Whatever stands in an element: a result or a Refusal, never another exception."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from wbr_platform.dicom.rtstruct import read_rtstruct, write_rtstruct
from wbr_platform.dicom.seg import read_seg, write_seg
from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.image_headers import headers_on, uids_of
from wbr_platform_tests.dicom.suv_headers import GE, PHILIPS, add_private, series

GRID = Geometry((4, 6, 7), (3.0, 4.0, 2.5))
GARBAGE: list[tuple[str, object]] = [
    ("LO", ""),
    ("LO", "nonsense"),
    ("LO", "1e400"),
    ("LO", "-1"),
    ("LO", "99999999999"),
    ("FD", [1e300, -1e300, 1e300]),
    ("LO", ["1", "x", "3"]),
    ("UN", b"\xff\xfe\x00garbage"),
    ("SQ", Sequence([])),
    ("SQ", Sequence([Dataset()])),
    ("FD", float("nan")),
    ("FD", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
]


def labelmap() -> LabelMap:
    array = np.zeros(GRID.shape, dtype=np.uint8)
    array[1:3, 1:5, 2:6] = 1
    return LabelMap(array, GRID, {1: "liver"})


def _convert(dataset: Dataset) -> None:
    suv_conversion([dataset, copy.deepcopy(dataset)])


def _read_seg(dataset: Dataset) -> None:
    read_seg(dataset, GRID, uids_of(headers_on(GRID)))


def _read_rtstruct(dataset: Dataset) -> None:
    read_rtstruct(dataset, GRID, uids_of(headers_on(GRID)))


def _pet(units: str) -> Dataset:
    headers = add_private(series(1, Units=units, DecayCorrection="START"), 0x9, GE, 0xD, "LO", "11")
    return add_private(headers, 0x7053, PHILIPS, 0x09, "DS", "1.5")[0]


def elements(dataset: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element, those of nested items too, with the data set that holds it."""
    for element in dataset:
        yield dataset, element
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from elements(item)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("make", "read"),
    [
        (lambda: _pet("BQML"), _convert),
        (lambda: _pet("CNTS"), _convert),
        (lambda: write_seg(labelmap(), headers_on(GRID)), _read_seg),
        (lambda: write_seg(labelmap(), headers_on(GRID), segmentation_type="LABELMAP"), _read_seg),
        (lambda: write_rtstruct(labelmap(), headers_on(GRID)), _read_rtstruct),
    ],
    ids=["BQML", "CNTS", "SEG", "SEG label map", "RTSTRUCT"],
)
def test_one_or_two_damaged_elements(
    make: Callable[[], Dataset], read: Callable[[Dataset], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "writing_validation_mode", config.IGNORE)
    sound = make()
    read(sound)
    count, generator, outcomes = len(list(elements(sound))), random.Random(20250102), set()
    for trial in range(max(400, count)):
        dataset = copy.deepcopy(sound)
        for number in {trial % count, *generator.sample(range(count), trial % 2)}:
            left = list(elements(dataset))  # damage may have taken elements away
            holder, element = left[number % len(left)]
            vr, value = generator.choice(GARBAGE)
            holder._dict[element.tag] = DataElement(element.tag, vr, value, already_converted=True)
        try:
            read(dataset)
        except Refusal as refusal:
            outcomes.add(refusal.reason_code)
        else:
            outcomes.add("read")
    assert "read" in outcomes
    assert len(outcomes) > 2
