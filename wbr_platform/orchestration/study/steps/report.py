"""The study page."""

from __future__ import annotations

from wbr_platform import __version__
from wbr_platform.imaging.nifti import read_labelmap
from wbr_platform.imaging.pictures import fused_slice_picture, whole_body_picture
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.steps.masks import step_name
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.reporting.study_page import StudyPageInputs, study_page
from wbr_platform.settings import Settings

TABLES = (
    "acquisitions",
    "quarantine",
    "regions",
    "lesions",
    "biomarkers",
    "segmentation_agreement",
    "features",
)


def study_report(study: StudyWorkspace) -> StepResult:
    """Write the self-contained page of this study; a refused study has a page too."""
    rows = study.rows("studies")
    frames = {name: study.rows(name) for name in TABLES}
    frames["quarantine"] = study.refusals()
    inputs = StudyPageInputs(
        study={"study_key": study.study_key, **rows.row(0, named=True)},
        segmenter_notes=_segmenter_notes(study),
        pictures=_pictures(study),
        provenance=_provenance(study),
        **frames,
    )
    page = f"studies/{study.study_key}.html"
    study.store.write_report(page, study_page(inputs))
    return StepResult({"page": page})


def _segmenter_notes(study: StudyWorkspace) -> dict[str, list[str]]:
    """What each segmenter that came to a result noted."""
    settings = study.settings
    notes = {}
    for algorithm in (*settings.lesion_algorithms, *settings.organ_algorithms):
        manifest = study.store.read_manifest(step_name(algorithm), study.study_key)
        if manifest is not None and manifest.status == "done":
            notes[algorithm] = list(manifest.metadata["notes"])
    return notes


def _pictures(study: StudyWorkspace) -> dict[str, bytes]:
    pet, ct = study.pet(), study.ct()
    pictures: dict[str, bytes] = {}
    if pet is None:
        return pictures
    organs = lesions = None
    if study.done("regions"):
        layers = {
            layer: study.file("regions", f"pet_{layer}.nii.gz") for layer in ("organs", "lesions")
        }
        found = {name: read_labelmap(path) for name, path in layers.items() if path.exists()}
        organs, lesions = found.get("organs"), found.get("lesions")
    pictures["Whole body"] = whole_body_picture(pet, organs=organs, lesions=lesions)
    if ct is not None:
        pictures["PET on CT"] = fused_slice_picture(ct, pet, "coronal")
    return pictures


def _provenance(study: StudyWorkspace) -> dict[str, str]:
    record = {"wbr_platform": __version__}
    for manifest in study.store.study_manifests(study.study_key):
        record[manifest.asset] = manifest.stamp
    return record


def step(settings: Settings) -> StudyStep:
    """The step of the study page, below everything else."""
    return StudyStep(
        name="study_report",
        compute=study_report,
        upstream=(
            "dicom_study",
            "regions",
            "segmentation_agreement",
            "radiomic_features",
            "whole_body_biomarkers",
        ),
        group="reports",
        kinds=("html",),
        description="Self-contained HTML page of the study: pictures, tables, what was refused.",
        code_version="2",
    )
