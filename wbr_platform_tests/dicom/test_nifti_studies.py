"""NIfTI files with a manifest are studies like any other."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from wbr_platform.dicom.reading import (
    describe_study,
    read_ct,
    read_masks,
    read_pet,
    register_exports,
)
from wbr_platform.dicom.vault import Vault
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.nifti import write_labelmap, write_volume
from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.refusal import Refusal

PET_GRID = Geometry((6, 8, 10), (4.0, 4.0, 4.0), (-20.0, -10.0, 5.0))
CT_GRID = Geometry((12, 16, 20), (2.0, 2.0, 2.0), (-21.0, -11.0, 4.0))
HEADER = (
    "patient_id,study_id,pet,ct,lesion_mask,organ_mask,sex,age_years,weight_kg,study_date,model\n"
)
ROW = (
    "Jane Doe,1,pet.nii.gz,ct.nii.gz,sub/lesions.nii.gz,organs.nii.gz,"
    "F,93,70.5,2020-03-04,Biograph\n"
)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    pet = Volume(rng.uniform(0, 9, PET_GRID.shape).astype(np.float32), PET_GRID, "SUVbw")
    write_volume(pet, folder / "pet.nii.gz")
    ct = Volume(rng.uniform(-900, 900, CT_GRID.shape).astype(np.float32), CT_GRID, "HU")
    write_volume(ct, folder / "ct.nii.gz")
    lesions = np.zeros(PET_GRID.shape, np.uint8)
    lesions[1, 2, 3] = lesions[4, 4, 4] = 1
    write_labelmap(LabelMap(lesions, PET_GRID, {1: "label_1"}), folder / "sub" / "lesions.nii.gz")
    organs = np.zeros(CT_GRID.shape, np.uint8)
    organs[2:5], organs[7:9] = 1, 2
    write_labelmap(LabelMap(organs, CT_GRID, {1: "liver", 2: "spleen"}), folder / "organs.nii.gz")
    (folder / "nifti_studies.csv").write_text(HEADER + ROW)
    return folder


def _only_study(vault: Vault) -> str:
    [study_key] = vault.study_keys()
    return study_key


def test_manifest_to_volumes_and_masks(export: Path, vault: Vault) -> None:
    report = register_exports([export], vault)
    [study] = report.studies
    assert (study.files, study.change) == (4, "new")
    assert study.patient_key == vault.pseudonyms.patient_key("Jane Doe")
    # The names of labels stand beside each mask; they are read with it.
    assert {one.reason_code for one in report.rejected} <= {"NOT_DICOM"}
    description = describe_study(vault, study.study_key)
    row = description.study
    assert (row["source_kind"], row["status"]) == ("nifti", "accepted")
    assert (row["has_pet"], row["has_ct"], row["mask_sources"]) == (True, True, 2)
    assert (row["sex"], row["age_years"], row["weight_kg"]) == ("F", 90.0, 70.5)
    assert row["study_date"] != "2020-03-04"
    assert {one["role"] for one in description.acquisitions} == {"pet", "ct", "masks"}
    assert {one["scanner"] for one in description.acquisitions} == {"Biograph"}
    pet, ct = read_pet(vault, study.study_key), read_ct(vault, study.study_key)
    assert (pet.unit, pet.geometry.shape) == ("SUVbw", PET_GRID.shape)
    assert (ct.unit, ct.geometry.shape) == ("HU", CT_GRID.shape)
    masks = {mask.name: mask for mask in read_masks(vault, study.study_key)}
    assert {name: int(mask.mask.sum()) for name, mask in masks.items()} == {
        "lesion": 2,
        "liver": 3 * 16 * 20,
        "spleen": 2 * 16 * 20,
    }
    assert masks["lesion"].mask[1, 2, 3]
    assert masks["lesion"].geometry.same_grid(PET_GRID)
    assert masks["liver"].geometry.same_grid(CT_GRID)
    assert masks["liver"].notes == ("organ_mask",)
    told = repr(report) + repr(description) + repr(masks)
    for identity in ("Jane", "Doe", "2020-03-04", str(export)):
        assert identity not in told


def test_again_changed_and_zipped(export: Path, vault: Vault, tmp_path: Path) -> None:
    [first] = register_exports([export], vault).studies
    assert register_exports([export], vault).studies[0].change == "unchanged"
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(p for p in export.rglob("*") if p.is_file()):
            archive.write(path, Path("top") / path.relative_to(export))
    [zipped] = register_exports([packed], vault).studies
    assert (zipped.study_key, zipped.change) == (first.study_key, "unchanged")
    assert read_pet(vault, zipped.study_key).geometry.shape == PET_GRID.shape
    (export / "pet.nii.gz").write_bytes((export / "ct.nii.gz").read_bytes())
    assert register_exports([export], vault).studies[0].change == "changed"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("pet.nii.gz", "../pet.nii.gz", "NIFTI_PATH_OUTSIDE"),
        ("pet.nii.gz", "/etc/passwd", "NIFTI_PATH_OUTSIDE"),
        ("pet.nii.gz", "escape/hosts", "NIFTI_PATH_OUTSIDE"),
        ("pet.nii.gz", "gone.nii.gz", "NIFTI_FILE_MISSING"),
        ("Jane Doe", "", "NIFTI_MANIFEST_VALUE"),
        (",F,", ",woman,", "NIFTI_MANIFEST_VALUE"),
        ("70.5", "heavy", "NIFTI_MANIFEST_VALUE"),
        ("70.5", "nan", "NIFTI_MANIFEST_VALUE"),
        ("2020-03-04", "in March", "NIFTI_MANIFEST_VALUE"),
        ("pet.nii.gz,ct.nii.gz", ",", "NIFTI_MANIFEST_VALUE"),
    ],
)
def test_bad_row_is_rejected_alone(
    old: str, new: str, reason: str, export: Path, vault: Vault
) -> None:
    (export / "escape").symlink_to("/etc")
    good = ROW.replace("Jane Doe", "John Roe")
    (export / "nifti_studies.csv").write_text(HEADER + ROW.replace(old, new) + good)
    report = register_exports([export], vault)
    assert [study.patient_key for study in report.studies] == [
        vault.pseudonyms.patient_key("John Roe")
    ]
    [rejected] = [one for one in report.rejected if one.reason_code.startswith("NIFTI_")]
    assert rejected.reason_code == reason
    assert rejected.message.startswith("row 2")
    assert "Jane" not in rejected.message


def test_two_rows_for_one_study(export: Path, vault: Vault) -> None:
    (export / "nifti_studies.csv").write_text(HEADER + ROW + ROW)
    report = register_exports([export], vault)
    assert len(report.studies) == 1
    assert "NIFTI_MANIFEST_DUPLICATE" in {one.reason_code for one in report.rejected}


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"patient_id,pet\n\xff\xfe,x\n"])
def test_manifest_that_is_none(content: bytes, export: Path, vault: Vault) -> None:
    (export / "nifti_studies.csv").write_bytes(content or b"\n")
    report = register_exports([export], vault)
    assert report.studies == ()
    assert "NIFTI_MANIFEST_UNREADABLE" in {one.reason_code for one in report.rejected}


def test_values_that_are_not_suv_or_hu_are_refused(export: Path, vault: Vault) -> None:
    activity = np.full(PET_GRID.shape, 20_000, np.float32)
    write_volume(Volume(activity, PET_GRID, "SUVbw"), export / "pet.nii.gz")
    register_exports([export], vault)
    refusal = describe_study(vault, _only_study(vault)).refusal
    assert refusal is not None
    assert refusal.reason_code == "NIFTI_NOT_SUV"
    with pytest.raises(Refusal, match="NIFTI_NOT_SUV"):
        read_pet(vault, _only_study(vault))


@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("packed", [True, False])
def test_truncated_nifti_is_refused(part: float, packed: bool, export: Path, vault: Vault) -> None:
    """The image reader itself fills the missing voxels and says nothing."""
    content = (export / "ct.nii.gz").read_bytes()
    if not packed:
        content = gzip.decompress(content)
    (export / "ct.nii.gz").unlink()
    name = "ct.nii.gz" if packed else "ct.nii"
    (export / name).write_bytes(content[: int(part * len(content))])
    (export / "nifti_studies.csv").write_text(HEADER + ROW.replace("ct.nii.gz", name))
    register_exports([export], vault)
    description = describe_study(vault, _only_study(vault))
    assert description.study["status"] == "refused"
    assert description.study["reason_code"] == "NIFTI_UNREADABLE"
    with pytest.raises(Refusal, match="NIFTI_UNREADABLE"):
        read_ct(vault, _only_study(vault))
