"""PET headers in the manner of the IBSI-SUV default digital reference object, to be changed.

70 kg, 1.75 m, sex O, 368.08 MBq of F-18 at 10:00, START-corrected to 11:00 on one bed of 5 min.
"""

from __future__ import annotations

import copy
from typing import Any

from pydicom.dataset import Dataset, PrivateBlock

HALF_LIFE = 6586.2
WEIGHT = 70.0
HEIGHT = 1.75
DOSE = 368.08e6
GE, SIEMENS, PHILIPS = "GEMS_PETD_01", "SIEMENS MED PT", "Philips PET Private Group"
_OF_TRACER = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
    "Radiopharmaceutical",
    "RadionuclideCodeSequence",
    "RadiopharmaceuticalCodeSequence",
)


def code(value: str, meaning: str, scheme: str = "SRT") -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = value, meaning, scheme
    return item


def default_header() -> Dataset:
    """One image's header, without pixels."""
    header, tracer = Dataset(), Dataset()
    header.Modality = "PT"
    header.Units, header.DecayCorrection = "BQML", "START"
    header.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    header.SeriesDate = header.AcquisitionDate = header.StudyDate = "20250101"
    header.SeriesTime = header.AcquisitionTime = "110000.000000"
    header.ActualFrameDuration = 300000
    header.FrameReferenceTime = 150000.0
    header.PatientSex, header.PatientWeight, header.PatientSize = "O", WEIGHT, HEIGHT
    tracer.RadiopharmaceuticalStartTime = "100000.000000"
    tracer.RadiopharmaceuticalStartDateTime = "20250101100000.000000"
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = DOSE, HALF_LIFE
    tracer.RadionuclideCodeSequence = [code("C-111A1", "^18^Fluorine")]
    header.RadiopharmaceuticalInformationSequence = [tracer]
    return header


def change(header: Dataset, **fields: Any) -> Dataset:
    """Set fields by keyword in the header or in its radiopharmaceutical; None removes them."""
    for keyword, value in fields.items():
        target = (
            header.RadiopharmaceuticalInformationSequence[0] if keyword in _OF_TRACER else header
        )
        if value is None:
            if keyword in target:
                delattr(target, keyword)
        else:
            setattr(target, keyword, value)
    return header


def series(slices: int = 3, **fields: Any) -> list[Dataset]:
    """A series of equal headers with the given changes."""
    header = change(default_header(), **fields)
    return [copy.deepcopy(header) for _ in range(slices)]


def add_private(
    headers: list[Dataset], group: int, creator: str, offset: int, vr: str, value: Any
) -> list[Dataset]:
    """A private element, with its creator, in every header."""
    for header in headers:
        block: PrivateBlock = header.private_block(group, creator, create=True)
        block.add_new(offset, vr, value)
    return headers
