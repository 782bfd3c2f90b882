"""Threshold methods on balls of known uptake and size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import dilate
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.constants import PHYSIOLOGICAL_DILATION_MM
from wbr_platform.segmentation.isocontours import PercentOfMaximum
from wbr_platform.segmentation.segmenter import Segmentation, SegmentationInputs
from wbr_platform.segmentation.thresholds import SUV_2_5, SUV_4_0
from wbr_platform.segmentation.uptake import UptakePolicy, assessable, guard_level
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.phantom import make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform_tests.segmentation.scenes import GRID, ball, flipped, label_map, pet_with

THRESHOLDS = ("suv_2.5", "suv_4.0", "percent_41")
CENTRE, BESIDE = (-30.0, 0.0, 0.0), (40.0, 10.0, 20.0)


def _segment(name: str, pet: Volume, organs: LabelMap | None = None) -> Segmentation:
    return SEGMENTERS[name].segment(SegmentationInputs(pet=pet, organs=organs))


def _codes(segmentation: Segmentation) -> set[str]:
    return {note.split(":")[0] for note in segmentation.notes}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_uniform_balls_are_found_exactly(name: str) -> None:
    large, small = ball(GRID, CENTRE, 20.0), ball(GRID, BESIDE, 12.0)
    found = _segment(name, pet_with([(large, 10.0), (small, 6.0)]))
    assert dict(found.labelmap.labels) == {1: "L01", 2: "L02"}
    np.testing.assert_array_equal(found.labelmap.mask("L01"), large)
    np.testing.assert_array_equal(found.labelmap.mask("L02"), small)
    assert (found.algorithm, found.grid) == (name, "pet")


def test_the_threshold_itself_counts() -> None:
    mask = ball(GRID, CENTRE, 15.0)
    for name, suv in (("suv_2.5", 2.5), ("suv_4.0", 4.0)):
        assert _segment(name, pet_with([(mask, suv)])).labelmap.labels
        below = float(np.nextafter(np.float32(suv), np.float32(0)))
        assert not _segment(name, pet_with([(mask, below)])).labelmap.labels


@pytest.mark.parametrize(("name", "minimum"), [("suv_2.5", 1.0), ("suv_4.0", 3.0)])
def test_minimum_volume(name: str, minimum: float) -> None:
    voxels = int(np.ceil(minimum / GRID.voxel_volume_ml))
    for count, kept in ((voxels, 1), (voxels - 1, 0)):
        mask = np.zeros(GRID.shape, dtype=bool)
        mask[2 : 2 + count // 2, 10, 10] = True
        mask[2 : 2 + count - count // 2, 10, 11] = True
        found = _segment(name, pet_with([(mask, 9.0)]))
        assert len(found.labelmap.labels) == kept
        assert ("BELOW_MINIMUM_VOLUME" in _codes(found)) == (kept == 0)


def _cone(peak: float, radius_mm: float) -> Volume:
    """Uptake that falls linearly from the peak at CENTRE to 0 at the radius."""
    seed = np.ones(GRID.shape, dtype=bool)
    z, y, x = np.rint(GRID.world_to_index([CENTRE])[0]).astype(int)
    seed[z, y, x] = False
    distance = ndimage.distance_transform_edt(seed, sampling=GRID.spacing)
    suv = np.maximum(0.0, peak * (1.0 - distance / radius_mm))
    return Volume(suv.astype(np.float32), GRID, "SUVbw")


def test_41_percent_of_a_cone() -> None:
    pet = _cone(peak=10.0, radius_mm=40.0)
    found = _segment("percent_41", pet)
    expected = pet.array >= np.float32(4.1)
    np.testing.assert_array_equal(found.labelmap.array > 0, expected)


def test_41_percent_reaches_beyond_the_preselection() -> None:
    pet = _cone(peak=5.0, radius_mm=40.0)
    found = _segment("percent_41", pet).labelmap.array > 0
    np.testing.assert_array_equal(found, pet.array >= np.float32(2.05))
    assert found.sum() > 3 * (pet.array >= 4.0).sum()


def test_41_percent_is_relative_to_each_lesion() -> None:
    bright, faint = ball(GRID, CENTRE, 15.0), ball(GRID, BESIDE, 15.0)
    found = _segment("percent_41", pet_with([(bright, 40.0), (faint, 5.0)]))
    assert len(found.labelmap.labels) == 2


def test_only_what_is_connected_to_the_maximum_counts() -> None:
    hot, warm = ball(GRID, CENTRE, 15.0), ball(GRID, (-30.0, 0.0, 48.0), 15.0)
    found = _segment("percent_41", pet_with([(hot, 9.0), (warm, 3.8)]))
    np.testing.assert_array_equal(found.labelmap.array > 0, hot)


def test_a_leaking_isocontour_falls_back_to_its_preselection() -> None:
    hot = ball(GRID, CENTRE, 12.0)
    pet = pet_with([(hot, 4.5)], background=2.0)
    found = PercentOfMaximum(reach_mm=20.0).segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, hot)
    assert "ISOCONTOUR_LEAKED" in _codes(found)


def test_an_isocontour_never_enters_removed_organs() -> None:
    bladder, lesion = ball(GRID, (0.0, 0.0, -30.0), 20.0), ball(GRID, (0.0, 0.0, 2.0), 14.0)
    pet = pet_with([(bladder | lesion, 9.0)])
    found = _segment("percent_41", pet, label_map({"urinary_bladder": bladder}))
    free = lesion & ~dilate(bladder, GRID.spacing, PHYSIOLOGICAL_DILATION_MM)
    np.testing.assert_array_equal(found.labelmap.array > 0, free)


def test_the_edge_of_the_image_is_no_leak() -> None:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[:6, 10:16, 10:16] = True
    core = mask.copy()
    core[3:] = False
    found = _segment("percent_41", pet_with([(mask, 3.0), (core, 6.0)]))
    np.testing.assert_array_equal(found.labelmap.array > 0, mask)
    assert "ISOCONTOUR_LEAKED" not in _codes(found)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_physiological_uptake_is_removed_with_its_margin(name: str) -> None:
    brain, lesion = ball(GRID, (0.0, 0.0, 60.0), 20.0), ball(GRID, (0.0, 0.0, -30.0), 14.0)
    spill = ball(GRID, (0.0, 0.0, 60.0), 22.0)
    pet = pet_with([(spill, 8.0), (lesion, 8.0)])
    found = _segment(name, pet, label_map({"brain": brain}))
    np.testing.assert_array_equal(found.labelmap.array > 0, lesion)
    removed = f"brain {spill.sum() * GRID.voxel_volume_ml:.1f} mL"
    assert any(removed in note for note in found.notes)
    assert {"NOT_ASSESSED", "PHYSIOLOGICAL_UPTAKE_REMOVED"} <= _codes(found)
    (review,) = found.removed
    assert (review.organ, review.rule, review.least_suv) == ("brain", "removed", None)
    assert review.volume_ml == pytest.approx(spill.sum() * GRID.voxel_volume_ml)
    assert review.suv_max == 8.0
    np.testing.assert_allclose(review.centroid, (0.0, 0.0, 60.0), atol=4.0)
    # Other organs of high uptake are not in the label map: that is said.
    assert "PHYSIOLOGICAL_UPTAKE_PARTLY_REMOVED" in _codes(found)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_without_organs_nothing_is_removed_and_that_is_said(name: str) -> None:
    brain = ball(GRID, (0.0, 0.0, 60.0), 20.0)
    found = _segment(name, pet_with([(brain, 8.0)]))
    np.testing.assert_array_equal(found.labelmap.array > 0, brain)
    assert "PHYSIOLOGICAL_UPTAKE_NOT_REMOVED" in _codes(found)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_lesions_in_organs_of_no_normal_uptake_stay(name: str) -> None:
    lung, lesion = ball(GRID, (0.0, 0.0, 0.0), 40.0), ball(GRID, (0.0, 0.0, 0.0), 15.0)
    found = _segment(name, pet_with([(lesion, 8.0)]), label_map({"lung_left": lung}))
    np.testing.assert_array_equal(found.labelmap.array > 0, lesion)


def test_a_guarded_liver_keeps_its_lesion_and_loses_its_own_uptake() -> None:
    liver, lesion = ball(GRID, (0.0, 0.0, 0.0), 45.0), ball(GRID, (10.0, 0.0, 0.0), 14.0)
    pet = pet_with([(liver, 2.8), (lesion, 9.0)])
    found = _segment("suv_2.5", pet, label_map({"liver": liver}))
    np.testing.assert_array_equal(found.labelmap.array > 0, lesion)
    (review,) = found.removed
    assert (review.organ, review.rule) == ("liver", "guarded")
    assert review.least_suv == pytest.approx(1.5 * 2.8)
    assert review.suv_max == pytest.approx(2.8)


def test_the_guard_is_robust_against_lesions() -> None:
    values = np.random.default_rng(0).normal(2.2, 0.3, 10_000).astype(np.float32)
    values[:2000] = 15.0
    assert guard_level(values) == pytest.approx(1.5 * 2.2 + 2 * 0.3, rel=0.15)


def test_structures_that_are_no_organ_have_no_rule() -> None:
    hot = ball(GRID, CENTRE, 20.0)
    area = assessable(pet_with([(hot, 9.0)]), label_map({"other_brain": hot}), UptakePolicy())
    assert np.isneginf(area.floor).all()


def test_the_policy_can_be_changed() -> None:
    brain = ball(GRID, (0.0, 0.0, 60.0), 20.0)
    pet = pet_with([(brain, 8.0)])
    organs = label_map({"brain": brain})
    kept = assessable(pet, organs, UptakePolicy(removed=frozenset()))
    assert np.isneginf(kept.floor).all()
    bare = assessable(pet, organs, UptakePolicy(dilation_mm=0.0))
    np.testing.assert_array_equal(np.isposinf(bare.floor), brain)


def test_organs_may_lie_on_another_grid() -> None:
    brain, lesion = ball(GRID, (0.0, 0.0, 60.0), 20.0), ball(GRID, (0.0, 0.0, -30.0), 14.0)
    pet = pet_with([(brain, 8.0), (lesion, 8.0)])
    fine = GRID.with_spacing((2.0, 2.0, 2.0))
    organs = label_map({"brain": ball(fine, (0.0, 0.0, 60.0), 20.0)}, fine)
    np.testing.assert_array_equal(_segment("suv_4.0", pet, organs).labelmap.array > 0, lesion)


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_answer_does_not_depend_on_axis_order(name: str, axis: int) -> None:
    random = np.random.default_rng(5)
    brain = ball(GRID, (0.0, 0.0, 60.0), 20.0)
    pet = pet_with([(ball(GRID, CENTRE, 20.0), 9.0), (ball(GRID, BESIDE, 14.0), 6.0), (brain, 9.0)])
    noisy = (pet.array + random.normal(0, 0.2, GRID.shape)).astype(np.float32)
    organs = label_map({"brain": brain})
    straight = _segment(name, Volume(noisy, GRID, "SUVbw"), organs)
    array, geometry = flipped(noisy, GRID, axis)
    turned_organs = LabelMap(flipped(organs.array, GRID, axis)[0], geometry, organs.labels)
    turned = _segment(name, Volume(array, geometry, "SUVbw"), turned_organs)
    np.testing.assert_array_equal(np.flip(turned.labelmap.array, axis), straight.labelmap.array)
    assert turned.notes == straight.notes


def test_refusals() -> None:
    with pytest.raises(Refusal) as no_pet:
        SUV_2_5.segment(SegmentationInputs())
    assert no_pet.value.reason_code == "NO_PET"
    becquerel = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID, "Bq/mL")
    with pytest.raises(Refusal) as not_suv:
        SUV_4_0.segment(SegmentationInputs(pet=becquerel))
    assert not_suv.value.reason_code == "PET_NOT_SUV"


def test_on_a_whole_body_phantom_removal_leaves_the_lesions() -> None:
    """The first simulated patient: known lesions among brain, heart, kidneys, bladder, liver."""
    patient = Population.of(CohortDesign(patients=4, seed=11)).patient(0)
    phantom = make_phantom(patient, next(iter(SCANNERS.values())))
    truth = phantom.lesions.array > 0
    for name in THRESHOLDS:
        with_organs = _segment(name, phantom.pet, phantom.organs).labelmap.array > 0
        without = _segment(name, phantom.pet).labelmap.array > 0
        assert _dice(with_organs, truth) > 0.55
        assert _dice(without, truth) < 0.5 * _dice(with_organs, truth)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())
