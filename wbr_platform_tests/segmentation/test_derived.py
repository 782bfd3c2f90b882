"""Regions by rule: on made organs, on a simulated patient, on real whole-body organ masks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import dilate, erode
from wbr_platform.imaging.nifti import read_labelmap
from wbr_platform.segmentation.derived import RULES, DerivationInputs, Derived, derive_regions
from wbr_platform.segmentation.landmarks import LUNGS
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.phantom import Phantom, make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform_tests.reference_data import reference_data
from wbr_platform_tests.segmentation.scenes import GRID, flipped, label_map, points_of

X, Y, Z = np.moveaxis(points_of(GRID), -1, 0)
VERTEBRAE = {
    f"vertebrae_L{n}": (np.abs(X) < 18) & (np.abs(Y - 30) < 18) & (np.abs(Z - z) < 10)
    for n, z in zip(range(1, 6), (60, 35, 10, -15, -40), strict=True)
}
AUTOPET_LABELS = {
    1: "spleen",
    2: "kidneys",
    3: "liver",
    4: "urinary_bladder",
    5: "lungs",
    6: "brain",
    7: "heart",
    8: "stomach",
    9: "prostate",
    10: "salivary_glands",
}


@cache
def _phantom() -> Phantom:
    patient = Population.of(CohortDesign(patients=8, seed=11)).patient(1)
    return make_phantom(patient, SCANNERS[patient.scanner])


@cache
def _simulated() -> Derived:
    phantom = _phantom()
    return derive_regions(DerivationInputs(phantom.organs_on_pet, phantom.ct, phantom.pet))


def test_marrow_is_the_eroded_bone_in_its_window() -> None:
    organs = label_map(VERTEBRAE)
    hu = np.full(GRID.shape, 150.0, dtype=np.float32)
    hu[VERTEBRAE["vertebrae_L2"] & (X > 0)] = 900.0  # sclerosis
    derived = derive_regions(DerivationInputs(organs, ct=Volume(hu, GRID, "HU")))
    expected = np.zeros(GRID.shape, dtype=bool)
    for mask in VERTEBRAE.values():
        expected |= erode(mask, GRID.spacing, 4.0) & (hu < 400)
    region = derived.region("red_marrow")
    assert region is not None
    np.testing.assert_array_equal(region.mask, expected)
    assert any(check.startswith("NO_PET") for check in region.checks)


def test_an_outlying_vertebra_is_left_out() -> None:
    organs = label_map(VERTEBRAE)
    suv = np.random.default_rng(1).normal(1.5, 0.1, GRID.shape).astype(np.float32)
    suv[VERTEBRAE["vertebrae_L3"]] = 6.0
    region = derive_regions(DerivationInputs(organs, pet=Volume(suv, GRID, "SUVbw"))).region(
        "red_marrow"
    )
    assert region is not None
    assert not (region.mask & VERTEBRAE["vertebrae_L3"]).any()
    assert (region.mask & VERTEBRAE["vertebrae_L2"]).any()
    assert "OUTLYING_VERTEBRAE: vertebrae_L3 left out" in region.checks


def test_lesions_are_taken_out_with_a_margin() -> None:
    lesion = VERTEBRAE["vertebrae_L1"] & (Z > 60)
    derived = derive_regions(DerivationInputs(label_map(VERTEBRAE), lesions=lesion))
    region = derived.region("red_marrow")
    assert region is not None
    assert not (region.mask & dilate(lesion, GRID.spacing, 6.0)).any()


def test_what_cannot_be_drawn_says_why() -> None:
    derived = derive_regions(DerivationInputs(label_map({"spleen": np.abs(X) < 12})))
    assert derived.refused["red_marrow"].reason_code == "BONES_UNKNOWN"
    assert derived.refused["liver_sphere"].reason_code == "LIVER_UNKNOWN"
    assert derived.refused["aortic_blood_pool"].reason_code == "AORTA_UNKNOWN"
    assert derived.refused["thymic_bed"].reason_code == "ORGAN_UNKNOWN"
    small = derive_regions(DerivationInputs(label_map({"spleen": np.hypot(X, Y, Z) < 0})))
    assert small.refused["spleen_core"].reason_code == "ORGAN_UNKNOWN"
    tiny = np.zeros(GRID.shape, dtype=bool)
    tiny[20:23, 20:23, 20:23] = True
    found = derive_regions(DerivationInputs(label_map({"spleen": tiny})))
    assert found.refused["spleen_core"].reason_code == "ORGAN_IMPLAUSIBLE"


def test_every_rule_on_a_simulated_patient() -> None:
    derived = _simulated()
    names = {region.name for region in derived.regions}
    assert set(RULES) <= names, {n: r.reason_code for n, r in derived.refused.items()}
    phantom = _phantom()
    organs = phantom.organs_on_pet
    for name, organ in (("liver_sphere", "liver"), ("aortic_blood_pool", "aorta")):
        region = derived.region(name)
        assert region is not None
        assert organs.mask(organ)[region.mask].all()
    marrow = derived.region("red_marrow")
    assert marrow is not None
    truth = phantom.pet_truth.array[marrow.mask]
    assert 0.5 < truth.mean() < 3.0


@pytest.mark.parametrize("axis", [0, 2])
def test_storage_does_not_matter(axis: int) -> None:
    organs = _phantom().organs_on_pet
    array, geometry = flipped(organs.array, organs.geometry, axis)
    straight = derive_regions(DerivationInputs(organs))
    turned = derive_regions(DerivationInputs(LabelMap(array, geometry, organs.labels)))
    assert [one.name for one in turned.regions] == [one.name for one in straight.regions]
    for one, other in zip(turned.regions, straight.regions, strict=True):
        np.testing.assert_array_equal(np.flip(one.mask, axis), other.mask, err_msg=one.name)


CASES = [
    "fdg_0117d7f11f_09-13-2001-NA-PET-CT_Ganzkoerper_primaer_mit_KM-68547",
    "psma_0198cdca94fbb95f_2019-12-28",
]


@pytest.mark.reference
@pytest.mark.parametrize("case", CASES)
def test_on_real_whole_body_masks(case: str) -> None:
    path: Path = reference_data("autopet3_organ_masks") / "masks" / f"{case}.nii.gz"
    read = read_labelmap(path)
    organs = LabelMap(read.array, read.geometry, AUTOPET_LABELS)
    derived = derive_regions(DerivationInputs(organs))
    centre = {}
    for region in derived.regions:
        centre[region.name] = read.geometry.index_to_world(np.argwhere(region.mask))
    lungs = [organs.label_of(name) for name in LUNGS if name in AUTOPET_LABELS.values()]
    breath = read.geometry.index_to_world(np.argwhere(np.isin(organs.array, lungs)))
    half = (breath[:, 0].min() + breath[:, 0].max()) / 2
    heart = read.geometry.index_to_world(np.argwhere(organs.mask("heart"))).mean(axis=0)
    assert {"liver_sphere", "liver_core", "thymic_bed", "nodes_mediastinal"} <= set(centre)
    assert centre["liver_sphere"].mean(axis=0)[0] < half  # on the right
    assert organs.mask("liver")[derived.region("liver_sphere").mask].all()
    bed = centre["thymic_bed"].mean(axis=0)
    assert abs(bed[0] - half) < 30.0
    assert bed[1] < np.median(breath[:, 1])  # in the front half of the chest
    assert bed[2] > heart[2]  # above the heart's middle
    if "spleen_core" in centre:
        assert centre["spleen_core"].mean(axis=0)[0] > half  # on the left
