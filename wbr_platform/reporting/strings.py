"""Every phrase of the pages that comes from a code: reasons, flags, names of biomarkers.

Sentences that stand once on a page are in the templates; with these tables they are all there is
to translate.
"""

from __future__ import annotations

from collections.abc import Mapping

# Reason codes in words, as the end of "not computed: …". A code that is not here is spelt out.
REASONS: Mapping[str, str] = {
    "NO_PET": "no PET in this export",
    "NO_CT": "no CT in this export",
    "NO_MASKS": "no masks came with this export",
    "NO_REGIONS": "no organ and no lesion was found",
    "NO_LESION": "no lesion was found",
    "NO_LESIONS": "no lesion was found",
    "NO_ORGANS": "no organ masks for this study",
    "NO_SECOND_ALGORITHM": "only one algorithm drew lesions",
    "NO_ACCEPTED_STUDY": "no study was accepted",
    "ONE_LESION": "one lesion only",
    "NO_HEIGHT": "the height is not known",
    "NO_WEIGHT": "the weight is not known",
    "HEIGHT_MISSING": "the height is not known",
    "WEIGHT_MISSING": "the weight is not known",
    "ORGAN_MISSING": "the organ was not segmented",
    "NO_LIVER": "the liver was not segmented",
    "NO_SPLEEN": "the spleen was not segmented",
    "NO_MARROW": "no marrow region was segmented",
    "REGION_EMPTY": "the region has no voxel on this grid",
    "REGION_TOO_SMALL": "the region is too small",
    "ONE_VALUE": "all voxels have the same value",
    "SEGMENTER_UNAVAILABLE": "the segmenter cannot run here",
    "ONE_BATCH": "one scanner only: nothing to harmonise",
    "BATCH_TOO_SMALL": "too few patients on this scanner",
    "NOT_ENOUGH_PATIENTS": "too few patients",
    "CONSTANT": "the value is the same for every patient",
    "CONSTANT_IN_BATCH": "the value is the same for every patient of a scanner",
    "MISSING_VALUE": "the value itself is missing",
    "MISSING_BATCH": "the scanner is not known",
    "MISSING_COVARIATE": "a covariate is missing",
    "CONFOUNDED": "scanner and covariates cannot be told apart",
    "NOT_LARGEST_LESION": "only the largest lesion of a study is harmonised",
    "NOTHING_TO_HARMONIZE": "there was nothing to harmonise",
    "PATIENTS_TOO_FEW": "too few patients",
    "EVENTS_TOO_FEW": "too few events",
    "TOO_FEW_EVENTS": "too few events",
    "TOO_FEW_PAIRS": "too few pairs of patients can be compared",
    "NO_USABLE_COVARIATE": "no usable covariate",
    "NO_OUTCOME": "no outcome is known",
    "NOT_CONVERGED": "the fit did not converge",
    "NOT_CROSS_VALIDATED": "it could not be cross-validated",
    "FLAT_REGION": "all voxels of the region have the same value",
    "DEGENERATE_SHAPE": "the region has no proper shape (too few voxels)",
    "EMPTY_AFTER_RESEGMENTATION": "no voxel of the region lies within the range of intensities",
    "REGION_TOO_LARGE": "the region is too large",
    "TOO_MANY_GREY_LEVELS": "too many grey levels",
    "NO_NEIGHBOURS": "no voxel of the region has a neighbour",
    "ZERO_DENOMINATOR": "it would be a division by zero",
    "UPSTREAM_FAILED": "an earlier step failed",
    "UNEXPECTED_ERROR": "an unexpected error; the run's log says more",
    "WORKER_DIED": "the process died",
    "NO_CLINICAL_TABLE": "no clinical table was given",
    "HEIGHT_UNKNOWN": "the height is not known",
    "TOO_FEW_HEALTHY_VOXELS": "too little healthy tissue is left of the organ",
    "TOO_FEW_NODES": "too few organs with values",
    "LIVER_WITHOUT_UPTAKE": "the liver shows no uptake",
    "EMPTY_REGION": "the region has no voxel on this grid",
    "BOTH_EMPTY": "neither algorithm drew a lesion",
    "NO_ORGAN_MASKS": "no organ masks for this study",
    "NO_LESION_MASKS": "no lesion masks came with this export",
    "NO_IMAGE": "neither PET nor CT in this export",
    "NO_VALUE": "no patient has a value",
    "MISSING_VALUES": "missing for too many patients",
    "NOT_FINITE_INTENSITY": "the image has values that are not numbers",
    "PET_NOT_SUV": "the PET could not become SUV",
    "PET_NOT_ATTENUATION_CORRECTED": "the PET is not corrected for attenuation",
    "SUV_UNITS_UNSUPPORTED": "PET values in units that cannot become SUV",
    "SUV_UNITS_MISSING": "the units of the PET values are not given",
    "SUV_WEIGHT_MISSING": "body weight is missing, so there is no SUV",
    "SUV_WEIGHT_ABSURD": "the body weight given cannot be right",
    "SUV_HEIGHT_MISSING": "body height is missing, so there is no SUV",
    "SUV_HEIGHT_ABSURD": "the body height given cannot be right",
    "SUV_DOSE_MISSING": "the injected dose is missing, so there is no SUV",
    "SUV_DOSE_ABSURD": "the injected dose given cannot be right",
    "SUV_INJECTION_TIME_MISSING": "the time of injection is missing, so there is no SUV",
    "SUV_DECAY_REFERENCE_UNCLEAR": "the time to which decay was corrected is not certain",
    "SUV_UPTAKE_TIME_NEGATIVE": "the injection is later than the scan",
    "SUV_UPTAKE_TIME_TOO_LONG": "the injection is too long before the scan",
    "SUV_PHILIPS_FACTORS_MISSING": "counts without the factors that turn them into SUV",
    "SUV_ATTENUATION_NOT_CORRECTED": "the PET is not corrected for attenuation",
    "SERIES_CONFLICTING_DUPLICATES": "two images of a series claim the same place",
    "GEOMETRY_MISSING_SLICE": "a slice is missing",
    "FILE_UNREADABLE": "a file cannot be read",
    "CPS_UNITS": "PET values in counts per second cannot become SUV",
    "SUV_FACTORS_INVALID": "the SUV factors are not valid numbers",
}

# Repairs and doubts on the way to SUV, as noted in acquisitions.suv_flags.
FLAGS: Mapping[str, str] = {
    "DATES_DISAGREE": "dates of the header disagree",
    "WEIGHT_G_TO_KG": "weight was given in grams",
    "HEIGHT_CM_TO_M": "height was given in centimetres",
    "HEIGHT_MM_TO_M": "height was given in millimetres",
    "DOSE_MBQ_TO_BQ": "dose was given in MBq",
    "MIDNIGHT_CROSSED": "injection was before midnight, the scan after it",
    "TIME_ZONE_CONVERTED": "times were brought to one time zone",
    "TIME_ZONE_IGNORED": "a time zone was ignored",
    "INJECTION_DATE_ASSUMED": "the date of injection was taken from the scan",
    "INJECTION_TIMES_DISAGREE": "two times of injection disagree",
    "DECAY_REFERENCES_DISAGREE": "candidates for the decay reference disagree",
    "DECAY_CORRECTION_CONTRADICTED": "the header contradicts its own decay correction",
    "HALF_LIFE_FROM_NUCLIDE": "half-life was taken from the nuclide",
    "UPTAKE_TIME_UNKNOWN": "uptake time is not known",
    "SUV_TYPE_ASSUMED_BW": "the SUV type was not given; body weight was assumed",
    "SEX_OTHER_MEAN_USED": "mean of the formulas for both sexes was used",
    "PHILIPS_FACTORS_UNCHECKED": "the vendor's SUV factor could not be checked",
    "PHILIPS_FACTORS_DISAGREE": "the vendor's two factors disagree",
    "ATTENUATION_FROM_METHOD": "attenuation correction was known from its method only",
}

STATUS: Mapping[str, str] = {
    "accepted": "Accepted",
    "refused": "Refused",
    "fitted": "fitted",
}

ROLES: Mapping[str, str] = {
    "pet": "PET used",
    "ct": "CT used",
    "masks": "masks used",
    "unused": "not used",
}

ALGORITHMS: Mapping[str, str] = {
    "imported_lesions": "Masks of the export",
    "imported_organs": "Organ masks of the export",
    "suv_2.5": "SUV ≥ 2.5",
    "suv_4.0": "SUV ≥ 4.0",
    "percent_41": "41 % of SUVmax",
    "organs": "Organs",
}

BIOMARKERS: Mapping[str, str] = {
    "tmtv_ml": "Total metabolic tumour volume (TMTV)",
    "tlg_ml": "Total lesion glycolysis (TLG)",
    "lesion_count": "Number of lesions",
    "suv_max": "Highest SUVmax of all lesions",
    "suv_peak": "Highest SUVpeak of all lesions",
    "dmax_bulk_mm": "Dmax bulk: from the largest lesion to the one farthest from it",
    "spread_mm": "Spread: sum of the distances between all lesions",
    "spread_bulk_mm": "Spread bulk: sum of the distances from the largest lesion",
    "dmax_mm": "Dmax: distance between the two lesions farthest apart",
    "sdmax_per_m": "SDmax: Dmax divided by body surface area",
    "largest_lesion_fraction": "Share of the largest lesion in TMTV",
    "spleen_to_liver_ratio_mean": "Spleen-to-liver ratio of SUVmean (Nakamoto)",
    "spleen_to_liver_ratio_max": "Spleen-to-liver ratio of SUVmax (Seban)",
    "marrow_to_liver_ratio_mean": "Marrow-to-liver ratio of SUVmean (Nakamoto)",
    "marrow_to_liver_ratio_max": "Marrow-to-liver ratio of SUVmax (Seban)",
}

STEPS: Mapping[str, str] = {
    "dicom_study": "reading the export",
    "pet_suv": "PET to SUV",
    "ct": "CT",
    "organ_masks": "organ masks",
    "lesion_masks": "lesion masks",
    "segmentation_agreement": "agreement between algorithms",
    "regions": "regions",
    "radiomic_features": "radiomic features",
    "whole_body_biomarkers": "whole-body biomarkers",
    "study_report": "study page",
}

HOST_MEASURES: Mapping[str, str] = {
    "_suv_mean": "SUVmean of the healthy part",
    "_suv_max": "SUVmax of the healthy part",
    "_reference_volume_ml": "volume of the part that was measured",
    "_erosion_mm": "erosion that was applied",
}

ENDPOINTS: Mapping[str, tuple[str, str, str]] = {
    # name: (time column, event column, what is drawn)
    "overall survival": ("survival_days", "death", "Alive"),
    "progression-free survival": (
        "progression_free_days",
        "progression",
        "Alive without progression",
    ),
}


def spelt_out(code: str) -> str:
    """A code or column name as plain words: ``GEOMETRY_MISSING_SLICE`` → geometry missing slice."""
    return " ".join(code.replace("-", "_").split("_")).lower().strip()


def reason_in_words(code: str | None) -> str:
    """What a reason code means; a code without a phrase is spelt out."""
    if not code:
        return "no reason was recorded"
    return REASONS.get(code, spelt_out(code))


def flags_in_words(flags: str) -> str:
    """Comma-separated flags as words."""
    codes = [code.strip() for code in flags.split(",") if code.strip()]
    return ", ".join(FLAGS.get(code, spelt_out(code)) for code in codes)


def step_name(stage: str) -> str:
    """The step of the platform that refused, for people."""
    return STEPS.get(stage, spelt_out(stage))


def algorithm_name(name: str | None) -> str:
    """The name of a segmenter for people."""
    return ALGORITHMS.get(name or "", name or "unknown")


def biomarker_name(name: str) -> str:
    """The name of a biomarker for people."""
    if name in BIOMARKERS:
        return BIOMARKERS[name]
    for ending, words in HOST_MEASURES.items():
        if name.endswith(ending):
            return f"{region_name(name.removesuffix(ending)).capitalize()}: {words}"
    return spelt_out(name)


def region_name(name: str) -> str:
    """An organ's name with spaces: ``lung_left`` → lung left."""
    return name.replace("_", " ")
