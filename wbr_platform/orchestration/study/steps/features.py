"""Radiomic features of every region, from PET and from CT."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from wbr_platform.imaging import LabelMap
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
    layers = {
        layer: read_labelmap(study.file("regions", f"{grid}_{layer}.nii.gz"))
        for layer in regions["layer"].unique(maintain_order=True)
    }
    extracted: dict[str, pl.DataFrame] = {}
    for layer, labelmap in layers.items():
        same = same_regions(labelmap, layers["organs"]) if layer == "healthy" else frozenset()
        rows = extract(volume, without(labelmap, same), policy)
        if same:
            rows = pl.concat([rows, extracted["organs"].filter(pl.col("label").is_in(same))])
        extracted[layer] = rows
    frames = [
        rows.join(regions.filter(pl.col("layer") == layer), on="label")
        for layer, rows in extracted.items()
    ]
    return pl.concat(frames).select(
        "region_id",
        pl.lit(modality).alias("modality"),
        pl.lit(policy.name).alias("policy"),
        pl.lit(policy.policy_hash).alias("policy_hash"),
        "feature",
        "value",
        "reason",
    )


def same_regions(healthy: LabelMap, organs: LabelMap) -> frozenset[int]:
    """Organs without any lesion: their healthy part is the whole organ, voxel for voxel.

    A healthy part is a subset of its organ, so that equal counts mean equal masks.
    """
    highest = max((*healthy.labels, *organs.labels), default=0)
    before = np.bincount(organs.array.ravel(), minlength=highest + 1)
    after = np.bincount(healthy.array.ravel(), minlength=highest + 1)
    return frozenset(
        label
        for label, name in healthy.labels.items()
        if organs.labels.get(label) == name and before[label] == after[label]
    )


def without(labelmap: LabelMap, left_out: Collection[int]) -> LabelMap:
    """The label map with some labels turned to background and forgotten."""
    if not left_out:
        return labelmap
    kept = {label: name for label, name in labelmap.labels.items() if label not in left_out}
    array = np.where(np.isin(labelmap.array, list(left_out)), 0, labelmap.array)
    return LabelMap(array, labelmap.geometry, kept)


STEP = StudyStep(
    name="radiomic_features",
    compute=radiomic_features,
    upstream=("regions", "pet_suv", "ct"),
    group="radiomics",
    kinds=("numba", "parquet"),
    description="IBSI features of every region from PET and CT; a missing value has its reason.",
    code_version="2",
    tables=("features",),
    parameters=lambda settings: {
        "pet_policy": PRESETS[settings.pet_policy].policy_hash,
        "ct_policy": PRESETS[settings.ct_policy].policy_hash,
    },
)
