"""Asset checks: does what came out make sense, over all studies of the store."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from wbr_platform.dicom.identity_audit import identity_terms, leaks
from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.metadata import table
from wbr_platform.orchestration.study_assets import asset_key
from wbr_platform.segmentation.plausibility import (
    LIVER_SUV_MEAN_RANGE,
    implausible_liver_uptake,
    implausible_volumes,
)
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

LEAST_OVERLAP = 0.5


def _verdict(problems: pl.DataFrame, looked_at: int, what: str) -> dg.AssetCheckResult:
    """Passed when no row is left; the rows are shown."""
    return dg.AssetCheckResult(
        passed=problems.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{problems.height} of {looked_at} {what}",
        metadata={"looked_at": looked_at, "problems": table(problems)},
    )


@dg.asset_check(
    asset=asset_key("radiomic_features"),
    name="liver_suv_plausible",
    description="Mean SUVbw of the healthy liver between "
    f"{LIVER_SUV_MEAN_RANGE[0]} and {LIVER_SUV_MEAN_RANGE[1]} (FDG).",
)
def liver_suv_plausible(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """A wrong dose, weight or decay shows first in the liver."""
    store = Store(settings.store)
    livers = (
        store.scan_table("features")
        .filter(pl.col("modality") == "PT", pl.col("feature") == "stat_mean")
        .join(
            store.scan_table("regions").filter(
                pl.col("kind") == "healthy_organ", pl.col("organ") == "liver"
            ),
            on=["study_key", "region_id"],
        )
        .select("study_key", "value")
        .collect()
    )
    return _verdict(implausible_liver_uptake(livers), livers.height, "livers out of range")


@dg.asset_check(
    asset=asset_key("regions"),
    name="organ_volumes_plausible",
    description="Volumes of whole organs within human limits.",
)
def organ_volumes_plausible(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """A mask on the wrong grid, of the wrong label, or of half an organ."""
    organs = Store(settings.store).scan_table("regions").filter(pl.col("kind") == "organ").collect()
    return _verdict(implausible_volumes(organs), organs.height, "organs out of range")


@dg.asset_check(
    asset=asset_key("regions"),
    name="pet_and_ct_overlap",
    description=f"The CT covers at least {LEAST_OVERLAP:.0%} of the PET's field.",
)
def pet_and_ct_overlap(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """A CT of another scan position cannot measure the PET's regions."""
    rows = [
        {"study_key": key, "covered": manifest.metadata["pet_covered_by_ct"]}
        for key in Store(settings.store).study_keys()
        if (manifest := Store(settings.store).read_manifest("regions", key)) is not None
        and manifest.metadata.get("pet_covered_by_ct") is not None
    ]
    frame = pl.DataFrame(rows, schema={"study_key": pl.String, "covered": pl.Float64})
    return _verdict(
        frame.filter(pl.col("covered") < LEAST_OVERLAP), frame.height, "PETs mostly without CT"
    )


@dg.asset_check(
    asset="cohort_report",
    name="no_identity_in_outputs",
    description="No name, identifier or date of birth of any registered patient in any output.",
)
def no_identity_in_outputs(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Look for what the vault knows in everything outside it."""
    terms = identity_terms(Vault(settings.vault))
    found = leaks(settings.store, terms)
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(found)} files with something identifying ({len(terms)} terms tried)",
        metadata={"files": dg.MetadataValue.json(sorted(found))},
    )


def build_checks() -> Sequence[dg.AssetChecksDefinition]:
    """All checks of the platform."""
    return [
        liver_suv_plausible,
        organ_volumes_plausible,
        pet_and_ct_overlap,
        no_identity_in_outputs,
    ]
