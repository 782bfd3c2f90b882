"""Header vectors of real scanners with the factor that another implementation derived."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.refusal import Refusal
from wbr_platform.validation.report import ValidationRow, compared, failed

FOLDER = "suv_header_vectors"
EXPECTED = "expected_suvbw_factor.json"
TOLERANCE = 1e-6
_OF_TRACER = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)
_PRIVATE = {"SUVScaleFactor": 0x00, "ActivityConcentrationScaleFactor": 0x09}


def rows(folder: Path) -> list[ValidationRow]:
    """The factor of the first instance of every vector."""
    if not (folder / EXPECTED).is_file():
        return [failed(FOLDER, "SUVbw factor", f"{EXPECTED} is absent")]
    expected: dict[str, float] = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    present = {path.stem for path in folder.glob("*.json")} - {Path(EXPECTED).stem}
    found = []
    for name in sorted(expected.keys() | present):
        if name not in present or name not in expected:
            note = "listed, but absent" if name in expected else "present, but not listed"
            found.append(failed(name, "SUVbw factor", note, expected.get(name)))
            continue
        instances = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        try:
            conversion = suv_conversion([header_of(instance) for instance in instances])
        except Refusal as refusal:
            found.append(failed(name, "SUVbw factor", str(refusal), expected[name]))
            continue
        note = ", ".join((conversion.decay_reference, *conversion.flags))
        found.append(
            compared(
                name,
                "SUVbw factor",
                expected[name],
                float(conversion.factors[0]),
                TOLERANCE,
                "g/mL per unit",
                relative=True,
                note=note,
            )
        )
    return found


def header_of(fields: dict[str, Any]) -> Dataset:
    """A PET header of the flat fields of a vector."""
    header, tracer = Dataset(), Dataset()
    for keyword, value in fields.items():
        if keyword in _OF_TRACER:
            setattr(tracer, keyword, value)
        elif keyword != "PhilipsPETPrivateGroup":
            setattr(header, keyword, value)
    header.RadiopharmaceuticalInformationSequence = [tracer]
    private = fields.get("PhilipsPETPrivateGroup") or {}
    if private:
        block = header.private_block(0x7053, "Philips PET Private Group", create=True)
        for name, element in _PRIVATE.items():
            if name in private:
                block.add_new(element, "DS", str(private[name]).strip())
    return header
