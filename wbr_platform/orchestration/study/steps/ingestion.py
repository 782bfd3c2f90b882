"""From the export to trusted volumes: the study's record, its PET in SUV, its CT, its masks."""

from __future__ import annotations

import numpy as np
import polars as pl

from wbr_platform.dicom import reading
from wbr_platform.imaging.nifti import write_volume
from wbr_platform.imaging.pictures import whole_body_picture
from wbr_platform.imaging.volume import Volume
from wbr_platform.orchestration.study.mask_files import write_masks
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal


def dicom_study(study: StudyWorkspace) -> StepResult:
    """Choose the series that belong together and record, pseudonymised, what came."""
    description = reading.describe_study(study.vault, study.study_key)
    acquisitions = pl.DataFrame(description.acquisitions, infer_schema_length=None)
    return StepResult(
        metadata={
            "series": len(description.acquisitions),
            "series_used": sum(row["role"] != "unused" for row in description.acquisitions),
            "status": description.study["status"],
        },
        tables={
            "studies": pl.DataFrame([description.study], infer_schema_length=None),
            "acquisitions": acquisitions,
        },
        refusal=description.refusal,
    )


def pet_suv(study: StudyWorkspace) -> StepResult:
    """The attenuation-corrected PET as a volume in SUVbw."""
    _require_accepted(study)
    pet = reading.read_pet(study.vault, study.study_key)
    write_volume(pet, study.folder / "pet_suv.nii.gz")
    return StepResult(
        metadata={
            **_grid(pet),
            "suv_max": float(pet.array.max()),
            "picture": whole_body_picture(pet),
        }
    )


def ct(study: StudyWorkspace) -> StepResult:
    """The CT that belongs to the PET, as a volume in HU."""
    _require_accepted(study)
    volume = reading.read_ct(study.vault, study.study_key)
    write_volume(volume, study.folder / "ct.nii.gz")
    return StepResult(metadata={**_grid(volume), "hu_median": float(np.median(volume.array))})


def imported_masks(study: StudyWorkspace) -> StepResult:
    """The SEG, RTSTRUCT and NIfTI masks of the export, each on the grid of its image."""
    _require_accepted(study)
    masks = reading.read_masks(study.vault, study.study_key)
    if not masks:
        raise Refusal("NO_MASKS", "the export holds no SEG, RTSTRUCT or NIfTI masks")
    write_masks(masks, study.folder)
    return StepResult(metadata={"masks": len(masks)})


def _require_accepted(study: StudyWorkspace) -> None:
    if not study.done("dicom_study"):
        raise Refusal("NO_ACCEPTED_STUDY", "the study was refused as a whole")


def _grid(volume: Volume) -> dict[str, str]:
    return {
        "shape_zyx": " x ".join(str(n) for n in volume.geometry.shape),
        "spacing_zyx_mm": " x ".join(f"{s:.3g}" for s in volume.geometry.spacing),
    }


STEPS = (
    StudyStep(
        name="dicom_study",
        compute=dicom_study,
        upstream=(),
        group="ingest",
        kinds=("dicom",),
        description="Series chosen and refused, with reasons; allow-listed header fields only.",
        code_version="1",
        tables=("studies", "acquisitions"),
    ),
    StudyStep(
        name="pet_suv",
        compute=pet_suv,
        upstream=("dicom_study",),
        group="ingest",
        kinds=("dicom", "nifti"),
        description="PET in SUVbw on its own grid; the SUV rule's branch stands in acquisitions.",
        code_version="1",
    ),
    StudyStep(
        name="ct",
        compute=ct,
        upstream=("dicom_study",),
        group="ingest",
        kinds=("dicom", "nifti"),
        description="CT in HU on its own grid.",
        code_version="1",
    ),
    StudyStep(
        name="imported_masks",
        compute=imported_masks,
        upstream=("dicom_study",),
        group="ingest",
        kinds=("dicom",),
        description="Masks that came with the export (SEG, RTSTRUCT, NIfTI).",
        code_version="1",
    ),
)
