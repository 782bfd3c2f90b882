"""From the Units of the rescaled values to SUVbw: one branch a unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wbr_platform.dicom.suv.activity import Factors, activity_factors
from wbr_platform.dicom.suv.body_size import normalisations
from wbr_platform.dicom.suv.header_fields import SuvFields
from wbr_platform.dicom.suv.repairs import height_m, weight_kg
from wbr_platform.refusal import Refusal

# SUVType (0054,1006) of values in g/mL, and the name of its normalisation. DICOM's LBM does not
# say which formula; vendors mean the one of their older workstations (male coefficient 120).
GRAM_TYPES: Mapping[str, str] = {
    "BW": "SUVbw",
    "LBM": "SUL_james120",
    "LBMJAMES128": "SUL_james128",
    "LBMJANMA": "SUL_janmahasatian",
    "IBW": "SUV_ibw",
}
ALREADY_SUV = "not_needed"
FACTORS_DISAGREE = 0.05


def suv_factors(fields: SuvFields) -> Factors:
    """SUVbw factors by Units (0054,1001).

    Raises Refusal SUV_UNITS_MISSING, SUV_UNITS_UNSUPPORTED, SUV_TYPE_UNSUPPORTED,
    SUV_PHILIPS_FACTORS_MISSING, and those of the branches.
    """
    branches = {
        "BQML": activity_factors,
        "GML": _normalised_by_mass,
        "CM2ML": _normalised_by_surface,
        "CNTS": _philips_counts,
    }
    if not fields.units:
        raise Refusal("SUV_UNITS_MISSING", "Units is missing", "export the original series")
    if fields.units not in branches:
        raise Refusal(
            "SUV_UNITS_UNSUPPORTED",
            "Units is not BQML, GML, CM2ML or CNTS: the values cannot be calibrated",
            "reconstruct or export the series in BQML",
        )
    return branches[fields.units](fields)


def _normalised_by_mass(fields: SuvFields) -> Factors:
    suv_type = fields.suv_type or "BW"
    assumed = () if fields.suv_type else ("SUV_TYPE_ASSUMED_BW",)
    if suv_type not in GRAM_TYPES:
        raise Refusal("SUV_TYPE_UNSUPPORTED", "SUVType does not fit values in g/mL")
    if suv_type == "BW":
        return Factors(np.ones(fields.slices), ALREADY_SUV, assumed)
    return _from_other_normalisation(fields, GRAM_TYPES[suv_type])


def _normalised_by_surface(fields: SuvFields) -> Factors:
    if fields.suv_type not in ("", "BSA"):
        raise Refusal("SUV_TYPE_UNSUPPORTED", "SUVType does not fit values in cm²/mL")
    return _from_other_normalisation(fields, "SUV_bsa")


def _from_other_normalisation(fields: SuvFields, name: str) -> Factors:
    """SUVbw = SUV_x · weight / x."""
    weight, height = weight_kg(fields.weight), height_m(fields.height)
    sizes = normalisations(weight.value, height.value, fields.sex)
    if name not in sizes:
        if fields.sex not in ("M", "F", "O"):
            raise Refusal(
                "SUV_SEX_MISSING",
                "PatientSex is needed to convert these values and is missing",
                "add the sex in the PACS and export again",
            )
        raise Refusal("SUV_BODY_SIZE_UNDEFINED", f"{name} is not defined for this body size")
    of_both = name != "SUV_bsa" and fields.sex == "O"
    return Factors(
        np.full(fields.slices, sizes["SUVbw"] / sizes[name]),
        ALREADY_SUV,
        weight.flags + height.flags + (("SEX_OTHER_MEAN_USED",) if of_both else ()),
    )


def _philips_counts(fields: SuvFields) -> Factors:
    """Philips: counts x (7053,xx00) are SUVbw; else counts x (7053,xx09) are Bq/mL.

    Counts are rescaled values, as Units says of all of them, not stored ones (QIBA pseudo-code).
    """
    suv, activity = fields.philips_suv_factors, fields.philips_activity_factors
    if not np.isnan(suv).any():
        return Factors(suv, ALREADY_SUV, _compare_philips(fields))
    if not np.isnan(activity).any():
        converted = activity_factors(fields)
        return Factors(activity * converted.values, converted.decay_reference, converted.flags)
    raise Refusal(
        "SUV_PHILIPS_FACTORS_MISSING",
        "Units is CNTS, but the private Philips factors (7053,xx00) and (7053,xx09) are missing",
        "export again with private elements kept",
    )


def _compare_philips(fields: SuvFields) -> tuple[str, ...]:
    """Philips' own SUV factor against SUV from its activity factor and the header's dose."""
    if np.isnan(fields.philips_activity_factors).any():
        return ()
    try:
        converted = activity_factors(fields)
    except Refusal:
        return ("PHILIPS_FACTORS_UNCHECKED",)
    ratio = fields.philips_activity_factors * converted.values / fields.philips_suv_factors
    return ("PHILIPS_FACTORS_DISAGREE",) if np.abs(ratio - 1.0).max() > FACTORS_DISAGREE else ()
