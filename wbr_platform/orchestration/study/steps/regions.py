"""The region catalogue and the agreement between lesion algorithms."""

from __future__ import annotations

from wbr_platform.imaging import Volume
from wbr_platform.imaging.nifti import write_labelmap
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.steps.masks import (
    all_lesions,
    primary_organs,
    step_name,
)
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.agreement import agreement_table
from wbr_platform.segmentation.regions import build_regions
from wbr_platform.segmentation.segmenter import Grid
from wbr_platform.settings import Settings


def regions(study: StudyWorkspace) -> StepResult:
    """Organs, lesions, organs without lesions and the whole burden, on the PET and CT grids."""
    organs, lesions = primary_organs(study), all_lesions(study)
    grids: dict[Grid, Volume | None] = {"pet": study.pet(), "ct": study.ct()}
    present = {name: volume.geometry for name, volume in grids.items() if volume is not None}
    if not present:
        raise Refusal("NO_IMAGE", "neither a PET nor a CT could be read")
    catalogues = {}
    for grid, geometry in present.items():
        catalogues[grid] = build_regions(geometry, grid, organs, lesions)
        for layer, labelmap in catalogues[grid].layers.items():
            write_labelmap(labelmap, study.folder / f"{grid}_{layer}.nii.gz")
    table = catalogues["pet" if "pet" in catalogues else "ct"].table
    if table.is_empty():
        raise Refusal("NO_REGIONS", "no segmenter found a region in this study")
    covered = present["pet"].covered_by(present["ct"]) if len(present) == 2 else None
    return StepResult({"regions": table.height, "pet_covered_by_ct": covered}, {"regions": table})


def segmentation_agreement(study: StudyWorkspace) -> StepResult:
    """Every pair of lesion algorithms compared."""
    lesions = {name: result.labelmap for name, result in all_lesions(study).items()}
    if len(lesions) < 2:
        raise Refusal("NO_SECOND_ALGORITHM", "fewer than two lesion algorithms gave a result")
    table = agreement_table(lesions)
    return StepResult({"comparisons": table.height}, {"segmentation_agreement": table})


def _all_mask_steps(settings: Settings) -> tuple[str, ...]:
    return tuple(step_name(n) for n in (*settings.organ_algorithms, *settings.lesion_algorithms))


def step(settings: Settings) -> StudyStep:
    """The step of the region catalogue."""
    return StudyStep(
        name="regions",
        compute=regions,
        upstream=("pet_suv", "ct", *_all_mask_steps(settings)),
        group="segmentation",
        kinds=("simpleitk", "parquet"),
        description="One catalogue of regions: organs, lesions, healthy parts, tumour burden.",
        code_version="1",
        tables=("regions",),
    )


def agreement_step(settings: Settings) -> StudyStep:
    """The step that compares lesion algorithms."""
    return StudyStep(
        name="segmentation_agreement",
        compute=segmentation_agreement,
        upstream=tuple(step_name(n) for n in settings.lesion_algorithms),
        group="segmentation",
        kinds=("parquet",),
        description="Overlap, surface distances, volumes and lesion-wise detection of every pair.",
        code_version="2",
        tables=("segmentation_agreement",),
    )
