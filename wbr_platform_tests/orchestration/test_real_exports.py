"""The main job on real patients: a raw whole-body PET, PET/CT exports, a NIfTI cohort."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wbr_platform_tests.reference_data import reference_data

pytestmark = [pytest.mark.end_to_end, pytest.mark.reference]

NIFTI_PATIENTS = 34


class Wbr:
    """The command on a store of its own."""

    def __init__(self, root: Path) -> None:
        self.store = root / "store"
        self.environment = {
            **os.environ,
            "WBR_STORE": str(self.store),
            "WBR_VAULT": str(root / "vault"),
        }

    def __call__(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wbr_platform", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("sql", query, "--format", "json"))
        return found


@pytest.fixture(scope="module")
def wbr(tmp_path_factory: pytest.TempPathFactory) -> Wbr:
    root = tmp_path_factory.mktemp("real")
    cohort = reference_data("sts_pet_cohort")
    images = root / "images"
    shutil.copytree(cohort / "nifti", images, copy_function=shutil.copyfile)
    images.chmod(0o755)
    command = Wbr(root)
    command(
        "nifti-manifest",
        images,
        *("--pet", "{id}_PET_image.nii.gz", "--ct", "{id}_CT_image.nii.gz"),
        *("--lesion-mask", "{id}_PET_mask.nii.gz", "--details", cohort / "clinical.csv"),
    )
    command("run", reference_data("pet_ge_wholebody_sts001"), cohort / "dicom", images)
    return command


def test_every_real_patient_is_in_the_cohort(wbr: Wbr) -> None:
    counted = wbr.rows("SELECT source_kind, status, count(*) AS n FROM raw.studies GROUP BY ALL")
    assert {(r["source_kind"], r["status"]): r["n"] for r in counted} == {
        ("dicom", "accepted"): 4,
        ("nifti", "accepted"): NIFTI_PATIENTS,
    }
    # Three patients came twice: as DICOM and, with the same identifier, as NIfTI; and the patient
    # of the whole-body PET is in the NIfTI cohort too.
    assert wbr.rows("SELECT count(*) AS n FROM marts.mart_cohort") == [{"n": NIFTI_PATIENTS}]


def test_the_whole_body_pet_without_ct_has_all_that_pet_allows(wbr: Wbr) -> None:
    query = """
    SELECT l.suv_max, l.suv_mean, l.mtv_ml, s.has_ct,
           (SELECT count(value) FROM raw.features f
            WHERE f.study_key = s.study_key AND f.modality = 'PT') AS pet_features,
           (SELECT count(*) FROM raw.features f
            WHERE f.study_key = s.study_key AND f.modality = 'CT') AS ct_features
    FROM raw.studies s JOIN raw.lesions l USING (study_key)
    WHERE s.source_kind = 'dicom' AND NOT s.has_ct AND l.algorithm = 'imported_lesions'
    """
    (row,) = wbr.rows(query)
    # GTV_Mass as four independent programs have it (IBSI-1, third phase): 5095 voxels.
    assert row["suv_max"] == pytest.approx(7.910674, rel=1e-6)
    assert row["suv_mean"] == pytest.approx(2.5551338, rel=1e-4)
    assert row["mtv_ml"] == pytest.approx(5095 * 4.6875 * 4.6875 * 3.27 / 1000, rel=1e-3)
    assert row["pet_features"] > 100
    assert row["ct_features"] == 0
    pages = [page.read_text() for page in (wbr.store / "reports" / "studies").glob("*.html")]
    assert sum("CT features absent: no CT in this export" in page for page in pages) >= 1


def test_pet_ct_exports_have_features_of_both(wbr: Wbr) -> None:
    query = """
    SELECT f.study_key, f.modality, count(f.value) AS n FROM raw.features f
    JOIN raw.studies s USING (study_key)
    WHERE s.source_kind = 'dicom' AND s.has_ct GROUP BY ALL
    """
    counted = wbr.rows(query)
    assert sorted(row["modality"] for row in counted) == ["CT"] * 3 + ["PT"] * 3
    assert all(row["n"] > 50 for row in counted)


def test_one_scanner_without_outcome_gets_an_honest_answer(wbr: Wbr) -> None:
    ledger = wbr.rows("SELECT DISTINCT asset, status, reason_code FROM marts.mart_ledger")
    reasons = {(row["asset"], row["reason_code"]) for row in ledger}
    assert ("survival_models", "NO_OUTCOME") in reasons
    assert all(row["status"] == "refused" for row in ledger)
