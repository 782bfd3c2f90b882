"""Series that must not become SUV, each with its stable reason code."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.suv_headers import code, series


@pytest.mark.parametrize(
    ("fields", "reason_code"),
    [
        ({"PatientWeight": None}, "SUV_WEIGHT_MISSING"),
        ({"PatientWeight": 0}, "SUV_WEIGHT_MISSING"),
        ({"PatientWeight": -70}, "SUV_WEIGHT_ABSURD"),
        ({"PatientWeight": 700}, "SUV_WEIGHT_ABSURD"),
        ({"PatientWeight": 7e6}, "SUV_WEIGHT_ABSURD"),
        ({"RadionuclideTotalDose": None}, "SUV_DOSE_MISSING"),
        ({"RadionuclideTotalDose": 0}, "SUV_DOSE_MISSING"),
        ({"RadionuclideTotalDose": 1e15}, "SUV_DOSE_ABSURD"),
        ({"RadionuclideTotalDose": -3e8}, "SUV_DOSE_ABSURD"),
        ({"RadionuclideTotalDose": 0.368}, "SUV_DOSE_ABSURD"),
        ({"RadionuclideTotalDose": 368080.0}, "SUV_DOSE_ABSURD"),
        (
            {"RadionuclideHalfLife": None, "RadionuclideCodeSequence": None},
            "SUV_HALF_LIFE_MISSING",
        ),
        ({"RadionuclideHalfLife": 4062.6}, "SUV_NUCLIDE_CONTRADICTION"),
        ({"Units": None}, "SUV_UNITS_MISSING"),
        ({"Units": "CPS"}, "SUV_UNITS_UNSUPPORTED"),
        ({"Units": "PROPCNTS"}, "SUV_UNITS_UNSUPPORTED"),
        ({"Units": "PROPCPS"}, "SUV_UNITS_UNSUPPORTED"),
        ({"Units": "1CM"}, "SUV_UNITS_UNSUPPORTED"),
        ({"Units": "CNTS"}, "SUV_PHILIPS_FACTORS_MISSING"),
        ({"Units": "GML", "SUVType": "BSA"}, "SUV_TYPE_UNSUPPORTED"),
        ({"Units": "GML", "SUVType": "OTHER"}, "SUV_TYPE_UNSUPPORTED"),
        ({"Units": "CM2ML", "SUVType": "BW"}, "SUV_TYPE_UNSUPPORTED"),
        ({"Units": "GML", "SUVType": "LBMJANMA", "PatientSize": None}, "SUV_HEIGHT_MISSING"),
        ({"Units": "GML", "SUVType": "LBMJANMA", "PatientSize": 2.9}, "SUV_HEIGHT_ABSURD"),
        ({"Units": "GML", "SUVType": "LBMJANMA", "PatientSex": None}, "SUV_SEX_MISSING"),
        (
            {"Units": "GML", "SUVType": "LBM", "PatientWeight": 400, "PatientSize": 1.4},
            "SUV_BODY_SIZE_UNDEFINED",
        ),
        ({"CorrectedImage": ["NORM", "DECY"]}, "SUV_ATTENUATION_NOT_CORRECTED"),
        ({"CorrectedImage": None}, "SUV_ATTENUATION_NOT_CORRECTED"),
        (
            {"CorrectedImage": None, "AttenuationCorrectionMethod": "NONE, 0.0 cm-1,"},
            "SUV_ATTENUATION_NOT_CORRECTED",
        ),
        ({"CorrectedImage": ["NORM", "ATTN"]}, "SUV_DECAY_NOT_CORRECTED"),
        ({"DecayCorrection": None}, "SUV_DECAY_CORRECTION_MISSING"),
        ({"DecayCorrection": "MAYBE"}, "SUV_DECAY_CORRECTION_UNSUPPORTED"),
        ({"DecayCorrection": "NONE", "ActualFrameDuration": None}, "SUV_FRAME_DURATION_MISSING"),
        ({"DecayCorrection": "NONE", "AcquisitionTime": None}, "SUV_SCAN_TIME_MISSING"),
        ({"SeriesTime": None, "AcquisitionTime": None}, "SUV_SCAN_TIME_MISSING"),
        (
            {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": None},
            "SUV_INJECTION_TIME_MISSING",
        ),
        (
            {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "nonsense"},
            "SUV_INJECTION_TIME_MISSING",
        ),
        (
            {
                "RadiopharmaceuticalStartTime": None,
                "RadiopharmaceuticalStartDateTime": "19000101000000",
            },
            "SUV_UPTAKE_TIME_TOO_LONG",
        ),
        (
            {
                "RadiopharmaceuticalStartTime": "111000",
                "RadiopharmaceuticalStartDateTime": "20250101111000",
            },
            "SUV_UPTAKE_TIME_NEGATIVE",
        ),
        (
            {
                "RadiopharmaceuticalStartTime": "111000",
                "RadiopharmaceuticalStartDateTime": None,
            },
            "SUV_UPTAKE_TIME_NEGATIVE",
        ),
        (
            {
                "RadiopharmaceuticalStartTime": "180000",
                "RadiopharmaceuticalStartDateTime": "20241231180000",
            },
            "SUV_UPTAKE_TIME_TOO_LONG",
        ),
        (
            # With a half-life of half a day, yesterday and today are both possible.
            {
                "RadionuclideCodeSequence": [code("C-127A2", "^64^Copper")],
                "RadionuclideHalfLife": 45724.0,
                "RadiopharmaceuticalStartTime": "120000",
                "RadiopharmaceuticalStartDateTime": "20250101120000",
            },
            "SUV_UPTAKE_TIME_NEGATIVE",
        ),
    ],
)
def test_refused(fields: dict[str, Any], reason_code: str) -> None:
    with pytest.raises(Refusal) as refused:
        suv_conversion(series(**fields))
    assert refused.value.reason_code == reason_code
    assert refused.value.message


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Units", "GML"),
        ("DecayCorrection", "ADMIN"),
        ("PatientWeight", 71.0),
        ("PatientSize", 1.8),
        ("PatientSex", "F"),
        ("SeriesTime", "105900"),
        ("CorrectedImage", ["ATTN", "DECY"]),
    ],
)
def test_an_attribute_of_the_series_must_not_vary(keyword: str, value: Any) -> None:
    headers = series(3)
    setattr(headers[1], keyword, value)
    with pytest.raises(Refusal, match="SUV_ATTRIBUTE_VARIES"):
        suv_conversion(headers)
    delattr(headers[1], keyword)
    with pytest.raises(Refusal, match="SUV_ATTRIBUTE_VARIES"):
        suv_conversion(headers)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RadionuclideTotalDose", 3.7e8),
        ("RadionuclideHalfLife", 6588.0),
        ("RadiopharmaceuticalStartTime", "095900"),
        ("RadiopharmaceuticalStartDateTime", "20250101095900"),
        ("RadionuclideCodeSequence", [code("C-131A3", "^68^Gallium")]),
    ],
)
def test_the_administration_must_not_vary(keyword: str, value: Any) -> None:
    headers = series(3)
    setattr(headers[2].RadiopharmaceuticalInformationSequence[0], keyword, value)
    with pytest.raises(Refusal, match="SUV_ATTRIBUTE_VARIES"):
        suv_conversion(headers)


def test_two_administrations_are_refused() -> None:
    headers = series(2)
    for header in headers:
        header.RadiopharmaceuticalInformationSequence.append(Dataset())
    with pytest.raises(Refusal, match="SUV_SEVERAL_RADIOPHARMACEUTICALS"):
        suv_conversion(headers)


def test_frames_that_contradict_one_another_are_not_averaged() -> None:
    headers = series(2, SeriesTime="113000")
    headers[1].FrameReferenceTime = 450000.0
    with pytest.raises(Refusal, match="SUV_DECAY_REFERENCE_UNCLEAR"):
        suv_conversion(headers)


def test_uncorrected_frames_days_apart_are_refused() -> None:
    headers = series(2, DecayCorrection="NONE")
    headers[1].AcquisitionDate = "20250109"
    with pytest.raises(Refusal, match="SUV_UPTAKE_TIME_TOO_LONG"):
        suv_conversion(headers)


def test_nothing_to_convert() -> None:
    with pytest.raises(Refusal, match="SUV_NO_IMAGES"):
        suv_conversion([])
