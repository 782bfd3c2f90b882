"""One asset for each segmenter that the settings name."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from wbr_platform.imaging import NamedMask
from wbr_platform.imaging.nifti import read_labelmap, write_labelmap
from wbr_platform.imaging.pictures import whole_body_picture
from wbr_platform.orchestration.study.mask_files import read_masks
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.segmenter import (
    RemovedUptake,
    Segmentation,
    SegmentationInputs,
)
from wbr_platform.settings import Settings

MASK_FILE = "labels.nii.gz"
RECORD_FILE = "segmentation.json"


def step_name(algorithm: str) -> str:
    """The asset of a segmenter, for example ``lesion_masks__suv_2_5``."""
    target = SEGMENTERS[algorithm].target
    stem = "organ_masks" if target == "organs" else "lesion_masks"
    return f"{stem}__{algorithm.replace('.', '_')}"


def steps(settings: Settings) -> list[StudyStep]:
    """Organ segmenters first, for lesion segmenters may use their organs."""
    organ_steps = tuple(step_name(name) for name in settings.organ_algorithms)
    images = ("pet_suv", "ct", "imported_masks")
    return [
        *(_step(name, images) for name in settings.organ_algorithms),
        *(_step(name, (*images, *organ_steps)) for name in settings.lesion_algorithms),
    ]


def _step(algorithm: str, upstream: tuple[str, ...]) -> StudyStep:
    segmenter = SEGMENTERS[algorithm]
    return StudyStep(
        name=step_name(algorithm),
        compute=partial(segment, algorithm=algorithm),
        upstream=upstream,
        group="segmentation",
        kinds=("simpleitk",),
        description=f"{segmenter.target.capitalize()} by {algorithm}.",
        code_version=segmenter.version,
    )


def segment(study: StudyWorkspace, algorithm: str) -> StepResult:
    """Run one segmenter and keep its label map, its version and its notes."""
    segmenter = SEGMENTERS[algorithm]
    available = segmenter.available()
    if not available.ok:
        raise Refusal("SEGMENTER_UNAVAILABLE", f"{algorithm} cannot run: {available.reason}")
    pet, ct = study.pet(), study.ct()
    masks: tuple[NamedMask, ...] = ()
    if study.done("imported_masks"):
        masks = read_masks(study.store.study_folder(study.study_key, "imported_masks"))
    organs = primary_organs(study) if segmenter.target == "lesions" else None
    inputs = SegmentationInputs(pet, ct, masks, organs.labelmap if organs else None)
    segmentation = segmenter.segment(inputs)
    write_segmentation(segmentation, study)
    metadata: dict[str, Any] = {
        "physiological_uptake_left_out_ml": sum(part.volume_ml for part in segmentation.removed),
        "regions": len(segmentation.labelmap.labels),
        "voxels": int((segmentation.labelmap.array > 0).sum()),
        "notes": list(segmentation.notes),
    }
    if pet is not None and segmentation.grid == "pet":
        drawn = segmentation.labelmap
        metadata["picture"] = (
            whole_body_picture(pet, organs=drawn)
            if segmenter.target == "organs"
            else whole_body_picture(pet, lesions=drawn)
        )
    return StepResult(metadata)


def write_segmentation(segmentation: Segmentation, study: StudyWorkspace) -> None:
    """The label map and, beside it, what made it."""
    write_labelmap(segmentation.labelmap, study.folder / MASK_FILE)
    record = {
        "algorithm": segmentation.algorithm,
        "version": segmentation.version,
        "grid": segmentation.grid,
        "notes": list(segmentation.notes),
        "removed": [asdict(uptake) for uptake in segmentation.removed],
    }
    (study.folder / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n")


def read_segmentation(study: StudyWorkspace, algorithm: str) -> Segmentation | None:
    """The segmentation of a step above; None when it refused."""
    step = step_name(algorithm)
    if not study.done(step):
        return None
    record = json.loads(study.file(step, RECORD_FILE).read_text())
    return Segmentation(
        labelmap=read_labelmap(study.file(step, MASK_FILE)),
        algorithm=record["algorithm"],
        version=record["version"],
        grid=record["grid"],
        notes=tuple(record["notes"]),
        removed=tuple(
            RemovedUptake(**{**uptake, "centroid": tuple(uptake["centroid"])})
            for uptake in record["removed"]
        ),
    )


def primary_organs(study: StudyWorkspace) -> Segmentation | None:
    """The organs of the first segmenter in the settings that came to a result."""
    for algorithm in study.settings.organ_algorithms:
        organs = read_segmentation(study, algorithm)
        if organs is not None:
            return organs
    return None


def all_lesions(study: StudyWorkspace) -> dict[str, Segmentation]:
    """The lesions of every segmenter that came to a result, by algorithm."""
    found = {name: read_segmentation(study, name) for name in study.settings.lesion_algorithms}
    return {name: lesions for name, lesions in found.items() if lesions is not None}
