"""The main job as a user runs it: exports in, pages, tables and SQL out, again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from wbr_platform.dicom.identity_audit import identity_terms, leaks
from wbr_platform.dicom.vault import Vault
from wbr_platform.store.files import Store

pytestmark = pytest.mark.end_to_end

PATIENTS = 6


@dataclass(frozen=True)
class Platform:
    """A store with its exports, and the ``wbr`` command on it."""

    root: Path

    def wbr(self, *arguments: str, expect: int = 0) -> str:
        """Run ``wbr`` as a user does; its standard output."""
        command = [sys.executable, "-m", "wbr_platform", *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
            cwd=self.root,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            # Relative, as a user types them.
            "WBR_STORE": "store",
            "WBR_VAULT": "vault",
            "WBR_WORKERS": "2",
            "WBR_MINIMUM_PER_BATCH": "2",
        }

    def rows(self, query: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.wbr("sql", query, "--format", "json"))
        return found

    @property
    def store(self) -> Store:
        return Store(self.root / "store")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Six simulated patients of three scanners, one of them without a weight, all processed."""
    found = Platform(tmp_path_factory.mktemp("platform"))
    found.wbr("simulate", "cohort", "--patients", str(PATIENTS), "--scale", "tiny")
    found.wbr("run", "cohort/exports", "--clinical", "cohort/clinical.csv")
    return found


def test_every_study_is_there_and_the_refused_one_says_why(platform: Platform) -> None:
    studies = platform.rows("SELECT status, count(*) AS n FROM raw.studies GROUP BY status")
    assert {row["status"]: row["n"] for row in studies} == {"accepted": PATIENTS - 1, "refused": 1}
    (refused,) = platform.rows("SELECT * FROM marts.mart_quarantine")
    assert refused["reason_code"] == "SUV_WEIGHT_MISSING"


def test_features_come_from_pet_and_ct_of_organs_and_lesions(platform: Platform) -> None:
    counted = platform.rows(
        "SELECT modality, kind, count(value) AS n FROM staging.stg_features "
        "JOIN staging.stg_regions USING (study_key, region_id) GROUP BY ALL"
    )
    found = {(row["modality"], row["kind"]) for row in counted if row["n"]}
    kinds = ("organ", "healthy_organ", "lesion", "tumour_burden")
    assert found >= {(modality, kind) for modality in ("PT", "CT") for kind in kinds}


def test_no_value_is_missing_without_a_reason(platform: Platform) -> None:
    for table in ("features", "biomarkers", "segmentation_agreement"):
        query = f"SELECT count(*) AS n FROM raw.{table} WHERE value IS NULL AND reason IS NULL"
        assert platform.rows(query) == [{"n": 0}], table


def test_uptake_is_that_of_the_simulation(platform: Platform) -> None:
    livers = platform.rows("SELECT suv_mean FROM marts.mart_organ_uptake WHERE organ = 'liver'")
    assert len(livers) == PATIENTS - 1
    assert all(1.0 < float(str(row["suv_mean"])) < 4.5 for row in livers)


def test_every_analysis_is_in_the_ledger(platform: Platform) -> None:
    ledger = platform.rows("SELECT DISTINCT asset, status FROM marts.mart_ledger")
    assets = {row["asset"] for row in ledger}
    assert assets == {"harmonized_features", "organ_network", "survival_models"}


def test_pages_are_written_for_every_study_and_the_cohort(platform: Platform) -> None:
    reports = platform.store.reports_folder
    assert len(list((reports / "studies").glob("*.html"))) == PATIENTS
    assert "</html>" in (reports / "cohort.html").read_text()


def test_nothing_outside_the_vault_names_a_patient(platform: Platform) -> None:
    terms = identity_terms(Vault(platform.root / "vault"))
    assert len(terms) >= 3 * PATIENTS
    assert leaks(platform.store.root, terms) == []


def test_a_second_run_has_nothing_to_do(platform: Platform) -> None:
    before = _made(platform)
    platform.wbr("run")
    assert _made(platform) == before


def _made(platform: Platform) -> dict[tuple[str, str], str]:
    """When each result of each study was made."""
    store = platform.store
    return {
        (key, manifest.asset): manifest.created
        for key in store.study_keys()
        for manifest in store.study_manifests(key)
    }


@pytest.mark.parametrize("output_format", ["csv", "json", "table", "parquet"])
def test_sql_answers_in_every_format(platform: Platform, output_format: str) -> None:
    target = platform.root / f"answer.{output_format}"
    query = "SELECT study_key, tmtv_ml FROM marts.mart_cohort"
    platform.wbr("sql", query, "--format", output_format, "--output", str(target))
    assert target.stat().st_size > 0


def test_sql_that_would_change_anything_is_refused(platform: Platform) -> None:
    platform.wbr("sql", "DELETE FROM raw.studies", expect=1)
    platform.wbr("sql", "SELECT * FROM read_csv('/etc/passwd')", expect=1)


def test_a_failing_study_stops_no_other_and_is_taken_up_again(
    platform: Platform, tmp_path: Path
) -> None:
    """Last, for it changes the store: one export disappears behind a registered study."""
    copy = tmp_path / "cohort"
    platform.wbr("simulate", str(copy), "--patients", "2", "--scale", "tiny", "--seed", "9")
    exports = sorted((copy / "exports").iterdir())
    platform.wbr("ingest", *map(str, exports))
    shutil.move(exports[0], tmp_path / "away")
    platform.wbr("run")
    quarantined = platform.rows("SELECT DISTINCT study_key FROM marts.mart_quarantine")
    studies = platform.rows("SELECT count(*) AS n FROM raw.studies")
    assert studies == [{"n": PATIENTS + 2}]
    assert len(quarantined) >= 2
