"""Real exports from three vendors: what is chosen, and the values that others published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wbr_platform.dicom.reading import (
    StudyDescription,
    describe_study,
    read_ct,
    read_masks,
    read_pet,
    register_exports,
)
from wbr_platform.dicom.vault import Vault
from wbr_platform.refusal import Refusal
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference


def _roles(description: StudyDescription) -> list[tuple[Any, ...]]:
    return sorted(
        (one["modality"], one["role"], one["choice_reason_code"], one["slices"])
        for one in description.acquisitions
    )


def test_ge_whole_body(tmp_path: Path) -> None:
    folder = reference_data("pet_ge_wholebody_sts001")
    vault = Vault(tmp_path / "vault")
    report = register_exports(sorted(folder.glob("*.zip")), vault)
    assert report.rejected == ()
    [study] = report.studies
    assert (study.files, study.series) == (268, 2)
    description = describe_study(vault, study.study_key)
    assert description.refusal is None
    assert _roles(description) == [
        ("PT", "pet", "PET_CHOSEN", 267),
        ("RTSTRUCT", "masks", "MASKS_OF_PET", 1),
    ]
    expected = json.loads((folder / "expected.json").read_text())
    assert description.study["weight_kg"] == expected["weight_kg"]
    pet = read_pet(vault, study.study_key)
    assert pet.geometry.shape == (267, 128, 128)
    assert float(pet.array.max()) == pytest.approx(expected["suvbw_max_whole_volume"], rel=1e-5)
    with pytest.raises(Refusal, match="NO_CT"):
        read_ct(vault, study.study_key)
    masks = {mask.name: mask for mask in read_masks(vault, study.study_key)}
    assert {"GTV_Mass", "GTV_Edema"} <= set(masks)
    inside = pet.array[masks["GTV_Mass"].mask]
    published = expected["gtv_mass_initial_roi"]
    # Contours become voxels by a rule that each team chooses; the published mask has 5095.
    assert inside.size == pytest.approx(published["voxels"], rel=0.03)
    assert float(inside.max()) == pytest.approx(published["suv_max"], rel=1e-4)
    assert float(inside.mean()) == pytest.approx(published["suv_mean"], rel=0.02)


def test_cropped_pet_in_suv_with_ct_and_structures(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")
    report = register_exports([reference_data("sts_pet_cohort") / "dicom"], vault)
    assert report.rejected == ()
    assert [study.series for study in report.studies] == [4, 4, 4]
    for study in report.studies:
        description = describe_study(vault, study.study_key)
        assert description.refusal is None
        choices = [(modality, role, code) for modality, role, code, _ in _roles(description)]
        assert choices == [
            ("CT", "ct", "CT_CHOSEN"),
            ("PT", "pet", "PET_CHOSEN"),
            ("RTSTRUCT", "masks", "MASKS_OF_CT"),
            ("RTSTRUCT", "masks", "MASKS_OF_PET"),
        ]
        [pet_row] = [one for one in description.acquisitions if one["role"] == "pet"]
        assert pet_row["units"] == "GML"
        pet, ct = read_pet(vault, study.study_key), read_ct(vault, study.study_key)
        assert 1.0 < float(pet.array.max()) < 30.0
        assert float(ct.array.min()) == -1000.0
        masks = read_masks(vault, study.study_key)
        grids = {mask.geometry.shape for mask in masks}
        assert grids == {pet.geometry.shape, ct.geometry.shape}
        volumes = [mask.mask.sum() * mask.geometry.voxel_volume_ml for mask in masks]
        assert min(volumes) == pytest.approx(max(volumes), rel=0.1)  # one tumour, drawn on both


def test_siemens_spect_stored_as_pet(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")
    [study] = register_exports([reference_data("pet_siemens_spect_lu177_scan1")], vault).studies
    description = describe_study(vault, study.study_key)
    assert description.refusal is None
    [pet_row] = [one for one in description.acquisitions if one["role"] == "pet"]
    assert (pet_row["radionuclide"], pet_row["decay_correction"]) == ("Lu-177", "ADMIN")
    pet = read_pet(vault, study.study_key)
    assert float(pet.array.max()) == pytest.approx(29.418783, rel=1e-6)
    masks = read_masks(vault, study.study_key)
    assert len(masks) >= 2
    assert all(mask.mask.any() for mask in masks)


def test_ct_alone_with_structures(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")
    [study] = register_exports([reference_data("nsclc_lung1_001_ct_rtstruct")], vault).studies
    description = describe_study(vault, study.study_key)
    assert description.refusal is None
    assert (description.study["has_pet"], description.study["has_ct"]) == (False, True)
    assert _roles(description) == [
        ("CT", "ct", "CT_CHOSEN_WITHOUT_PET", 134),
        ("RTSTRUCT", "masks", "MASKS_OF_CT", 1),
    ]
    ct = read_ct(vault, study.study_key)
    masks = {mask.name: mask for mask in read_masks(vault, study.study_key)}
    tumour = masks["GTV-1"]
    # pyradiomics 2.2 on this contour: 155.85 mL, mean -62.9 HU; another fill gave -64.1.
    assert tumour.mask.sum() * tumour.geometry.voxel_volume_ml == pytest.approx(155.85, rel=0.01)
    assert float(ct.array[tumour.mask].mean()) == pytest.approx(-62.9, abs=2.0)
    with pytest.raises(Refusal, match="NO_PET"):
        read_pet(vault, study.study_key)
