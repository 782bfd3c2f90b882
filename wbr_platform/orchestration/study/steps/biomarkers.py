"""Lesion measures, tumour burden by every algorithm, and host biomarkers."""

from __future__ import annotations

import polars as pl

from wbr_platform.biomarkers.burden import tumour_burden
from wbr_platform.biomarkers.host import host_ratios
from wbr_platform.biomarkers.lesions import lesion_table
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.steps.masks import (
    all_lesions,
    primary_organs,
    step_name,
)
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.regions import primary_lesion_algorithm
from wbr_platform.settings import Settings


def whole_body_biomarkers(study: StudyWorkspace) -> StepResult:
    """Biomarkers of each lesion algorithm side by side, and of the organs without lesions."""
    pet = study.pet()
    if pet is None:
        raise Refusal("NO_PET", "biomarkers need a PET in SUV")
    organs, lesions = primary_organs(study), all_lesions(study)
    organ_map = organs.labelmap if organs else None
    patient = study.rows("studies").row(0, named=True)
    lesion_frames, biomarker_frames = [], []
    for algorithm, segmentation in lesions.items():
        frame = lesion_table(pet, segmentation.labelmap, organ_map, algorithm)
        lesion_frames.append(frame)
        burden = tumour_burden(frame, patient["height_m"], patient["weight_kg"])
        biomarker_frames.append(burden.with_columns(pl.lit(algorithm).alias("algorithm")))
    if organ_map is not None:
        primary = primary_lesion_algorithm(lesions)
        mask = lesions[primary].labelmap.array > 0 if primary else None
        biomarker_frames.append(
            host_ratios(pet, organ_map, mask).with_columns(pl.lit("organs").alias("algorithm"))
        )
    if not biomarker_frames:
        raise Refusal("NO_REGIONS", "neither lesions nor organs were segmented")
    biomarkers = pl.concat(biomarker_frames, how="diagonal_relaxed")
    tmtv = biomarkers.filter(pl.col("biomarker") == "tmtv_ml")
    tables = {"biomarkers": biomarkers}
    if lesion_frames:
        tables["lesions"] = pl.concat(lesion_frames)
    shown = {f"tmtv_ml_{r['algorithm']}": r["value"] for r in tmtv.iter_rows(named=True)}
    return StepResult(shown, tables)


def step(settings: Settings) -> StudyStep:
    """The step of all biomarkers."""
    algorithms = (*settings.organ_algorithms, *settings.lesion_algorithms)
    return StudyStep(
        name="whole_body_biomarkers",
        compute=whole_body_biomarkers,
        upstream=("dicom_study", "pet_suv", *(step_name(name) for name in algorithms)),
        group="biomarkers",
        kinds=("parquet",),
        description="SUV, MTV and TLG of lesions; TMTV, TLG, Dmax, SDmax; host ratios.",
        code_version="1",
        tables=("lesions", "biomarkers"),
    )
