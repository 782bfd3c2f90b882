from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from wbr_platform.simulation.anatomy import fit_anatomy, organ_labels
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.phantom import Phantom, make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS

SCANNER = SCANNERS["siemens_biograph_mct"]
# Organ volumes of adults in mL: ICRP 89 reference values, widened by the spread between people.
VOLUMES_ML = {
    "brain": (1100, 1900),
    "liver": (1000, 2300),
    "spleen": (90, 350),
    "kidney_left": (75, 250),
    "kidney_right": (75, 250),
    "heart": (400, 900),
    "urinary_bladder": (100, 400),
    "pancreas": (30, 130),
    "vertebrae_L3": (20, 70),
    "stomach": (150, 450),
}


@pytest.fixture(scope="module")
def patient() -> SimulatedPatient:
    return Population.of(CohortDesign(patients=2, seed=5)).patient(1)


@pytest.fixture(scope="module")
def phantom(patient: SimulatedPatient) -> Phantom:
    return make_phantom(patient, SCANNER)


def test_every_organ_is_there_on_both_grids(phantom: Phantom) -> None:
    for labelmap in (phantom.organs, phantom.organs_on_pet):
        assert set(np.unique(labelmap.array)) == {0, *organ_labels()}


@pytest.mark.parametrize("organ", sorted(VOLUMES_ML))
def test_organ_volumes_are_those_of_people(phantom: Phantom, organ: str) -> None:
    low, high = VOLUMES_ML[organ]
    on_ct = phantom.organs.mask(organ).sum() * phantom.ct.geometry.voxel_volume_ml
    on_pet = phantom.organs_on_pet.mask(organ).sum() * phantom.pet.geometry.voxel_volume_ml
    assert low < on_ct < high
    assert on_pet == pytest.approx(on_ct, rel=0.15)


def test_sides_are_right_in_patient_coordinates(
    phantom: Phantom, patient: SimulatedPatient
) -> None:
    def centre_x(organ: str) -> float:
        indices = np.argwhere(phantom.organs.mask(organ))
        return float(phantom.ct.geometry.index_to_world(indices)[:, 0].mean())

    middle = patient.habitus.position[0]
    assert centre_x("liver") < middle < centre_x("spleen")
    assert centre_x("kidney_right") < middle < centre_x("kidney_left")


@pytest.mark.parametrize(
    "organ", ["liver", "brain", "heart", "skeletal_muscle", "subcutaneous_fat"]
)
def test_measured_mean_of_big_organs_is_the_truth(
    phantom: Phantom, patient: SimulatedPatient, organ: str
) -> None:
    healthy = phantom.organs_on_pet.mask(organ) & (phantom.lesions.array == 0)
    measured = float(phantom.pet.array[healthy].mean()) / SCANNER.calibration
    assert measured == pytest.approx(patient.organ_suv[organ], rel=0.06)


def test_lesion_masks_have_the_planted_volume_place_and_uptake(phantom: Phantom) -> None:
    voxel_ml = phantom.pet.geometry.voxel_volume_ml
    assert phantom.lesion_truth
    for number, lesion in enumerate(phantom.lesion_truth, start=1):
        mask = phantom.lesions.array == number
        assert mask.sum() * voxel_ml == pytest.approx(lesion.volume_ml, rel=0.1, abs=0.3)
        centre = phantom.pet.geometry.index_to_world(np.argwhere(mask)).mean(axis=0)
        assert np.linalg.norm(centre - lesion.centre) < 1.5
        if lesion.volume_ml > 5:
            mean = float(phantom.pet_truth.array[mask].mean())
            assert mean == pytest.approx(lesion.suv_mean, rel=0.1)
            assert phantom.pet_truth.array[mask].std() > 0.04 * mean


def test_lesions_lie_in_the_body_and_apart(phantom: Phantom) -> None:
    body = phantom.organs_on_pet.array > 0
    for first in phantom.lesion_truth:
        for second in phantom.lesion_truth:
            if first.lesion < second.lesion:
                distance = np.linalg.norm(np.subtract(first.centre, second.centre))
                assert distance > max(first.radii) + max(second.radii)
    assert phantom.pet.array[~body & (phantom.lesions.array == 0)].mean() < 1.5


def test_tissues_have_their_hounsfield_units(phantom: Phantom) -> None:
    ct = phantom.ct.array
    healthy = {name: float(np.median(ct[phantom.organs.mask(name)])) for name in ("liver", "brain")}
    assert healthy["liver"] == pytest.approx(58, abs=8)
    assert healthy["brain"] == pytest.approx(37, abs=8)
    assert np.median(ct[phantom.organs.mask("lung_upper_lobe_right")]) < -700
    assert np.median(ct[phantom.organs.mask("femur_left")]) > 200
    assert ct[0, 0, 0] < -900


def test_same_patient_same_voxels(patient: SimulatedPatient, phantom: Phantom) -> None:
    again = make_phantom(patient, SCANNER)
    assert np.array_equal(again.pet.array, phantom.pet.array)
    assert np.array_equal(again.ct.array, phantom.ct.array)


def test_noise_falls_with_the_dose(patient: SimulatedPatient) -> None:
    def relative_noise(dose_mbq: float) -> float:
        dosed = dataclasses.replace(patient, injected_dose_mbq=dose_mbq)
        image = make_phantom(dosed, SCANNER)
        inside = image.organs_on_pet.mask("liver") & (image.lesions.array == 0)
        return float(image.pet.array[inside].std())

    assert relative_noise(60.0) > 1.3 * relative_noise(600.0)


def test_a_wider_point_spread_lowers_small_hot_spots(patient: SimulatedPatient) -> None:
    small = patient.lesions[-1]
    alone = dataclasses.replace(patient, lesions=(small,))

    def seen_mean(fwhm_mm: float) -> float:
        blurred = dataclasses.replace(SCANNER, psf_fwhm_mm=fwhm_mm, noise=0.0)
        image = make_phantom(alone, blurred)
        return float(image.pet.array[image.lesions.array == 1].mean())

    assert seen_mean(4.0) > seen_mean(7.0)


def test_body_stays_inside_the_field_for_everyone() -> None:
    population = Population.of(CohortDesign(patients=60, seed=1, scale="tiny"))
    heaviest = max(population, key=lambda p: p.weight_kg / p.height_m)
    phantom = make_phantom(heaviest, SCANNER, "tiny")
    sides = phantom.ct.array[:, :, [0, -1]], phantom.ct.array[:, [0, -1], :]
    assert max(float(side.max()) for side in sides) < -300


def test_organ_at_names_the_organ_of_a_point(patient: SimulatedPatient, phantom: Phantom) -> None:
    anatomy = fit_anatomy(patient.habitus)
    indices = np.argwhere(phantom.organs.mask("liver"))
    x, y, z = phantom.ct.geometry.index_to_world(indices[len(indices) // 2])[0]
    assert anatomy.organ_at((float(x), float(y), float(z))) == "liver"
    assert anatomy.organ_at((2000.0, 0.0, 0.0)) is None
