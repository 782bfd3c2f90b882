"""Rows of the truth tables and of the clinical table of a simulated patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.outcomes import Outcome
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.phantom import Phantom

Row = dict[str, object]

# Cells of the clinical table that are left empty now and then, as in any real table.
MAY_BE_MISSING = (
    "stage",
    "height_m",
    "glycaemia_mmol_l",
    "response",
    "crp_mg_l",
    "neutrophil_lymphocyte_ratio",
)


@dataclass(frozen=True)
class PatientRows:
    """All rows that one patient adds to the tables."""

    clinical: Row
    patient: Row
    lesions: tuple[Row, ...]
    organ_uptakes: tuple[Row, ...]


def patient_rows(
    design: CohortDesign,
    patient: SimulatedPatient,
    outcome: Outcome,
    phantom: Phantom,
    export: str,
) -> PatientRows:
    """The rows of one patient, from what was drawn and what was painted."""
    return PatientRows(
        clinical=clinical_row(design, patient, outcome),
        patient=_patient_row(patient, outcome, export),
        lesions=_lesion_rows(patient, phantom),
        organ_uptakes=_uptake_rows(patient, phantom),
    )


def clinical_row(design: CohortDesign, patient: SimulatedPatient, outcome: Outcome) -> Row:
    """One row of clinical.csv, with its missing cells (None)."""
    row: Row = {
        "patient_id": patient.patient_id,
        "age_years": patient.age_years,
        "sex": patient.sex,
        "stage": outcome.stage,
        "weight_kg": patient.weight_kg,
        "height_m": patient.height_m,
        "glycaemia_mmol_l": patient.glycaemia_mmol_l,
        "treatment": outcome.treatment,
        "response": outcome.response,
        "survival_days": outcome.survival_days,
        "death": outcome.death,
        "progression_free_days": outcome.progression_free_days,
        "progression": outcome.progression,
        "crp_mg_l": outcome.crp_mg_l,
        "neutrophil_lymphocyte_ratio": outcome.neutrophil_lymphocyte_ratio,
    }
    random = np.random.default_rng([patient.seed, 3])
    for column in MAY_BE_MISSING:
        if random.random() < design.missing_cells:
            row[column] = None
    return row


def _patient_row(patient: SimulatedPatient, outcome: Outcome, export: str) -> Row:
    row: Row = {
        "patient_id": patient.patient_id,
        "export": export,
        "scanner": patient.scanner,
        "fault": patient.fault,
        "sex": patient.sex,
        "age_years": patient.age_years,
        "weight_kg": patient.weight_kg,
        "height_m": patient.height_m,
        "glycaemia_mmol_l": patient.glycaemia_mmol_l,
        "injected_dose_mbq": patient.injected_dose_mbq,
        "uptake_time_min": round(patient.uptake_time_min, 4),
        "lesions": len(patient.lesions),
        "tmtv_ml": round(patient.tmtv_ml, 4),
        "tlg_ml": round(sum(x.volume_ml * x.suv_mean for x in patient.lesions), 4),
        "tumour_score": outcome.tumour_score,
        "pathway_score": outcome.pathway_score,
        "age_score": outcome.age_score,
        "log_hazard": outcome.log_hazard,
    }
    return row | {f"system_{name}": score for name, score in patient.systems.items()}


def _lesion_rows(patient: SimulatedPatient, phantom: Phantom) -> tuple[Row, ...]:
    truth = phantom.pet_truth.array
    rows = []
    for number, lesion in enumerate(patient.lesions, start=1):
        inside = truth[phantom.lesions.array == number]
        rows.append(
            {
                "patient_id": patient.patient_id,
                "lesion": lesion.lesion,
                "site": lesion.site,
                "organ": lesion.organ,
                "centre_x_mm": lesion.centre[0],
                "centre_y_mm": lesion.centre[1],
                "centre_z_mm": lesion.centre[2],
                "radius_x_mm": round(lesion.radii[0], 4),
                "radius_y_mm": round(lesion.radii[1], 4),
                "radius_z_mm": round(lesion.radii[2], 4),
                "volume_ml": round(lesion.volume_ml, 4),
                "volume_in_mask_ml": round(inside.size * _pet_voxel_ml(phantom), 4),
                "suv_mean": round(lesion.suv_mean, 4),
                "suv_max": round(float(inside.max()), 4) if inside.size else None,
                "core": lesion.core,
            }
        )
    return tuple(rows)


def _pet_voxel_ml(phantom: Phantom) -> float:
    return phantom.pet.geometry.voxel_volume_ml


def _uptake_rows(patient: SimulatedPatient, phantom: Phantom) -> tuple[Row, ...]:
    """The SUV that was set, and the mean of the noise-free image over the organ's healthy mask."""
    healthy = np.where(phantom.lesions.array > 0, 0, phantom.organs_on_pet.array).ravel()
    count = max(phantom.organs.labels) + 1
    voxels = np.bincount(healthy, minlength=count)
    sums = np.bincount(healthy, weights=phantom.pet_truth.array.ravel(), minlength=count)
    whole = np.bincount(phantom.organs.array.ravel(), minlength=count)
    return tuple(
        {
            "patient_id": patient.patient_id,
            "organ": organ,
            "suv_mean": round(patient.organ_suv[organ], 5),
            "suv_mean_in_mask": round(float(sums[label] / voxels[label]), 5)
            if voxels[label]
            else None,
            "volume_ml": round(float(whole[label]) * phantom.ct.geometry.voxel_volume_ml, 3),
        }
        for label, organ in phantom.organs.labels.items()
    )
