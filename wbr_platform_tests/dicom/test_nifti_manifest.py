"""A manifest from file names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from wbr_platform.dicom.nifti_manifest import write_nifti_manifest
from wbr_platform.refusal import Refusal


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "nifti_studies.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_each_identifier_becomes_a_row_with_the_files_it_has(tmp_path: Path) -> None:
    for name in ("A_PET.nii.gz", "A_CT.nii.gz", "B.1_PET.nii.gz", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    details = tmp_path / "clinical.csv"
    details.write_text("id,weight_kg,colour\nA,71.5,red\n")
    count = write_nifti_manifest(
        tmp_path, {"pet": "{id}_PET.nii.gz", "ct": "{id}_CT.nii.gz"}, details
    )
    assert count == 2
    first, second = rows_of(tmp_path)
    assert (first["patient_id"], first["pet"], first["ct"]) == ("A", "A_PET.nii.gz", "A_CT.nii.gz")
    assert first["weight_kg"] == "71.5"
    assert (second["patient_id"], second["ct"], second["weight_kg"]) == ("B.1", "", "")


@pytest.mark.parametrize(
    ("patterns", "code"),
    [
        ({"pet": "PET.nii.gz"}, "NIFTI_PATTERN_INVALID"),
        ({"mri": "{id}.nii.gz"}, "NIFTI_PATTERN_INVALID"),
        ({"pet": "{id}_PET.nii.gz"}, "NIFTI_NO_MATCH"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, patterns: dict[str, str], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        write_nifti_manifest(tmp_path, patterns)
    assert refused.value.reason_code == code
