"""Dose, weight, height and half-life: repaired where the error is known and plain, else refused.

The limits are wide enough for any patient and any administration in use (a neonate; Zr-89
immuno-PET of 37 MBq; radioligand therapy of 10 GBq) and narrow enough to catch a wrong unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from wbr_platform.dicom.suv.radionuclides import HALF_LIVES_S, nuclide_of_half_life
from wbr_platform.refusal import Refusal

WEIGHT_LIMITS_KG = (0.4, 500.0)
HEIGHT_LIMITS_M = (0.25, 2.6)
DOSE_LIMITS_BQ = (1e6, 5e10)
HALF_LIFE_LIMITS_S = (60.0, 1e8)
HALF_LIFE_TOLERANCE = 0.05
DOSE_IN_MBQ_BELOW = 1e4  # IBSI SUV manual
WEIGHT_IN_GRAMS_FROM = 1000.0
HEIGHT_IN_CENTIMETRES_ABOVE = 3.0
HEIGHT_IN_MILLIMETRES_ABOVE = 300.0


@dataclass(frozen=True)
class Repaired:
    """A value and the codes of what was done to it."""

    value: float
    flags: tuple[str, ...] = ()


def weight_kg(weight: float | None) -> Repaired:
    """Body weight in kg; Refusal SUV_WEIGHT_MISSING (also 0) or SUV_WEIGHT_ABSURD."""
    action = "add the weight in the PACS and export again"
    if weight is None or weight == 0.0:
        raise Refusal("SUV_WEIGHT_MISSING", "PatientWeight is missing or 0", action)
    repaired = Repaired(weight)
    if weight >= WEIGHT_IN_GRAMS_FROM:
        repaired = Repaired(weight / 1000.0, ("WEIGHT_G_TO_KG",))
    _check("SUV_WEIGHT_ABSURD", "PatientWeight", repaired.value, WEIGHT_LIMITS_KG, "kg", action)
    return repaired


def height_m(height: float | None) -> Repaired:
    """Body height in m; Refusal SUV_HEIGHT_MISSING (also 0) or SUV_HEIGHT_ABSURD."""
    action = "add the height in the PACS and export again"
    if height is None or height == 0.0:
        raise Refusal("SUV_HEIGHT_MISSING", "PatientSize is missing or 0", action)
    repaired = Repaired(height)
    if height > HEIGHT_IN_MILLIMETRES_ABOVE:
        repaired = Repaired(height / 1000.0, ("HEIGHT_MM_TO_M",))
    elif height > HEIGHT_IN_CENTIMETRES_ABOVE:
        repaired = Repaired(height / 100.0, ("HEIGHT_CM_TO_M",))
    _check("SUV_HEIGHT_ABSURD", "PatientSize", repaired.value, HEIGHT_LIMITS_M, "m", action)
    return repaired


def dose_bq(dose: float | None) -> Repaired:
    """Administered activity in Bq; Refusal SUV_DOSE_MISSING (also 0) or SUV_DOSE_ABSURD."""
    action = "correct the administered activity in the PACS and export again"
    if dose is None or dose == 0.0:
        raise Refusal("SUV_DOSE_MISSING", "RadionuclideTotalDose is missing or 0", action)
    repaired = Repaired(dose)
    if 0.0 < dose < DOSE_IN_MBQ_BELOW:
        repaired = Repaired(dose * 1e6, ("DOSE_MBQ_TO_BQ",))
    _check("SUV_DOSE_ABSURD", "RadionuclideTotalDose", repaired.value, DOSE_LIMITS_BQ, "Bq", action)
    return repaired


def half_life_s(half_life: float | None, nuclide: str | None) -> Repaired:
    """Half-life in seconds, from the nuclide where the header's own is missing or implausible.

    Raises Refusal SUV_HALF_LIFE_MISSING when neither is known, SUV_NUCLIDE_CONTRADICTION when the
    half-life is plainly that of another nuclide.
    """
    known = None if nuclide is None else HALF_LIVES_S.get(nuclide)
    low, high = HALF_LIFE_LIMITS_S
    plausible = half_life is not None and low <= half_life <= high
    if half_life is not None and plausible:
        if known is None or abs(half_life / known - 1.0) <= HALF_LIFE_TOLERANCE:
            return Repaired(half_life)
        others = nuclide_of_half_life(half_life, HALF_LIFE_TOLERANCE)
        if others:
            raise Refusal(
                "SUV_NUCLIDE_CONTRADICTION",
                f"the radionuclide is {nuclide}, but the half-life that of {' or '.join(others)}",
                "find out which nuclide was given and correct the header",
            )
    if known is None:
        raise Refusal(
            "SUV_HALF_LIFE_MISSING",
            "RadionuclideHalfLife is missing or implausible and the nuclide unknown",
            "add the radionuclide in the PACS and export again",
        )
    return Repaired(known, ("HALF_LIFE_FROM_NUCLIDE",))


def _check(
    reason_code: str, name: str, value: float, limits: tuple[float, float], unit: str, action: str
) -> None:
    low, high = limits
    if not low <= value <= high:
        raise Refusal(reason_code, f"{name} is not within {low:g}-{high:g} {unit}", action)
