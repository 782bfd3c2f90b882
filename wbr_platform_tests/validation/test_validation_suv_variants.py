"""Variants of the default digital reference object, made here by the manual's formulas.

Each variant changes header fields of DRO_0_0 and gives its stored values the slope with which the
manual's formula, written out below, leads to the same SUVbw of 0.2, 1.0 and 4.0.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from wbr_platform.validation.suv import validate_suv
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference

WEIGHT, HEIGHT, DOSE, HALF_LIFE = 70.0, 1.75, 368.08e6, 6586.2
STORED_PER_SUV = DOSE * 2 ** (-3600 / HALF_LIFE) / (1000 * WEIGHT)  # 3600 Bq/mL
DECAY = math.log(2) / HALF_LIFE
MALE_JANMAHASATIAN = 9270 * WEIGHT / (6680 + 216 * WEIGHT / HEIGHT**2)
FEMALE_JANMAHASATIAN = 9270 * WEIGHT / (8780 + 244 * WEIGHT / HEIGHT**2)
FEMALE_JAMES = 1.07 * WEIGHT - 148 * (WEIGHT / (100 * HEIGHT)) ** 2
MALE_IDEAL = 48 + 1.06 * (100 * HEIGHT - 152)


def fields(**changes: Any) -> Callable[[Dataset, int], None]:
    """Set elements of the header by keyword."""

    def apply(header: Dataset, index: int) -> None:
        for keyword, value in changes.items():
            setattr(header, keyword, value)

    return apply


def philips_activity(header: Dataset, index: int) -> None:
    header.Units, header.Manufacturer = "CNTS", "Philips Medical Systems"
    header.add_new((0x7053, 0x1009), "DS", "0.25")


def ge_scan_time(header: Dataset, index: int) -> None:
    header.Manufacturer = "GE MEDICAL SYSTEMS"
    header.add_new((0x0009, 0x100D), "DT", "20250101110000.00")
    header.SeriesTime, header.AcquisitionTime = "113000.000000", "110230.000000"
    header.FrameReferenceTime = 1950000.0  # leads back to half an hour before


def none_of_two_beds(header: Dataset, index: int) -> None:
    header.DecayCorrection = "NONE"
    header.AcquisitionTime = "110000.000000" if index < 10 else "110500.000000"


def over_midnight(header: Dataset, index: int) -> None:
    tracer = header.RadiopharmaceuticalInformationSequence[0]
    tracer.RadiopharmaceuticalStartTime = "231500.000000"
    tracer.RadiopharmaceuticalStartDateTime = "20241231231500.000000"
    header.SeriesTime = header.AcquisitionTime = "001500.000000"


def over_midnight_without_date(header: Dataset, index: int) -> None:
    over_midnight(header, index)
    del header.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime


def no_half_life(header: Dataset, index: int) -> None:
    del header.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife


def _uncorrected(index: int) -> float:
    """Mean Bq/mL in the frame where one SUV would be DOSE / weight at administration."""
    start, x = (3600.0 if index < 10 else 3900.0), DECAY * 300
    at_administration = DOSE / (1000 * WEIGHT)
    return at_administration * math.exp(-DECAY * start) * (1 - math.exp(-x)) / x


# Name: what changes, and the rescaled value of one SUVbw in slice ``index``.
VARIANTS: dict[str, tuple[Callable[[Dataset, int], None], Callable[[int], float]]] = {
    "janmahasatian_male": (
        fields(Units="GML", SUVType="LBMJANMA", PatientSex="M"),
        lambda _: MALE_JANMAHASATIAN / WEIGHT,
    ),
    "janmahasatian_female_cm": (
        fields(Units="GML", SUVType="LBMJANMA", PatientSex="F", PatientSize=175),
        lambda _: FEMALE_JANMAHASATIAN / WEIGHT,
    ),
    "janmahasatian_other": (
        fields(Units="GML", SUVType="LBMJANMA"),
        lambda _: (MALE_JANMAHASATIAN + FEMALE_JANMAHASATIAN) / 2 / WEIGHT,
    ),
    "james_female": (
        fields(Units="GML", SUVType="LBMJAMES128", PatientSex="F"),
        lambda _: FEMALE_JAMES / WEIGHT,
    ),
    "ideal_male": (
        fields(Units="GML", SUVType="IBW", PatientSex="M"),
        lambda _: MALE_IDEAL / WEIGHT,
    ),
    "philips_activity": (philips_activity, lambda _: STORED_PER_SUV / 0.25),
    "ge_scan_time": (ge_scan_time, lambda _: STORED_PER_SUV),
    "decay_none": (none_of_two_beds, _uncorrected),
    "over_midnight": (over_midnight, lambda _: STORED_PER_SUV),
    "over_midnight_without_date": (over_midnight_without_date, lambda _: STORED_PER_SUV),
    "weight_in_grams": (fields(PatientWeight=70000), lambda _: STORED_PER_SUV),
    "half_life_missing": (no_half_life, lambda _: STORED_PER_SUV),
}


def test_every_variant_has_the_same_suv(tmp_path: Path) -> None:
    source = reference_data("suv_dro")
    with zipfile.ZipFile(source / "DRO_0_0.zip") as archive:
        archive.extractall(tmp_path / "default")
    images = [pydicom.dcmread(path) for path in sorted((tmp_path / "default").rglob("pet_*.dcm"))]
    assert len(images) == 20
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "DRO_mask.nii.gz").symlink_to(source / "DRO_mask.nii.gz")
    lines = ["id,suvbw_min,suvbw_median,suvbw_max"]
    for name, (change, value_of_one_suv) in VARIANTS.items():
        lines.append(f"{name},0.2,1.0,4.0")
        (objects / name).mkdir()
        for index, image in enumerate(images):
            changed = pydicom.dcmread(image.filename)
            change(changed, index)
            changed.RescaleSlope = f"{value_of_one_suv(index) / STORED_PER_SUV:.9g}"
            changed.save_as(objects / name / f"{index:03}.dcm")
    (objects / "expected_suv.csv").write_text("\n".join(lines) + "\n")
    report = validate_suv(objects)
    assert report.total == 3 * len(VARIANTS)
    assert [row for row in report.rows if not row.matched] == []
    branches = {row.case: row.note for row in report.rows}
    assert "ge_scan_time" in branches["ge_scan_time"]
    assert "frame_acquisition" in branches["decay_none"]
