"""The header fields that SUV depends on, as one typed record for a series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.dicom.headers import number, text, texts
from wbr_platform.dicom.sequences import first_item, items
from wbr_platform.dicom.suv import date_times, private_elements, radionuclides
from wbr_platform.refusal import Refusal

FRESH_EXPORT = "export the series again from the scanner's archive"


@dataclass(frozen=True)
class SuvFields:
    """What the headers say, unrepaired; None or NaN where a field is absent or unreadable.

    Times are seconds of :mod:`wbr_platform.dicom.suv.date_times`; arrays have a value per slice, in
    the order of the headers. Vendor times are texts still: they may lack a date.
    """

    units: str
    suv_type: str
    decay_correction: str
    corrections: frozenset[str]
    attenuation_method: str
    sex: str | None
    weight: float | None
    height: float | None
    dose: float | None
    half_life: float | None
    nuclide: str | None
    radiopharmaceutical: str | None
    injection_date_time: str
    injection_time: str
    time_zone: str
    series_time: float | None
    ge_scan_time: str
    siemens_decay_time: str
    acquisition_times: NDArray[np.float64]
    frame_durations_s: NDArray[np.float64]
    frame_reference_times_s: NDArray[np.float64]
    philips_suv_factors: NDArray[np.float64]
    philips_activity_factors: NDArray[np.float64]

    @property
    def slices(self) -> int:
        """Number of slices."""
        return len(self.acquisition_times)


def read_fields(headers: Sequence[Dataset]) -> SuvFields:
    """The fields of one series.

    Raises Refusal SUV_NO_IMAGES, SUV_SEVERAL_RADIOPHARMACEUTICALS, or SUV_ATTRIBUTE_VARIES when a
    field that belongs to the whole series differs between its images.
    """
    if not headers:
        raise Refusal("SUV_NO_IMAGES", "no PET image was given")
    tracers = [_tracer_item(header) for header in headers]
    for name, values in _series_values(headers, tracers).items():
        if len(values) > 1:
            raise Refusal(
                "SUV_ATTRIBUTE_VARIES",
                f"{name} differs between the images of the series",
                FRESH_EXPORT,
            )
    header, tracer = headers[0], tracers[0]
    nuclide, radiopharmaceutical = _nuclide_and_tracer(tracer)
    return SuvFields(
        units=text(header, "Units").upper(),
        suv_type=text(header, "SUVType").upper(),
        decay_correction=text(header, "DecayCorrection").upper(),
        corrections=frozenset(value.upper() for value in texts(header, "CorrectedImage")),
        attenuation_method=text(header, "AttenuationCorrectionMethod").upper(),
        sex=text(header, "PatientSex").upper()[:1] or None,
        weight=number(header, "PatientWeight"),
        height=number(header, "PatientSize"),
        dose=number(tracer, "RadionuclideTotalDose"),
        half_life=number(tracer, "RadionuclideHalfLife"),
        nuclide=nuclide,
        radiopharmaceutical=radiopharmaceutical,
        injection_date_time=text(tracer, "RadiopharmaceuticalStartDateTime"),
        injection_time=text(tracer, "RadiopharmaceuticalStartTime"),
        time_zone=text(header, "TimezoneOffsetFromUTC"),
        series_time=_series_time(header),
        ge_scan_time=private_elements.private_text(header, private_elements.GE_SCAN_TIME),
        siemens_decay_time=private_elements.private_text(
            header, private_elements.SIEMENS_DECAY_TIME
        ),
        acquisition_times=_unwrapped(_per_slice(headers, _acquisition_time)),
        frame_durations_s=_per_slice(headers, lambda h: number(h, "ActualFrameDuration")) / 1000.0,
        frame_reference_times_s=_per_slice(headers, lambda h: number(h, "FrameReferenceTime"))
        / 1000.0,
        philips_suv_factors=_per_slice(
            headers,
            lambda h: private_elements.private_number(h, private_elements.PHILIPS_SUV_FACTOR),
        ),
        philips_activity_factors=_per_slice(
            headers,
            lambda h: private_elements.private_number(h, private_elements.PHILIPS_ACTIVITY_FACTOR),
        ),
    )


def _series_values(
    headers: Sequence[Dataset], tracers: Sequence[Dataset]
) -> dict[str, set[object]]:
    of_image = ("Units", "SUVType", "DecayCorrection", "PatientSex", "SeriesDate", "SeriesTime")
    of_tracer = ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime")
    values: dict[str, set[object]] = {name: {text(h, name) for h in headers} for name in of_image}
    values |= {name: {text(t, name) for t in tracers} for name in of_tracer}
    values["CorrectedImage"] = {frozenset(texts(header, "CorrectedImage")) for header in headers}
    values |= {
        name: {number(header, name) for header in headers}
        for name in ("PatientWeight", "PatientSize")
    }
    values |= {
        name: {number(tracer, name) for tracer in tracers}
        for name in ("RadionuclideTotalDose", "RadionuclideHalfLife")
    }
    values["the radionuclide"] = {_nuclide_and_tracer(tracer) for tracer in tracers}
    for name, element in (
        ("the GE scan time (0009,xx0D)", private_elements.GE_SCAN_TIME),
        ("the Siemens decay time (0071,xx22)", private_elements.SIEMENS_DECAY_TIME),
    ):
        values[name] = {private_elements.private_text(header, element) for header in headers}
    return values


def _tracer_item(header: Dataset) -> Dataset:
    given = items(header, "RadiopharmaceuticalInformationSequence")
    if len(given) > 1:
        raise Refusal(
            "SUV_SEVERAL_RADIOPHARMACEUTICALS",
            f"{len(given)} radiopharmaceuticals were given",
            "SUV is defined for one administration only",
        )
    return given[0] if given else Dataset()


def _nuclide_and_tracer(tracer: Dataset) -> tuple[str | None, str | None]:
    tracer_code, tracer_words = _code(tracer, "RadiopharmaceuticalCodeSequence")
    words = f"{tracer_words} {text(tracer, 'Radiopharmaceutical')}"
    name, nuclide_of_tracer = radionuclides.tracer_of(tracer_code, words)
    nuclide = radionuclides.nuclide_of_code(*_code(tracer, "RadionuclideCodeSequence"))
    return nuclide or nuclide_of_tracer or radionuclides.nuclide_of_words(words), name


def _code(item: Dataset, keyword: str) -> tuple[str, str]:
    code = first_item(item, keyword)
    value = text(code, "CodeValue") or text(code, "LongCodeValue")
    return value, text(code, "CodeMeaning")


def _series_time(header: Dataset) -> float | None:
    return date_times.date_and_time(
        text(header, "SeriesDate") or text(header, "StudyDate"), text(header, "SeriesTime")
    )


def _acquisition_time(header: Dataset) -> float | None:
    date = text(header, "AcquisitionDate") or text(header, "SeriesDate")
    found = date_times.date_and_time(
        date or text(header, "StudyDate"), text(header, "AcquisitionTime")
    )
    if found is not None:
        return found
    midnight, clock, _ = date_times.split_date_time(text(header, "AcquisitionDateTime"))
    return None if midnight is None or clock is None else midnight + clock


def _per_slice(
    headers: Sequence[Dataset], read: Callable[[Dataset], float | None]
) -> NDArray[np.float64]:
    values = [read(header) for header in headers]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _unwrapped(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Acquisition times over midnight whose date was not moved on: the early ones are next day."""
    known = times[~np.isnan(times)]
    if not known.size or known.max() - known.min() <= date_times.DAY / 2:
        return times
    return np.where(times < known.max() - date_times.DAY / 2, times + date_times.DAY, times)
