"""SUVbw factors of a series, by the units of its values and its decay correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.dicom.suv.body_size import normalisations
from wbr_platform.dicom.suv.decay_reference import earliest_acquisition
from wbr_platform.dicom.suv.header_fields import FRESH_EXPORT, SuvFields, read_fields
from wbr_platform.dicom.suv.injection import elapsed_since_injection
from wbr_platform.dicom.suv.repairs import Repaired, dose_bq, half_life_s, height_m, weight_kg
from wbr_platform.dicom.suv.units import suv_factors
from wbr_platform.refusal import Refusal

# For the uptake time alone, when the nuclide is not known: half a day is believed at most.
UNKNOWN_HALF_LIFE_S = 5400.0


@dataclass(frozen=True)
class SuvConversion:
    """How to turn a series into SUVbw, and what was found on the way.

    ``factors`` (float64, one a slice in the order of the headers): SUVbw in g/mL = (stored value x
    RescaleSlope + RescaleIntercept of the slice) x factor. ``decay_reference`` names the branch
    that gave the moment of decay correction. ``flags`` are the codes of every repair and
    contradiction. ``normalisations`` holds the patient's size in g (BSA: cm²) by the name of the
    SUV: SUV_x = SUVbw x normalisations[x] / normalisations["SUVbw"]. None: not known.
    """

    factors: NDArray[np.float64]
    units: str
    decay_correction: str
    decay_reference: str
    flags: tuple[str, ...] = ()
    uptake_time_min: float | None = None
    injected_dose_mbq: float | None = None
    radionuclide: str | None = None
    radiopharmaceutical: str | None = None
    normalisations: Mapping[str, float] = field(default_factory=dict)


def suv_conversion(headers: Sequence[Dataset]) -> SuvConversion:
    """The SUVbw conversion of one PET series.

    Raises Refusal with a code ``SUV_…`` when the series cannot be converted with confidence.
    """
    fields = read_fields(headers)
    attenuation_flags = _check_attenuation(fields)
    factors = suv_factors(fields)
    uptake, uptake_flags = _uptake_time_min(fields)
    weight, height = _optional(weight_kg, fields.weight), _optional(height_m, fields.height)
    height_flags = ("HEIGHT_UNKNOWN",) if height is None else ()
    dose = _optional(dose_bq, fields.dose)
    flags = attenuation_flags + factors.flags + uptake_flags + height_flags
    return SuvConversion(
        factors=factors.values,
        units=fields.units,
        decay_correction=fields.decay_correction,
        decay_reference=factors.decay_reference,
        flags=tuple(dict.fromkeys(flags)),
        uptake_time_min=uptake,
        injected_dose_mbq=None if dose is None else dose / 1e6,
        radionuclide=fields.nuclide,
        radiopharmaceutical=fields.radiopharmaceutical,
        normalisations=normalisations(weight, height, fields.sex),
    )


def _check_attenuation(fields: SuvFields) -> tuple[str, ...]:
    if "ATTN" in fields.corrections:
        return ()
    method = fields.attenuation_method
    if not fields.corrections and method and not method.startswith("NONE"):
        return ("ATTENUATION_FROM_METHOD",)
    raise Refusal(
        "SUV_ATTENUATION_NOT_CORRECTED",
        "CorrectedImage does not list ATTN",
        f"choose the attenuation-corrected series, or {FRESH_EXPORT}",
    )


def _optional(repair: Callable[[float | None], Repaired], value: float | None) -> float | None:
    """A quantity that is reported but that the conversion itself may not need."""
    try:
        return repair(value).value
    except Refusal:
        return None


def _uptake_time_min(fields: SuvFields) -> tuple[float | None, tuple[str, ...]]:
    """Minutes from administration to the first acquisition; a conversion may do without."""
    first = earliest_acquisition(fields)
    moment = fields.series_time if first is None else first
    if moment is None:
        return None, ("UPTAKE_TIME_UNKNOWN",)
    try:
        half_life = half_life_s(fields.half_life, fields.nuclide).value
    except Refusal:
        half_life = UNKNOWN_HALF_LIFE_S
    try:
        elapsed = elapsed_since_injection(fields, moment, half_life)
    except Refusal:
        return None, ("UPTAKE_TIME_UNKNOWN",)
    return elapsed.seconds / 60.0, elapsed.flags
