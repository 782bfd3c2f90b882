"""Exports into the vault, and back as descriptions and volumes."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from wbr_platform.dicom.reading import (
    describe_study,
    read_ct,
    read_masks,
    read_pet,
    register_exports,
)
from wbr_platform.dicom.rows import ACQUISITION_COLUMNS, STUDY_COLUMNS
from wbr_platform.dicom.vault import Vault
from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES
from wbr_platform_tests.dicom.synthetic_series import (
    SLICES,
    copied,
    expected_array,
    series,
    written,
)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


def _export(folder: Path) -> Path:
    written(series("PT"), folder / "a" / "b", "pet")
    written(series("CT"), folder / "a", "ct")
    return folder


def test_rows_have_the_columns_of_the_tables() -> None:
    assert tuple(TABLES["studies"].columns) == STUDY_COLUMNS
    assert tuple(TABLES["acquisitions"].columns) == ACQUISITION_COLUMNS


def test_export_from_files_to_volumes(tmp_path: Path, vault: Vault) -> None:
    report = register_exports([_export(tmp_path / "export")], vault)
    assert report.rejected == ()
    [study] = report.studies
    assert (study.files, study.series, study.change) == (2 * SLICES, 2, "new")

    description = describe_study(vault, study.study_key)
    assert description.refusal is None
    row = description.study
    assert tuple(row) == STUDY_COLUMNS
    assert (row["status"], row["has_pet"], row["has_ct"], row["age_years"]) == (
        "accepted",
        True,
        True,
        69.0,
    )
    assert row["study_date"] is not None
    assert row["study_date"] != "2020-01-10"
    roles = {one["modality"]: one["role"] for one in description.acquisitions}
    assert roles == {"PT": "pet", "CT": "ct"}
    [pet] = [one for one in description.acquisitions if one["role"] == "pet"]
    assert tuple(pet) == ACQUISITION_COLUMNS
    assert pet["scanner"] == "SIEMENS Biograph 64"
    assert (pet["slices"], pet["spacing_z_mm"], pet["uptake_time_min"]) == (SLICES, 5.0, 60.0)

    ct = read_ct(vault, study.study_key)
    np.testing.assert_array_equal(ct.array, expected_array("CT"))
    suv = read_pet(vault, study.study_key)
    factor = 70_000 / (350e6 * 2 ** (-3600 / 6586.2))
    np.testing.assert_allclose(suv.array, expected_array("PT") * factor, rtol=2e-4)
    assert suv.unit == "SUVbw"
    assert read_masks(vault, study.study_key) == []
    assert list(vault.workspace.iterdir()) == []


def test_registering_again_changes_nothing(tmp_path: Path, vault: Vault) -> None:
    export = _export(tmp_path / "export")
    [first] = register_exports([export], vault).studies
    sources = (vault.root / "sources" / f"{first.study_key}.json").read_bytes()
    [second] = register_exports([export, export], vault).studies
    assert second.change == "unchanged"
    assert second.fingerprint == first.fingerprint
    assert (vault.root / "sources" / f"{first.study_key}.json").read_bytes() == sources


def test_same_export_in_other_folders_and_as_zip(tmp_path: Path, vault: Vault) -> None:
    export = _export(tmp_path / "export")
    [first] = register_exports([export], vault).studies
    shutil.copytree(export, tmp_path / "again")
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(p for p in export.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(export))
    report = register_exports([tmp_path / "again", packed], vault)
    assert [(s.fingerprint, s.change, s.files) for s in report.studies] == [
        (first.fingerprint, "unchanged", 2 * SLICES)
    ]
    shutil.rmtree(export)  # the copies take its place
    assert read_ct(vault, first.study_key).array.shape[0] == SLICES
    [other] = register_exports([packed], Vault(tmp_path / "other")).studies
    assert other.study_key != first.study_key  # another key: another name
    assert other.fingerprint == first.fingerprint


def test_late_slice_changes_the_fingerprint(tmp_path: Path, vault: Vault) -> None:
    planes = series("CT")
    written(planes[:-1], tmp_path / "one")
    [first] = register_exports([tmp_path / "one"], vault).studies
    written(planes[-1:], tmp_path / "two")
    [second] = register_exports([tmp_path / "two"], vault).studies
    assert second.study_key == first.study_key
    assert (second.change, second.files) == ("changed", SLICES)
    assert read_ct(vault, second.study_key).array.shape[0] == SLICES


def test_two_images_under_one_identifier_are_a_conflict(tmp_path: Path, vault: Vault) -> None:
    planes = series("CT")
    written(planes, tmp_path / "one")
    twin = copied(planes[3:4])
    twin[0].PixelData = bytes(len(twin[0].PixelData))
    written(twin, tmp_path / "two")
    register_exports([tmp_path / "one", tmp_path / "two"], vault)
    [study_key] = vault.study_keys()
    description = describe_study(vault, study_key)
    assert description.refusal is not None
    assert description.refusal.reason_code == "SERIES_CONFLICTING_DUPLICATES"
    with pytest.raises(Refusal, match="SERIES_CONFLICTING_DUPLICATES"):
        read_ct(vault, study_key)
    shutil.rmtree(tmp_path / "two")
    [study] = register_exports([tmp_path / "one"], vault).studies
    assert study.change == "changed"
    assert describe_study(vault, study_key).refusal is None


def test_copies_that_differ_in_other_fields_only_are_no_conflict(
    tmp_path: Path, vault: Vault
) -> None:
    planes = series("CT")
    written(planes, tmp_path / "one")
    twins = copied(planes)
    for twin in twins:
        twin.StationName = "ELSEWHERE"
    written(twins, tmp_path / "two")
    [study] = register_exports([tmp_path / "one", tmp_path / "two"], vault).studies
    assert study.files == SLICES
    assert describe_study(vault, study.study_key).refusal is None


def test_litter_is_ignored_and_the_rest_is_listed(tmp_path: Path, vault: Vault) -> None:
    export = _export(tmp_path / "export")
    (export / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (export / "Thumbs.db").write_bytes(b"x")
    (export / "README.txt").write_text("Jane Doe, born 1950")
    (export / "empty").write_bytes(b"")
    (export / "growing.part").write_bytes(b"x")
    (export / "link").symlink_to("/etc/passwd")
    (export / "loop").symlink_to(export)
    report = register_exports([export, tmp_path / "missing"], vault)
    assert len(report.studies) == 1
    assert sorted(one.reason_code for one in report.rejected) == [
        "FILE_EMPTY",
        "FILE_INCOMPLETE",
        "FILE_IS_LINK",
        "FILE_IS_LINK",
        "FILE_MISSING",
        "NOT_DICOM",
    ]


def test_patients_and_issuers_stay_apart(tmp_path: Path, vault: Vault) -> None:
    for number, (patient, issuer) in enumerate([("1", ""), ("2", ""), ("1", "elsewhere")]):
        planes = series("CT", patient_id=patient)
        for plane in planes:
            plane.IssuerOfPatientID = issuer
        written(planes, tmp_path / "export" / str(number))
    studies = register_exports([tmp_path / "export"], vault).studies
    assert len({study.study_key for study in studies}) == 3
    assert len({study.patient_key for study in studies}) == 3
    assert vault.pseudonyms.patient_key("1") in {study.patient_key for study in studies}


def test_studies_without_patient_id_are_not_merged(tmp_path: Path, vault: Vault) -> None:
    for number in range(2):
        planes = series("CT", patient_id="", series_uid=f"1.2.3.{number}")
        for plane in planes:
            plane.StudyInstanceUID = f"1.2.4.{number}"
        written(planes, tmp_path / "export" / str(number))
    studies = register_exports([tmp_path / "export"], vault).studies
    assert len({study.patient_key for study in studies}) == 2


def test_missing_weight_refuses_the_study(tmp_path: Path, vault: Vault) -> None:
    planes = series("PT")
    for plane in planes:
        del plane.PatientWeight
    written(planes, tmp_path / "export")
    written(series("CT"), tmp_path / "export", "ct")
    [study] = register_exports([tmp_path / "export"], vault).studies
    description = describe_study(vault, study.study_key)
    assert description.refusal is not None
    assert description.refusal.reason_code.startswith("SUV_")
    assert description.study["status"] == "refused"
    assert description.study["reason_code"] == description.refusal.reason_code
    with pytest.raises(Refusal, match=description.refusal.reason_code):
        read_pet(vault, study.study_key)


def test_source_that_changed_or_vanished_is_refused(tmp_path: Path, vault: Vault) -> None:
    paths = written(series("CT"), tmp_path / "export")
    [study] = register_exports([tmp_path / "export"], vault).studies
    describe_study(vault, study.study_key)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content + b"\0\0")
    with pytest.raises(Refusal, match="SOURCE_CHANGED"):
        read_ct(vault, study.study_key)
    paths[2].unlink()
    with pytest.raises(Refusal, match="SOURCE_MISSING"):
        read_ct(vault, study.study_key)
    other = copied(series("CT", series_uid="1.2.826.0.1.99.9")[2:3])
    written(other, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "image0000", paths[2])
    with pytest.raises(Refusal):
        read_ct(vault, study.study_key)


def test_vault_keeps_its_key_to_itself(tmp_path: Path, vault: Vault) -> None:
    written(series("CT"), tmp_path / "export")
    register_exports([tmp_path / "export"], vault)
    key = vault.root / "pseudonym.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(vault.root.stat().st_mode) == 0o700
    assert len(key.read_bytes()) == 32
    key.unlink()
    with pytest.raises(Refusal, match="VAULT_KEY_MISSING"):
        register_exports([tmp_path / "export"], Vault(vault.root))
    key.write_bytes(b"short")
    with pytest.raises(Refusal, match="VAULT_KEY_DAMAGED"):
        register_exports([tmp_path / "export"], Vault(vault.root))


def test_unknown_study(vault: Vault) -> None:
    for key in ("sabc", "../../etc/passwd"):
        with pytest.raises(Refusal, match="STUDY_UNKNOWN"):
            describe_study(vault, key)


CANARIES = [f"CANARY{i}{word}" for i, word in enumerate(["Zeppelin", "Ottokar", "Xanthippe"] * 6)]


def _planted(planes: list[Dataset]) -> list[Dataset]:
    """Identity wherever scanners and people put it: names, free text, private groups, nested."""
    for plane in planes:
        c = iter(CANARIES)
        plane.PatientName, plane.PatientID = f"{next(c)}^Jane", next(c)
        plane.OtherPatientIDs, plane.AccessionNumber, plane.StudyID = next(c), next(c), next(c)[:16]
        plane.SeriesDescription, plane.StudyDescription = next(c), next(c)
        plane.ProtocolName, plane.ImageComments, plane.PatientComments = next(c), next(c), next(c)
        plane.InstitutionName, plane.OperatorsName = next(c), next(c)
        plane.ManufacturerModelName = f"Biograph for {plane.PatientID}"
        plane.ReconstructionMethod = f"OSEM^{next(c)}"
        plane.RequestAttributesSequence = [Dataset()]
        plane.RequestAttributesSequence[0].ScheduledProcedureStepDescription = next(c)
        block = plane.private_block(0x0029, "CANARY CREATOR", create=True)
        block.add_new(0x10, "LO", next(c))
        plane.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = next(c)
        plane.IssuerOfPatientID = next(c)
        plane.PatientBirthDate = "19370507"
    return planes


def test_nothing_planted_leaves(tmp_path: Path, vault: Vault) -> None:
    """Also not from a study that is refused, nor in any message."""
    good, bad = _planted(series("PT")), _planted(series("PT", series_uid="1.2.826.0.1.99.8"))
    for plane in bad:
        plane.StudyInstanceUID = "1.2.826.0.1.98"
        plane.Units = CANARIES[0][:16]
    written(good, tmp_path / CANARIES[0], CANARIES[1])
    written(bad, tmp_path / CANARIES[0] / "b", CANARIES[2])
    (tmp_path / CANARIES[0] / f"{CANARIES[3]}.txt").write_text(CANARIES[4])
    report = register_exports([tmp_path / CANARIES[0]], vault)
    outputs = [repr(report)]
    statuses = []
    for study in report.studies:
        description = describe_study(vault, study.study_key)
        statuses.append(description.study["status"])
        outputs.append(repr(description))
        outputs.append(json.dumps([description.study, description.acquisitions]))
        for read in (read_pet, read_ct, read_masks):
            try:
                outputs.append(repr(read(vault, study.study_key)))
            except Refusal as refusal:
                outputs.append(f"{refusal!r} {refusal} {refusal.__cause__!r}")
    assert sorted(statuses) == ["accepted", "refused"]
    told = "\n".join(outputs)
    for planted in (*CANARIES, "CANARY", "Jane", "1937", "05-07", "1.2.826.0.1.99", str(tmp_path)):
        assert planted not in told
