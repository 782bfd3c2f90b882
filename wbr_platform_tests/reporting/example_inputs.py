"""Made-up but realistic inputs of the pages: one study, a cohort of 24 patients."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.pictures import fused_slice_picture, whole_body_picture
from wbr_platform.reporting.cohort_page import CohortPageInputs
from wbr_platform.reporting.study_page import StudyPageInputs
from wbr_platform.store.schemas import TABLES

ALGORITHMS = ("imported_lesions", "suv_2.5", "suv_4.0", "percent_41")
ORGANS = {
    "brain": (0.0, 10.0, 700.0, 70.0, 7.2),
    "heart": (-30.0, -20.0, 330.0, 55.0, 3.1),
    "lung_right": (75.0, 0.0, 370.0, 70.0, 0.5),
    "lung_left": (-85.0, 0.0, 370.0, 65.0, 0.5),
    "liver": (70.0, 0.0, 210.0, 80.0, 2.2),
    "spleen": (-95.0, 30.0, 210.0, 42.0, 1.8),
    "kidney_right": (60.0, 50.0, 120.0, 35.0, 3.5),
    "kidney_left": (-60.0, 50.0, 130.0, 35.0, 3.4),
    "urinary_bladder": (0.0, -20.0, -130.0, 38.0, 12.0),
    "bone_marrow": (0.0, 70.0, 150.0, 22.0, 1.6),
}
SCANNERS = ("GE Discovery 690", "Siemens Biograph mCT", "Philips Vereos")


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of the table's schema; columns left out are null."""
    schema = TABLES[table].polars_schema()
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _phantom() -> tuple[Volume, Volume, LabelMap, LabelMap]:
    geometry = Geometry((230, 80, 110), (5.0, 5.0, 5.0), (-272.5, -197.5, -330.0))
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(3, -1).T)
    points = points.reshape(*geometry.shape, 3)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    trunk = ((x / 185) ** 2 + (y / 115) ** 2 < 1) & (z < 540) & (z > -200)
    legs = (((np.abs(x) - 85) / 75) ** 2 + (y / 85) ** 2 < 1) & (z <= -200)
    head = ((x / 80) ** 2 + (y / 100) ** 2 + ((z - 690) / 125) ** 2 < 1) | (
        ((x / 55) ** 2 + (y / 60) ** 2 < 1) & (z > 520) & (z < 640)
    )
    body = trunk | legs | head
    suv = np.where(body, 0.6, 0.0)
    organs = np.zeros(geometry.shape, dtype=np.uint8)
    for label, (ox, oy, oz, radius, uptake) in enumerate(ORGANS.values(), start=1):
        inside = ((x + ox) ** 2 + (y - oy) ** 2 + ((z - oz) / 1.3) ** 2) < radius**2
        suv[inside], organs[inside] = uptake, label
    lesions = np.zeros(geometry.shape, dtype=np.uint8)
    for label, (lx, ly, lz, radius, uptake) in enumerate(
        [(40, 0, 395, 28, 11), (-60, 20, 560, 20, 9), (100, 60, 40, 16, 7), (-20, 40, -60, 14, 6)],
        start=1,
    ):
        inside = ((x - lx) ** 2 + (y - ly) ** 2 + (z - lz) ** 2) < radius**2
        suv[inside], lesions[inside] = uptake, label
    noise = np.random.default_rng(7).normal(0, 0.12, suv.shape)
    pet = np.clip(suv * (1 + noise), 0, None).astype(np.float32)
    density = np.where(body, 40.0, -1000.0).astype(np.float32)
    density[(organs == 3) | (organs == 4)] = -800.0
    names = dict(enumerate(ORGANS, start=1))
    return (
        Volume(pet, geometry, "SUVbw"),
        Volume(density, geometry, "HU"),
        LabelMap(organs, geometry, names),
        LabelMap(lesions, geometry, {n: f"L{n:02d}" for n in range(1, 5)}),
    )


@cache
def _pictures() -> dict[str, bytes]:
    pet, ct, organs, lesions = _phantom()
    return {
        "Whole body": whole_body_picture(pet, organs, lesions),
        "PET on CT, coronal slice": fused_slice_picture(ct, pet, "coronal", 0.0),
    }


def study_row(**changes: Any) -> dict[str, Any]:
    """A row of the table studies."""
    return {
        "study_key": "sq7hv2mzk4tbw6xn",
        "patient_key": "pk3jd8w5r2ynqf7t",
        "source_kind": "dicom",
        "status": "accepted",
        "reason_code": None,
        "study_date": "2019-03-14",
        "sex": "F",
        "age_years": 61.0,
        "weight_kg": 68.5,
        "height_m": 1.67,
        "has_pet": True,
        "has_ct": True,
        "mask_sources": 1,
        "files": 812,
        **changes,
    }


def _acquisitions() -> pl.DataFrame:
    return frame(
        "acquisitions",
        [
            {
                "series_key": "e4k2n7w9xq3mzt5v",
                "modality": "PT",
                "role": "pet",
                "choice_reason_code": "ATTENUATION_CORRECTED",
                "choice_reason": "the only attenuation-corrected PET, 267 images",
                "manufacturer": "GE MEDICAL SYSTEMS",
                "model": "Discovery 690",
                "scanner": SCANNERS[0],
                "reconstruction": "VPFXS, 2 iterations, 24 subsets",
                "slices": 267,
                "spacing_z_mm": 3.27,
                "spacing_y_mm": 4.6875,
                "spacing_x_mm": 4.6875,
                "radionuclide": "F-18",
                "radiopharmaceutical": "Fluorodeoxyglucose F-18",
                "injected_dose_mbq": 245.3,
                "uptake_time_min": 62.4,
                "units": "BQML",
                "decay_correction": "START",
                "decay_reference": "SERIES_TIME",
                "suv_flags": "DATE_FROM_SERIES",
            },
            {
                "series_key": "e9h3b6v2kq8wmt4z",
                "modality": "CT",
                "role": "ct",
                "choice_reason_code": "SAME_FRAME_OF_REFERENCE",
                "choice_reason": "same frame of reference as the PET, covers 100 % of it",
                "scanner": SCANNERS[0],
                "reconstruction": "STANDARD",
                "slices": 267,
                "spacing_z_mm": 3.27,
                "spacing_y_mm": 0.977,
                "spacing_x_mm": 0.977,
            },
            {
                "series_key": "e2r7m5q8zj4kxn3w",
                "modality": "PT",
                "role": "unused",
                "choice_reason_code": "NOT_ATTENUATION_CORRECTED",
                "choice_reason": "not corrected for attenuation",
                "slices": 267,
            },
            {
                "series_key": "e6t4w8y3nb5cqz7h",
                "modality": "SEG",
                "role": "masks",
                "choice_reason_code": "MASKS_OF_PET",
                "choice_reason": "segments on the images of the PET",
                "slices": 1,
            },
        ],
    )


def _regions() -> pl.DataFrame:
    rows = []
    for kind, layer in (("organ", "organs"), ("healthy_organ", "healthy")):
        for label, (name, (*_, radius, _uptake)) in enumerate(ORGANS.items(), start=1):
            rows.append(
                {
                    "region_id": f"{layer}/imported_organs/{name}",
                    "layer": layer,
                    "kind": kind,
                    "region": name,
                    "label": label,
                    "organ": name,
                    "algorithm": "imported_organs",
                    "algorithm_version": "1",
                    "grid": "pet",
                    "volume_ml": 1.3 * 4 / 3 * np.pi * radius**3 / 1000,
                }
            )
    rows.extend(
        {
            "region_id": f"lesions/imported_lesions/L{number:02d}",
            "layer": "lesions",
            "kind": "lesion",
            "region": f"L{number:02d}",
            "algorithm": "imported_lesions",
        }
        for number in range(1, 5)
    )
    return frame("regions", rows)


def _features() -> pl.DataFrame:
    rows = []
    policies = (("PT", "pet_fbs_0.25", "9d41f0c2aa"), ("CT", "ct_fbs_25", "3be7704e1c"))
    for modality, policy, policy_hash in policies:
        for region in _regions().to_dicts():
            uptake = ORGANS.get(region["region"], (0, 0, 0, 0, 8.0))[4]
            density = -780.0 if "lung" in region["region"] else 45.0
            mean = uptake if modality == "PT" else density
            values = {"stat_mean": mean, "stat_max": 1.4 * mean, "cm_joint_entr_3D_comb": 4.2}
            for feature, value in values.items():
                missing = feature.startswith("cm_") and region["region"] == "L04"
                rows.append(
                    {
                        "region_id": region["region_id"],
                        "modality": modality,
                        "policy": policy,
                        "policy_hash": policy_hash,
                        "feature": feature,
                        "value": None if missing else value,
                        "reason": "REGION_TOO_SMALL" if missing else None,
                    }
                )
    return frame("features", rows)


def _lesions() -> pl.DataFrame:
    rows = []
    for factor, algorithm in zip((1.0, 1.8, 0.9, 0.6), ALGORITHMS, strict=True):
        for number, (organ, volume) in enumerate(
            (("lung_left", 88.4), (None, 31.0), ("bone_marrow", 15.2), (None, 9.61)), start=1
        ):
            rows.append(
                {
                    "region_id": f"lesions/{algorithm}/L{number:02d}",
                    "algorithm": algorithm,
                    "lesion": f"L{number:02d}",
                    "organ": organ,
                    "suv_max": 17.2 / number,
                    "suv_mean": 9.1 / number,
                    "suv_peak": 13.6 / number,
                    "mtv_ml": factor * volume,
                    "tlg_ml": factor * volume * 9.1 / number,
                }
            )
    return frame("lesions", rows)


def _biomarker_rows(generator: np.random.Generator, height: bool = True) -> list[dict[str, Any]]:
    tmtv = float(generator.lognormal(4.6, 0.9))
    rows: list[dict[str, Any]] = []
    for factor, algorithm in zip((1.0, 1.8, 0.9, 0.6), ALGORITHMS, strict=True):
        volume = tmtv * factor * float(generator.uniform(0.85, 1.15))
        dmax = float(generator.uniform(80, 700))
        values = [
            ("tmtv_ml", volume, "mL"),
            ("tlg_ml", 5.4 * volume, "SUVbw·mL"),
            ("lesion_count", float(generator.integers(1, 20)), "1"),
            ("dmax_mm", dmax, "mm"),
            ("sdmax_per_m", dmax / 1750 if height else None, "1/m"),
        ]
        rows += [
            {
                "algorithm": algorithm,
                "biomarker": name,
                "value": value,
                "unit": unit,
                "reason": None if value is not None else "NO_HEIGHT",
            }
            for name, value, unit in values
        ]
    for name in ("spleen_to_liver_ratio_mean", "marrow_to_liver_ratio_mean"):
        rows.append(
            {
                "algorithm": "organs",
                "biomarker": name,
                "value": float(generator.normal(0.85, 0.12)),
                "unit": "1",
            }
        )
    rows.append(
        {
            "algorithm": "organs",
            "biomarker": "spleen_to_liver_ratio_max",
            "unit": "1",
            "reason": "NO_SPLEEN",
        }
    )
    return rows


def _agreement() -> pl.DataFrame:
    rows = []
    for index, first in enumerate(ALGORITHMS):
        for second in ALGORITHMS[index + 1 :]:
            for measure, value in (
                ("dice", 0.71),
                ("volume_a_ml", 144.2),
                ("volume_b_ml", 201.0),
                ("volume_difference_ml", 56.8),
            ):
                rows.append(
                    {
                        "algorithm_a": first,
                        "algorithm_b": second,
                        "measure": measure,
                        "value": value,
                    }
                )
    return frame("segmentation_agreement", rows)


def study_inputs(**changes: Any) -> StudyPageInputs:
    """A complete, accepted study."""
    values: dict[str, Any] = {
        "study": study_row(),
        "acquisitions": _acquisitions(),
        "quarantine": frame(
            "quarantine",
            [
                {
                    "stage": "lesion_masks",
                    "reason_code": "SEGMENTER_UNAVAILABLE",
                    "message": "the segmenter lion is not installed",
                    "action": "install the extra of its name",
                }
            ],
        ),
        "regions": _regions(),
        "lesions": _lesions(),
        "biomarkers": frame("biomarkers", _biomarker_rows(np.random.default_rng(3), height=False)),
        "segmentation_agreement": _agreement(),
        "features": _features(),
        "pictures": _pictures(),
        "provenance": {
            "wbr_platform": "0.1.0",
            "policies": {"pet_fbs_0.25": "9d41f0c2aa", "ct_fbs_25": "3be7704e1c"},
            "segmenters": ["imported_lesions 1", "suv_4.0 1"],
        },
    }
    return StudyPageInputs(**{**values, **changes})


def refused_study_inputs() -> StudyPageInputs:
    """A study whose PET could not become SUV: there is nothing but its refusal."""
    return StudyPageInputs(
        study=study_row(status="refused", reason_code="CPS_UNITS", has_ct=False, height_m=None),
        acquisitions=_acquisitions().filter(pl.col("modality") == "PT"),
        quarantine=frame(
            "quarantine",
            [
                {
                    "stage": "pet_suv",
                    "reason_code": "CPS_UNITS",
                    "message": "Units of the PET are CPS",
                    "action": "export the series in BQML.",
                }
            ],
        ),
    )


PATIENTS = 24


def _key(prefix: str, number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    generator = np.random.default_rng(1000 + number)
    return prefix + "".join(letters[i] for i in generator.integers(0, 32, 15))


def _cohort_studies() -> pl.DataFrame:
    generator = np.random.default_rng(11)
    rows = []
    for number in range(PATIENTS):
        refused = {
            3: "SUV_UNITS_UNSUPPORTED",
            9: "SUV_WEIGHT_MISSING",
            17: "GEOMETRY_MISSING_SLICE",
        }
        rows.append(
            study_row(
                study_key=_key("s", number),
                patient_key=_key("p", number),
                status="refused" if number in refused else "accepted",
                reason_code=refused.get(number),
                sex="F" if number % 3 else "M",
                age_years=float(generator.integers(38, 84)),
                weight_kg=round(float(generator.normal(74, 12)), 1),
                has_pet=number not in (20,),
            )
        )
    return frame("studies", rows)


def _cohort_acquisitions() -> pl.DataFrame:
    generator = np.random.default_rng(12)
    rows = []
    for number in range(PATIENTS):
        base = _acquisitions().to_dicts()[0]
        rows.append(
            {
                **base,
                "study_key": _key("s", number),
                "scanner": SCANNERS[number % 3],
                "uptake_time_min": float(generator.normal(63, 6)),
                "injected_dose_mbq": float(generator.normal(240, 35)),
                "units": "CNTS" if number % 3 == 2 else "BQML",
                "suv_flags": "DATES_DISAGREE" if number % 7 == 0 else None,
            }
        )
    return frame("acquisitions", rows)


def _cohort_biomarkers() -> pl.DataFrame:
    generator = np.random.default_rng(13)
    rows = []
    for number in range(PATIENTS):
        if number in (3, 9, 17, 20):
            continue
        values = _biomarker_rows(generator, height=number % 5 != 0)
        rows.extend({"study_key": _key("s", number), **row} for row in values)
    return frame("biomarkers", rows)


def _cohort_clinical() -> pl.DataFrame:
    generator = np.random.default_rng(14)
    rows = [
        {
            "patient_key": _key("p", number),
            "age_years": float(generator.integers(38, 84)),
            "sex": "F" if number % 3 else "M",
            "stage": ("II", "III", "IV")[number % 3],
            "glycaemia_mmol_l": float(generator.normal(5.6, 0.7)) if number % 4 else None,
            "treatment": "R-CHOP" if number % 2 else "other",
            "response": bool(number % 3),
            "survival_days": float(generator.exponential(900) + 40),
            "death": bool(generator.random() < 0.55),
            "progression_free_days": float(generator.exponential(600) + 30),
            "progression": bool(generator.random() < 0.7),
        }
        for number in range(PATIENTS - 2)
    ]
    return frame("clinical", rows)


def _cohort_harmonized() -> pl.DataFrame:
    generator = np.random.default_rng(15)
    rows = []
    for number in range(PATIENTS):
        for region in ("liver", "spleen"):
            for feature in ("stat_mean", "stat_max"):
                value = float(generator.normal(2.2, 0.3))
                small = number % 3 == 2 and region == "spleen"
                rows.append(
                    {
                        "study_key": _key("s", number),
                        "kind": "healthy_organ",
                        "region": region,
                        "modality": "PT",
                        "policy": "pet_fbs_0.25",
                        "feature": feature,
                        "batch": SCANNERS[number % 3],
                        "value": value + 0.5 * (number % 3),
                        "harmonized_value": None if small else value + 0.5,
                        "reason": "BATCH_TOO_SMALL" if small else None,
                    }
                )
    return frame("harmonized_features", rows)


def _cohort_network() -> tuple[pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(16)
    names = [*ORGANS, "pancreas", "thyroid", "stomach", "aorta"]
    nodes = [
        {
            "analysis_id": "n1",
            "node": name,
            "included": True,
            "patients": 20,
            "strength": float(generator.uniform(0.2, 2)),
        }
        for name in names
    ]
    nodes.append(
        {
            "analysis_id": "n1",
            "node": "thymus",
            "included": False,
            "reason": "MISSING_VALUES",
            "patients": 4,
        }
    )
    edges = []
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            weight = float(np.clip(generator.normal(0, 0.16), -0.9, 0.9))
            if (first, second) in (("spleen", "bone_marrow"), ("kidney_right", "kidney_left")):
                weight = 0.72
            p = float(np.exp(-18 * abs(weight)))
            edges.append(
                {
                    "analysis_id": "n1",
                    "node_a": first,
                    "node_b": second,
                    "patients": 20,
                    "correlation": weight * 1.2,
                    "partial_correlation": weight,
                    "p_value": p,
                    "q_value": min(1.0, p * 12),
                }
            )
    return frame("network_nodes", nodes), frame("network_edges", edges)


def _cohort_models() -> pl.DataFrame:
    rows = []
    layers = {
        "clinical": (["age_years", "stage_IV"], 0.571),
        "clinical + TMTV": (["age_years", "stage_IV", "log_tmtv"], 0.634),
        "clinical + TMTV + host ratios": (
            ["age_years", "stage_IV", "log_tmtv", "marrow_to_liver_ratio_mean"],
            0.629,
        ),
    }
    for number, (model, (covariates, concordance)) in enumerate(layers.items()):
        left_out = {"covariate": "glycaemia", "reason": "MISSING_VALUES", "model": model}
        rows.append({**left_out, "analysis_id": f"c{number}", "patients": 20, "events": 12})
        for index, covariate in enumerate(covariates):
            log_ratio = (0.22, 0.35, 0.61, -0.08)[index]
            rows.append(
                {
                    "analysis_id": f"c{number}",
                    "model": model,
                    "covariate": covariate,
                    "patients": 20,
                    "events": 12,
                    "log_hazard_ratio": log_ratio,
                    "hazard_ratio": float(np.exp(log_ratio)),
                    "hazard_ratio_low": float(np.exp(log_ratio - 0.55)),
                    "hazard_ratio_high": float(np.exp(log_ratio + 0.55)),
                    "p_value": (0.43, 0.21, 0.03, 0.78)[index],
                    "concordance": concordance + 0.06,
                    "concordance_cross_validated": concordance,
                }
            )
    return frame("survival_models", rows)


def _cohort_gains() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "analysis_id": "c1",
                "model": "clinical + TMTV",
                "baseline": "clinical",
                "concordance_gain": 0.063,
                "concordance_gain_low": 0.012,
                "concordance_gain_high": 0.114,
                "likelihood_ratio_p_value": 0.01,
                "verdict": "gain",
                "reason": None,
            },
            {
                "analysis_id": "c2",
                "model": "clinical + TMTV + host ratios",
                "baseline": "clinical + TMTV",
                "concordance_gain": -0.005,
                "concordance_gain_low": -0.031,
                "concordance_gain_high": 0.021,
                "likelihood_ratio_p_value": 0.7,
                "verdict": "no gain",
                "reason": None,
            },
        ]
    )


def _cohort_ledger() -> pl.DataFrame:
    return frame(
        "analysis_ledger",
        [
            {
                "analysis_id": "n1",
                "asset": "organ_network",
                "question": "Which organs' uptake varies together over patients?",
                "method": "shrunk partial correlation (Schäfer-Strimmer)",
                "parameters": "{}",
                "patients": 20,
                "status": "fitted",
                "result": "2 of 91 edges with q below 0.05.",
            },
            {
                "analysis_id": "c1",
                "asset": "survival_models",
                "question": "Does TMTV add to age and stage for overall survival?",
                "method": "Cox, 5-fold cross-validated",
                "parameters": "{}",
                "patients": 20,
                "status": "fitted",
                "result": "C rises from 0.571 to 0.634.",
            },
            {
                "analysis_id": "c2",
                "asset": "survival_models",
                "question": "Do network pathways add to TMTV?",
                "method": "Cox, 5-fold cross-validated",
                "parameters": "{}",
                "patients": 20,
                "status": "refused",
                "reason_code": "NOT_ENOUGH_PATIENTS",
                "result": "50 patients are needed, 20 are there.",
            },
        ],
    )


def cohort_inputs(**changes: Any) -> CohortPageInputs:
    """A complete cohort of 24 studies, three of them refused."""
    nodes, edges = _cohort_network()
    studies = _cohort_studies()
    messages = {
        "SUV_UNITS_UNSUPPORTED": ("Units are CPS", "export the series in BQML"),
        "SUV_WEIGHT_MISSING": ("PatientWeight is empty", "give the weight in the clinical table"),
        "GEOMETRY_MISSING_SLICE": ("one slice of 267 is missing", "export the series again"),
    }
    quarantine = [
        {
            "study_key": row["study_key"],
            "stage": "pet_suv",
            "reason_code": row["reason_code"],
            "message": messages[row["reason_code"]][0],
            "action": messages[row["reason_code"]][1],
        }
        for row in studies.to_dicts()
        if row["status"] == "refused"
    ]
    values: dict[str, Any] = {
        "studies": studies,
        "acquisitions": _cohort_acquisitions(),
        "quarantine": frame("quarantine", quarantine),
        "biomarkers": _cohort_biomarkers(),
        "clinical": _cohort_clinical(),
        "harmonized_features": _cohort_harmonized(),
        "network_nodes": nodes,
        "network_edges": edges,
        "survival_models": _cohort_models(),
        "survival_gains": _cohort_gains(),
        "analysis_ledger": _cohort_ledger(),
        "links": {key: f"studies/{key}/study.html" for key in studies["study_key"]},
        "publication": {"published": "2026-01-05T10:00:00Z", "wbr_platform": "0.1.0"},
        "title": "Cohort of 24 simulated patients",
    }
    return CohortPageInputs(**{**values, **changes})
