"""The checks find what they are there to find, and pass where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration import checks
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.manifests import Manifest

STUDY = "s001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path / "store", vault=tmp_path / "vault")


def evaluate(check: dg.AssetChecksDefinition, settings: Settings) -> dg.AssetCheckResult:
    result = check(settings)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def with_liver(settings: Settings, suv_mean: float, volume_ml: float = 1500.0) -> None:
    store = Store(settings.store)
    region = {
        "region_id": "healthy/imported_organs/liver",
        "layer": "healthy",
        "kind": "healthy_organ",
        "region": "liver",
        "label": 1,
        "organ": "liver",
        "algorithm": "imported_organs",
        "algorithm_version": "1",
        "grid": "pet",
        "voxels": 100,
        "volume_ml": volume_ml,
        "touches_border": False,
    }
    organ = {
        **region,
        "region_id": "organs/imported_organs/liver",
        "layer": "organs",
        "kind": "organ",
    }
    store.write_part("regions", pl.DataFrame([region, organ]), STUDY)
    feature = {
        "region_id": region["region_id"],
        "modality": "PT",
        "policy": "pet",
        "policy_hash": "hash",
        "feature": "stat_mean",
        "value": suv_mean,
    }
    store.write_part("features", pl.DataFrame([feature]), STUDY)


@pytest.mark.parametrize(("suv_mean", "passed"), [(2.1, True), (0.02, False), (2100.0, False)])
def test_liver_uptake(settings: Settings, suv_mean: float, passed: bool) -> None:
    with_liver(settings, suv_mean)
    assert evaluate(checks.liver_suv_plausible, settings).passed is passed


@pytest.mark.parametrize(("volume_ml", "passed"), [(1500.0, True), (12.0, False)])
def test_organ_volumes(settings: Settings, volume_ml: float, passed: bool) -> None:
    with_liver(settings, 2.0, volume_ml)
    assert evaluate(checks.organ_volumes_plausible, settings).passed is passed


@pytest.mark.parametrize(("covered", "passed"), [(0.98, True), (0.1, False), (None, True)])
def test_overlap_of_pet_and_ct(settings: Settings, covered: float | None, passed: bool) -> None:
    manifest = Manifest("regions", STUDY, "done", metadata={"pet_covered_by_ct": covered})
    Store(settings.store).write_manifest(manifest)
    assert evaluate(checks.pet_and_ct_overlap, settings).passed is passed


def test_an_identity_in_an_output(settings: Settings) -> None:
    identity = {"patient_id": "MRN-0042137", "issuer": "HOSPITAL"}
    Vault(settings.vault).write_source(STUDY, {"identity": identity, "fingerprint": "first"})
    store = Store(settings.store)
    store.write_report("cohort.html", "<p>The hospital's patients</p>")
    assert evaluate(checks.no_identity_in_outputs, settings).passed
    store.write_report("cohort.html", "<p>patient MRN 0042137</p>")
    result = evaluate(checks.no_identity_in_outputs, settings)
    assert not result.passed
    assert result.metadata["files"].value == ["reports/cohort.html"]
