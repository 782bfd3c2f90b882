"""Radiomic features of every region, from PET and from CT."""

from __future__ import annotations

import polars as pl

from wbr_platform.imaging.nifti import read_labelmap
from wbr_platform.imaging.volume import Volume
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.policy import PRESETS, Policy
from wbr_platform.refusal import Refusal


def radiomic_features(study: StudyWorkspace) -> StepResult:
    """One long table: region x modality x feature."""
    if not study.done("regions"):
        raise Refusal("NO_REGIONS", "there is no region to extract features from")
    wanted = (
        ("pet", "PT", study.pet(), PRESETS[study.settings.pet_policy]),
        ("ct", "CT", study.ct(), PRESETS[study.settings.ct_policy]),
    )
    frames = [
        _features_of(study, grid, modality, volume, policy)
        for grid, modality, volume, policy in wanted
        if volume is not None
    ]
    table = pl.concat(frames)
    missing = int(table["value"].null_count())
    return StepResult(
        {
            "values": table.height - missing,
            "missing_with_reason": missing,
            "without_pet": study.pet() is None,
            "without_ct": study.ct() is None,
        },
        {"features": table},
    )


def _features_of(
    study: StudyWorkspace, grid: str, modality: str, volume: Volume, policy: Policy
) -> pl.DataFrame:
    regions = study.rows("regions").select("region_id", "layer", "label")
    frames = []
    for layer in regions["layer"].unique(maintain_order=True):
        labelmap = read_labelmap(study.file("regions", f"{grid}_{layer}.nii.gz"))
        ids = regions.filter(pl.col("layer") == layer).select("region_id", "label")
        frames.append(extract(volume, labelmap, policy).join(ids, on="label"))
    return pl.concat(frames).select(
        "region_id",
        pl.lit(modality).alias("modality"),
        pl.lit(policy.name).alias("policy"),
        pl.lit(policy.policy_hash).alias("policy_hash"),
        "feature",
        "value",
        "reason",
    )


STEP = StudyStep(
    name="radiomic_features",
    compute=radiomic_features,
    upstream=("regions", "pet_suv", "ct"),
    group="radiomics",
    kinds=("numba", "parquet"),
    description="IBSI features of every region from PET and CT; a missing value has its reason.",
    code_version="1",
    tables=("features",),
    parameters=lambda settings: {
        "pet_policy": PRESETS[settings.pet_policy].policy_hash,
        "ct_policy": PRESETS[settings.ct_policy].policy_hash,
    },
)
