"""Pseudonyms, dates, ages and the fields that may leave."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from wbr_platform.dicom.pseudonym import (
    ALLOWED_FIELDS,
    Pseudonyms,
    age_years,
    allowed_fields,
    shifted_date,
    technical_text,
)
from wbr_platform_tests.dicom.synthetic_series import series

KEY = Pseudonyms(bytes(range(32)))
OTHER = Pseudonyms(bytes(range(1, 33)))
ANY_TEXT = st.text(max_size=30)


@given(ANY_TEXT, ANY_TEXT)
def test_patient_key_is_stable_and_keyed(patient_id: str, issuer: str) -> None:
    key = KEY.patient_key(patient_id, issuer)
    assert key == KEY.patient_key(f" {patient_id} ", issuer)
    assert key != OTHER.patient_key(patient_id, issuer)
    assert len(key) == 17
    assert key[0] == "p"
    assert key.isalnum()
    assert key == key.lower()


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=2, max_size=2, unique=True))
def test_different_patients_have_different_keys(pairs: list[tuple[str, str]]) -> None:
    """Also where issuer and identifier, put together, would read the same."""
    (a, b), (c, d) = [(one.strip(), two.strip()) for one, two in pairs]
    assert (KEY.patient_key(a, b) == KEY.patient_key(c, d)) == ((a, b) == (c, d))


def test_kinds_of_keys_do_not_meet() -> None:
    keys = {
        KEY.patient_key("x"),
        KEY.series_key("x"),
        KEY.file_key("x"),
        KEY.study_key("x", "", ""),
    }
    assert len({key[1:] for key in keys}) == 4


def test_the_key_shows_nowhere() -> None:
    assert "\\x01" not in repr(KEY)


@given(ANY_TEXT)
def test_date_shift_is_whole_days_and_never_none(patient: str) -> None:
    shift = KEY.date_shift_days(patient)
    assert 1 <= abs(shift) <= 365
    assert shift == KEY.date_shift_days(patient)


def test_date_shifts_spread_over_both_directions() -> None:
    shifts = [KEY.date_shift_days(str(i)) for i in range(3000)]
    assert min(shifts) < -355
    assert max(shifts) > 355
    assert 0.45 < sum(shift > 0 for shift in shifts) / len(shifts) < 0.55


@given(st.dates(date(1901, 1, 1), date(2098, 1, 1)), st.dates(date(1901, 1, 1), date(2098, 1, 1)))
def test_intervals_of_a_patient_survive_the_shift(first: date, second: date) -> None:
    shift = KEY.date_shift_days("p")
    moved = [shifted_date(day.strftime("%Y%m%d"), shift) for day in (first, second)]
    days = [date.fromisoformat(day) for day in moved if day is not None]
    assert days[1] - days[0] == second - first
    assert days[0] != first


def test_dates_that_are_none() -> None:
    assert shifted_date("", 3) is None
    assert shifted_date("20201340", 3) is None
    assert shifted_date("Doe", 3) is None
    assert shifted_date("2020-01-30", 3) == "2020-02-02"


def test_age() -> None:
    assert age_years("19500301", "20200229", "") == 69.0
    assert age_years("19500301", "20200301", "") == 70.0
    assert age_years("", "20200301", "063Y") == 63.0
    assert age_years("", "", "018M") == 1.0
    assert age_years("19200301", "20200301", "") == 90.0
    assert age_years("", "", "101Y") == 90.0
    assert age_years("20210101", "20200101", "") is None
    assert age_years("", "", "old") is None
    assert age_years("", "", "999Y") is None


def test_technical_texts() -> None:
    assert technical_text("Biograph 64_mCT  (VG60A)") == "Biograph 64_mCT (VG60A)"
    assert technical_text("OSEM3D 4i/21s") == "OSEM3D 4i/21s"
    for bad in ("", "DOE^JANE", "tel. 0612345678", "x" * 65, "a\nb\x00", "Zoë", "<script>", "a=b"):
        assert technical_text(bad) is None
    assert technical_text("GE jane", frozenset({"JANE"})) is None


def test_only_allowed_fields_leave() -> None:
    header: Dataset = series("PT")[0]
    header.SeriesDescription = header.StudyDescription = header.ProtocolName = "CANARY"
    header.ImageComments = header.InstitutionName = header.OperatorsName = "CANARY"
    header.Manufacturer = "SIEMENS for Jane"
    fields = allowed_fields(header)
    assert set(fields) <= set(ALLOWED_FIELDS)
    assert "CANARY" not in str(fields)
    assert "Manufacturer" not in fields  # it names the patient
    assert fields["ManufacturerModelName"] == "Biograph 64"
    assert fields["PixelSpacing"] == [4.0, 3.0]
    assert fields["CorrectedImage"] == "DECY\\ATTN\\SCAT\\RAN\\NORM"
    assert len(ALLOWED_FIELDS) <= 50
