"""SUVbw factors of values that are activity concentrations (Bq/mL)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbr_platform.dicom.suv.decay import frame_decay_factor, remaining_fraction
from wbr_platform.dicom.suv.decay_reference import decay_reference, earliest_acquisition
from wbr_platform.dicom.suv.header_fields import FRESH_EXPORT, SuvFields
from wbr_platform.dicom.suv.injection import MAX_HALF_LIVES, elapsed_since_injection
from wbr_platform.dicom.suv.repairs import dose_bq, half_life_s, weight_kg
from wbr_platform.refusal import Refusal


@dataclass(frozen=True)
class Factors:
    """SUVbw per rescaled value, one a slice; the decay-reference branch; repairs made."""

    values: NDArray[np.float64]
    decay_reference: str
    flags: tuple[str, ...] = ()


def activity_factors(fields: SuvFields) -> Factors:
    """SUVbw = activity concentration x weight / (administered activity at the decay reference).

    DecayCorrection START: the administered activity decays to the reference of
    :mod:`~wbr_platform.dicom.suv.decay_reference`. ADMIN: the values were corrected to the
    administration already. NONE: each frame is corrected from its own mean to the administration.
    """
    kind = fields.decay_correction
    if not kind:
        raise Refusal("SUV_DECAY_CORRECTION_MISSING", "DecayCorrection is missing", FRESH_EXPORT)
    if kind not in ("START", "ADMIN", "NONE"):
        raise Refusal(
            "SUV_DECAY_CORRECTION_UNSUPPORTED", "DecayCorrection is not START, ADMIN or NONE"
        )
    if kind != "NONE" and fields.corrections and "DECY" not in fields.corrections:
        raise Refusal(
            "SUV_DECAY_NOT_CORRECTED",
            f"DecayCorrection is {kind}, but CorrectedImage lacks DECY",
            FRESH_EXPORT,
        )
    weight, dose = weight_kg(fields.weight), dose_bq(fields.dose)
    uncorrected = np.full(fields.slices, 1000.0 * weight.value / dose.value)
    flags = weight.flags + dose.flags
    if kind == "ADMIN":
        return Factors(uncorrected, "administration", flags)
    half_life = half_life_s(fields.half_life, fields.nuclide)
    flags += half_life.flags
    if kind == "START":
        reference = decay_reference(fields, half_life.value)
        elapsed = elapsed_since_injection(fields, reference.time, half_life.value)
        return Factors(
            uncorrected / remaining_fraction(elapsed.seconds, half_life.value),
            reference.branch,
            flags + reference.flags + elapsed.flags,
        )
    correction, correction_flags = _frame_corrections(fields, half_life.value)
    return Factors(uncorrected * correction, "frame_acquisition", flags + correction_flags)


def _frame_corrections(
    fields: SuvFields, half_life: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """For each frame: its activity at administration over its mean as measured."""
    first = earliest_acquisition(fields)
    if first is None or np.isnan(fields.acquisition_times).any():
        raise Refusal("SUV_SCAN_TIME_MISSING", "an image has no AcquisitionTime", FRESH_EXPORT)
    if not (fields.frame_durations_s > 0.0).all():
        raise Refusal(
            "SUV_FRAME_DURATION_MISSING", "an image has no ActualFrameDuration", FRESH_EXPORT
        )
    elapsed = elapsed_since_injection(fields, first, half_life)
    after_injection = elapsed.seconds + (fields.acquisition_times - first)
    if after_injection.max() > MAX_HALF_LIVES * half_life:
        raise Refusal(
            "SUV_UPTAKE_TIME_TOO_LONG", "some images were acquired days after others", FRESH_EXPORT
        )
    contradiction = ("DECAY_CORRECTION_CONTRADICTED",) if "DECY" in fields.corrections else ()
    return (
        frame_decay_factor(fields.frame_durations_s, half_life)
        / remaining_fraction(after_injection, half_life),
        elapsed.flags + contradiction,
    )
