"""The SUV comparison: every object is a row, and a wrong value fails."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.suv import validate_suv
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two objects of the reference folder, with a list that the test writes."""
    source = reference_data("suv_dro")
    for name in ("DRO_0_0.zip", "DRO_3_0.zip", "DRO_mask.nii.gz"):
        (tmp_path / name).symlink_to(source / name)
    return tmp_path


def write_list(folder: Path, *lines: str) -> None:
    text = "\n".join(("id,suvbw_min,suvbw_median,suvbw_max", *lines)) + "\n"
    (folder / "expected_suv.csv").write_text(text)


def test_every_value_of_the_reference_data_matches() -> None:
    report = validate_suv(reference_data("suv_dro").parent)
    assert [row for row in report.rows if not row.matched] == []
    cases = {row.case for row in report.rows}
    assert {"pet_ge_wholebody_sts001", "pet_siemens_spect_lu177_scan1", "SIEMENS"} <= cases
    assert len([row for row in report.rows if row.case.startswith("DRO_")]) >= 33
    assert len([row for row in report.rows if row.quantity == "refused"]) >= 12


def test_a_folder_of_objects_gives_its_objects_only(folder: Path) -> None:
    write_list(folder, "DRO_0_0,0.2,1.0,4.0", "DRO_3_0,0.2,1.0,4.0")
    report = validate_suv(folder)
    assert (report.matched, report.total) == (6, 6)


def test_absent_and_unlisted_objects_fail(folder: Path) -> None:
    write_list(folder, "DRO_0_0,0.2,1.0,4.0", "DRO_9_9,0.2,1.0,4.0")
    report = validate_suv(folder)
    assert {row.case: row.matched for row in report.rows} == {
        "DRO_0_0": True,
        "DRO_3_0": False,
        "DRO_9_9": False,
    }


def test_a_wrong_value_fails(folder: Path) -> None:
    write_list(folder, "DRO_0_0,0.2,1.0,4.0", "DRO_3_0,0.2,1.03,4.0")
    report = validate_suv(folder)
    assert [row.quantity for row in report.rows if not row.matched] == ["SUVbw median"]


def test_an_object_that_is_refused_fails_with_the_reason(folder: Path) -> None:
    """One slice is missing: the geometry gate refuses, and the row says so."""
    write_list(folder, "DRO_0_0,0.2,1.0,4.0")
    (folder / "DRO_3_0.zip").unlink()
    (folder / "DRO_0_0.zip").unlink()
    with zipfile.ZipFile(reference_data("suv_dro") / "DRO_0_0.zip") as archive:
        archive.extractall(folder)
    (folder / "DRO_0_0" / "PT" / "pet_dro_0_0_slice_007.dcm").unlink()
    report = validate_suv(folder)
    assert (report.matched, report.total) == (0, 3)
    assert all("GEOMETRY_MISSING_SLICE" in row.note for row in report.rows)


def test_no_reference_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match="REFERENCE_DATA_MISSING"):
        validate_suv(tmp_path)
    monkeypatch.setenv("WBR_REFERENCE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(Refusal, match="REFERENCE_DATA_MISSING"):
        reference_folder()
    monkeypatch.setenv("WBR_REFERENCE_DATA", str(tmp_path))
    assert reference_folder() == tmp_path
