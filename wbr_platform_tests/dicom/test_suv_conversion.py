"""SUV factors of header variants against the formulas of the IBSI manual, computed here by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from wbr_platform.dicom.suv import suv_conversion
from wbr_platform_tests.dicom.suv_headers import (
    DOSE,
    GE,
    HALF_LIFE,
    PHILIPS,
    SIEMENS,
    WEIGHT,
    add_private,
    change,
    code,
    default_header,
    series,
)
from wbr_platform_tests.reference_data import reference_data

HOUR = 3600.0
LAMBDA = math.log(2) / HALF_LIFE


def expected(elapsed_s: float, weight_kg: float = WEIGHT, dose_bq: float = DOSE) -> float:
    """The manual's SUVbw of 1 Bq/mL, elapsed seconds after the injection."""
    return weight_kg * 1000 / (dose_bq * math.exp(-LAMBDA * elapsed_s))


def check(headers: list[Dataset], factor: float, branch: str, *flags: str) -> None:
    conversion = suv_conversion(headers)
    np.testing.assert_allclose(conversion.factors, factor, rtol=1e-9)
    assert conversion.factors.shape == (len(headers),)
    assert conversion.decay_reference == branch
    assert set(conversion.flags) == set(flags)


def test_default_object() -> None:
    check(series(), expected(HOUR), "series_time")
    conversion = suv_conversion(series())
    assert conversion.uptake_time_min == pytest.approx(60.0)
    assert conversion.injected_dose_mbq == pytest.approx(368.08)
    assert conversion.radionuclide == "F-18"
    assert conversion.units == "BQML"
    assert conversion.decay_correction == "START"
    # An activity of 3600 Bq/mL, the object's median, is one SUV.
    assert 3600.0 * conversion.factors[0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"RadionuclideTotalDose": 368.08}, "DOSE_MBQ_TO_BQ"),
        ({"PatientWeight": 70000.0}, "WEIGHT_G_TO_KG"),
        ({"RadionuclideHalfLife": None}, "HALF_LIFE_FROM_NUCLIDE"),
        ({"RadionuclideHalfLife": 109.77}, "HALF_LIFE_FROM_NUCLIDE"),
        ({"RadionuclideHalfLife": 0}, "HALF_LIFE_FROM_NUCLIDE"),
        ({"RadiopharmaceuticalStartDateTime": None}, "INJECTION_DATE_ASSUMED"),
        ({"RadiopharmaceuticalStartDateTime": "20240619100000"}, "DATES_DISAGREE"),
        ({"RadiopharmaceuticalStartDateTime": "20250102100000"}, "DATES_DISAGREE"),
        (
            {"RadiopharmaceuticalStartDateTime": "19000101000000"},
            "DATES_DISAGREE",
        ),
        ({"RadiopharmaceuticalStartDateTime": "20250101"}, ""),
        ({"RadiopharmaceuticalStartTime": None}, ""),
        ({"RadiopharmaceuticalStartTime": "1000"}, ""),
        ({"RadiopharmaceuticalStartTime": "093000"}, "INJECTION_TIMES_DISAGREE"),
        ({"AcquisitionTime": None}, "ACQUISITION_TIME_MISSING"),
        ({"CorrectedImage": None, "AttenuationCorrectionMethod": "CT"}, "ATTENUATION_FROM_METHOD"),
    ],
)
def test_repaired_headers_give_the_same_suv(fields: dict[str, Any], flag: str) -> None:
    check(series(**fields), expected(HOUR), "series_time", *([flag] if flag else []))


def test_half_life_of_header_is_kept_when_it_is_that_of_the_nuclide() -> None:
    factor = WEIGHT * 1000 / (DOSE * 2 ** (-HOUR / 6588.0))
    check(series(RadionuclideHalfLife=6588.0), factor, "series_time")


def test_admin_needs_neither_times_nor_half_life() -> None:
    headers = series(
        DecayCorrection="ADMIN",
        RadionuclideHalfLife=None,
        RadionuclideCodeSequence=None,
        SeriesTime=None,
        AcquisitionTime=None,
    )
    check(headers, WEIGHT * 1000 / DOSE, "administration", "UPTAKE_TIME_UNKNOWN")


def test_none_corrects_every_frame_from_its_own_time() -> None:
    beds = [("110000", 300.0), ("110500", 300.0), ("235900", 180.0), ("000200", 600.0)]
    injection = "20250101100000"
    for (time, duration), date, elapsed in zip(
        beds, ("01", "01", "01", "02"), (HOUR, HOUR + 300, 13.9833333333 * HOUR, None), strict=True
    ):
        header = change(
            default_header(),
            DecayCorrection="NONE",
            CorrectedImage=["ATTN"],
            AcquisitionTime=time,
            AcquisitionDate=f"202501{date}",
            ActualFrameDuration=duration * 1000,
            RadiopharmaceuticalStartDateTime=injection,
        )
        x = LAMBDA * duration
        seconds = 14 * HOUR + 120 if elapsed is None else elapsed
        factor = WEIGHT * 1000 / DOSE * x / (1 - math.exp(-x)) * math.exp(LAMBDA * seconds)
        np.testing.assert_allclose(suv_conversion([header]).factors, [factor], rtol=1e-9)


def test_none_per_bed_within_one_series_over_midnight() -> None:
    """Beds at 23:58 and 00:01; the date of the second was not moved on."""
    headers = series(
        2,
        DecayCorrection="NONE",
        AcquisitionTime="235800",
        SeriesTime="235800",
        RadiopharmaceuticalStartDateTime="20250101225800",
        RadiopharmaceuticalStartTime="225800",
    )
    headers[1].AcquisitionTime = "000100"
    x = LAMBDA * 300
    base = WEIGHT * 1000 / DOSE * x / (1 - math.exp(-x))
    conversion = suv_conversion(headers)
    np.testing.assert_allclose(
        conversion.factors,
        [base * math.exp(LAMBDA * HOUR), base * math.exp(LAMBDA * (HOUR + 180))],
        rtol=1e-9,
    )
    assert conversion.decay_reference == "frame_acquisition"
    assert "DECAY_CORRECTION_CONTRADICTED" in conversion.flags


@pytest.mark.parametrize(
    "fields",
    [
        {"RadiopharmaceuticalStartDateTime": "20241231233000"},
        {"RadiopharmaceuticalStartDateTime": None},
        {"RadiopharmaceuticalStartDateTime": "20250101233000"},  # the date of the scan
        {"RadiopharmaceuticalStartDateTime": "20241231233000", "SeriesDate": "20241231"},
    ],
)
def test_midnight_between_injection_and_scan(fields: dict[str, Any]) -> None:
    headers = series(
        SeriesTime="003000",
        AcquisitionTime="003000",
        RadiopharmaceuticalStartTime="233000",
        **fields,
    )
    np.testing.assert_allclose(suv_conversion(headers).factors, expected(HOUR), rtol=1e-9)


def test_series_time_after_the_scan_is_computed_back_from_the_frames() -> None:
    headers = []
    for bed in range(3):
        start, duration = 150.0 + 603.0 * bed, 603.0
        mean_time = math.log(LAMBDA * duration / (1 - math.exp(-LAMBDA * duration))) / LAMBDA
        seconds = 11 * HOUR + start
        clock = f"{int(seconds // 3600):02}{int(seconds % 3600 // 60):02}{seconds % 60:09.6f}"
        headers += series(
            2,
            SeriesTime="113000",
            AcquisitionTime=clock,
            ActualFrameDuration=duration * 1000,
            FrameReferenceTime=(start + mean_time) * 1000,
        )
    np.testing.assert_allclose(suv_conversion(headers).factors, expected(HOUR), rtol=1e-8)
    assert suv_conversion(headers).decay_reference == "back_computed"


def test_series_time_after_the_scan_without_frame_reference_time() -> None:
    headers = series(SeriesTime="113000", FrameReferenceTime=0)
    check(headers, expected(HOUR), "earliest_acquisition")


@pytest.mark.parametrize("value", ["20250101110000.00", "110000.00", "20190607110000.00"])
@pytest.mark.parametrize(
    ("group", "offset", "creator", "branch"),
    [
        (0x0009, 0x0D, GE, "ge_scan_time"),
        (0x0071, 0x22, SIEMENS, "siemens_decay_time"),
    ],
)
def test_vendor_time_goes_before_series_time(
    group: int, offset: int, creator: str, branch: str, value: str
) -> None:
    headers = series(SeriesTime="104000", AcquisitionTime="110200")
    add_private(headers, group, creator, offset, "LO", value)
    conversion = suv_conversion(headers)
    np.testing.assert_allclose(conversion.factors, expected(HOUR), rtol=1e-9)
    assert conversion.decay_reference == branch
    assert "DECAY_REFERENCES_DISAGREE" in conversion.flags
    assert ("DATES_DISAGREE" in conversion.flags) == value.startswith("2019")


@pytest.mark.parametrize("value", ["20250101110000.00", b"20250101110000.00\0"])
def test_vendor_time_without_private_creator(value: str | bytes) -> None:
    headers = series(SeriesTime="113000", AcquisitionTime="110230", FrameReferenceTime=450000)
    for header in headers:
        header.add_new((0x0009, 0x100D), "UN" if isinstance(value, bytes) else "DT", value)
    assert suv_conversion(headers).decay_reference == "ge_scan_time"
    np.testing.assert_allclose(suv_conversion(headers).factors, expected(HOUR), rtol=1e-9)


def test_ge_goes_before_siemens_and_a_foreign_creator_is_not_read() -> None:
    headers = series(SeriesTime="105000")
    add_private(headers, 0x0071, SIEMENS, 0x22, "LO", "20250101103000")
    add_private(headers, 0x0009, "SOMEBODY ELSE", 0x0D, "LO", "20250101101000")
    assert suv_conversion(headers).decay_reference == "siemens_decay_time"
    add_private(headers, 0x0009, GE, 0x0D, "LO", "20250101110000")
    assert suv_conversion(headers).decay_reference == "ge_scan_time"


def _james128(sex: str) -> float:
    male = 1.10 * 70 - 128 * (70 / 175) ** 2
    female = 1.07 * 70 - 148 * (70 / 175) ** 2
    return {"M": male, "F": female, "O": (male + female) / 2}[sex]


def _james120(sex: str) -> float:
    male = 1.10 * 70 - 120 * (70 / 175) ** 2
    female = 1.07 * 70 - 148 * (70 / 175) ** 2
    return {"M": male, "F": female, "O": (male + female) / 2}[sex]


def _janmahasatian(sex: str) -> float:
    index = 70 / 1.75**2
    male, female = 9270 * 70 / (6680 + 216 * index), 9270 * 70 / (8780 + 244 * index)
    return {"M": male, "F": female, "O": (male + female) / 2}[sex]


def _ideal(sex: str) -> float:
    male, female = 48 + 1.06 * (175 - 152), 45.5 + 0.91 * (175 - 152)
    return {"M": male, "F": female, "O": (male + female) / 2}[sex]


@pytest.mark.parametrize("sex", ["M", "F", "O"])
@pytest.mark.parametrize("height", [1.75, 175.0, 1750.0])
@pytest.mark.parametrize(
    ("suv_type", "size"),
    [
        ("LBM", _james120),
        ("LBMJAMES128", _james128),
        ("LBMJANMA", _janmahasatian),
        ("IBW", _ideal),
    ],
)
def test_grams_per_ml_of_other_normalisations(
    suv_type: str, size: Any, sex: str, height: float
) -> None:
    headers = series(Units="GML", SUVType=suv_type, PatientSex=sex, PatientSize=height)
    np.testing.assert_allclose(suv_conversion(headers).factors, 70 / size(sex), rtol=1e-9)


@pytest.mark.parametrize(("suv_type", "flags"), [("BW", []), (None, ["SUV_TYPE_ASSUMED_BW"])])
def test_grams_per_ml_of_body_weight(suv_type: str | None, flags: list[str]) -> None:
    check(series(Units="GML", SUVType=suv_type), 1.0, "not_needed", *flags)


@pytest.mark.parametrize("suv_type", ["BSA", None])
def test_square_centimetres_per_ml(suv_type: str | None) -> None:
    surface_cm2 = 1e4 * 0.007184 * 70**0.425 * 175**0.725
    headers = series(Units="CM2ML", SUVType=suv_type)
    check(headers, 70000 / surface_cm2, "not_needed")


def test_philips_suv_factor_goes_before_the_activity_factor() -> None:
    headers = series(Units="CNTS")
    add_private(headers, 0x7053, PHILIPS, 0x00, "DS", "0.0005")
    check(headers, 0.0005, "not_needed")
    add_private(headers, 0x7053, PHILIPS, 0x09, "DS", f"{0.0005 / expected(HOUR):.10g}")
    check(headers, 0.0005, "not_needed")
    add_private(headers, 0x7053, PHILIPS, 0x09, "DS", f"{0.0007 / expected(HOUR):.10g}")
    check(headers, 0.0005, "not_needed", "PHILIPS_FACTORS_DISAGREE")


def test_philips_activity_factor_leads_to_bq_per_ml() -> None:
    headers = add_private(series(Units="CNTS"), 0x7053, PHILIPS, 0x09, "DS", "1.7")
    check(headers, 1.7 * expected(HOUR), "series_time")
    headers = add_private(
        series(Units="CNTS", DecayCorrection="ADMIN"), 0x7053, PHILIPS, 0x09, "DS", "1.7"
    )
    check(headers, 1.7 * WEIGHT * 1000 / DOSE, "administration")


def test_philips_factors_without_creator_and_per_slice() -> None:
    headers = series(Units="CNTS")
    for factor, header in zip(("0.0005", "0.0006", "0.0007"), headers, strict=True):
        header.add_new((0x7053, 0x1000), "DS", factor)
    np.testing.assert_allclose(suv_conversion(headers).factors, [0.0005, 0.0006, 0.0007])


def test_philips_factors_of_a_series_in_bq_per_ml_are_not_used() -> None:
    headers = add_private(series(), 0x7053, PHILIPS, 0x00, "DS", "0.5")
    check(headers, expected(HOUR), "series_time")


def test_time_zone_offsets() -> None:
    """10:00 at +0100 is 11:00 at +0200; where the clock is repeated, the offset is a habit."""
    shifted = {
        "TimezoneOffsetFromUTC": "+0200",
        "RadiopharmaceuticalStartDateTime": "20250101090000+0100",
    }
    headers = series(**shifted, RadiopharmaceuticalStartTime=None)
    check(headers, expected(HOUR), "series_time", "TIME_ZONE_CONVERTED")
    headers = series(**shifted, RadiopharmaceuticalStartTime="090000")
    check(headers, expected(2 * HOUR), "series_time", "TIME_ZONE_IGNORED")
    headers = series(RadiopharmaceuticalStartDateTime="20250101100000.000000+0900")
    check(headers, expected(HOUR), "series_time")


def test_long_lived_nuclide_on_the_second_day_keeps_its_dates() -> None:
    headers = series(
        RadionuclideCodeSequence=[code("C-168A4", "^89^Zirconium")],
        RadionuclideHalfLife=282276.0,
        RadiopharmaceuticalStartDateTime="20241228110000",
        RadiopharmaceuticalStartTime="110000",
    )
    factor = WEIGHT * 1000 / (DOSE * 2 ** (-4 * 86400 / 282276.0))
    check(headers, factor, "series_time")


def test_normalisations_turn_suvbw_into_the_others() -> None:
    sizes = suv_conversion(series(PatientSex="M")).normalisations
    assert sizes["SUVbw"] == pytest.approx(70000.0)
    assert sizes["SUL_janmahasatian"] == pytest.approx(1000 * _janmahasatian("M"))
    assert sizes["SUL_james128"] == pytest.approx(1000 * _james128("M"))
    assert sizes["SUL_james120"] == pytest.approx(1000 * _james120("M"))
    assert sizes["SUV_ibw"] == pytest.approx(1000 * _ideal("M"))
    assert set(suv_conversion(series(PatientSize=None)).normalisations) == {"SUVbw"}
    assert "SUL_james128" not in suv_conversion(series(PatientSex=None)).normalisations


@given(
    weight=st.floats(3.0, 300.0),
    dose=st.floats(2e6, 2e10),
    minutes=st.integers(0, 800),
    midnight=st.integers(0, 23),
)
def test_any_plausible_patient_and_delay(
    weight: float, dose: float, minutes: int, midnight: int
) -> None:
    """Whatever the clock, with and without dates, SUV depends on the elapsed time alone."""
    scan = (midnight * 60 + 17) % 1440
    injection = scan - minutes
    day = "20250102" if injection >= 0 else "20250101"
    clock = f"{injection % 1440 // 60:02}{injection % 60:02}00"
    times = {"SeriesTime": f"{scan // 60:02}{scan % 60:02}00"}
    for stamp in (day + clock, None):
        headers = series(
            1,
            PatientWeight=weight,
            RadionuclideTotalDose=dose,
            SeriesDate="20250102",
            AcquisitionDate="20250102",
            AcquisitionTime=times["SeriesTime"],
            RadiopharmaceuticalStartDateTime=stamp,
            RadiopharmaceuticalStartTime=clock,
            **times,
        )
        np.testing.assert_allclose(
            suv_conversion(headers).factors, expected(60.0 * minutes, weight, dose), rtol=1e-6
        )


@pytest.mark.reference
def test_header_vectors_of_real_scanners() -> None:
    folder = reference_data("suv_header_vectors")
    factors = json.loads((folder / "expected_suvbw_factor.json").read_text())
    assert factors
    for name, factor in factors.items():
        instance = json.loads((folder / f"{name}.json").read_text())[0]
        private = instance.pop("PhilipsPETPrivateGroup")
        headers = series(1, **{**dict.fromkeys(_NOT_IN_VECTORS), **instance})
        if "SUVScaleFactor" in private:
            add_private(headers, 0x7053, PHILIPS, 0x00, "DS", private["SUVScaleFactor"].strip())
        np.testing.assert_allclose(suv_conversion(headers).factors, factor, rtol=1e-6, err_msg=name)


_NOT_IN_VECTORS = (
    "RadiopharmaceuticalStartDateTime",
    "RadionuclideCodeSequence",
    "PatientSize",
)
