"""Peak, background and the isocontours that follow from them."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.imaging import Volume
from wbr_platform.radiomics.local_intensity import global_intensity_peak
from wbr_platform.segmentation.candidates import Candidate
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.isocontours import a50p, nestle
from wbr_platform.segmentation.scene import LesionScene
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform.segmentation.uptake import UptakePolicy
from wbr_platform_tests.segmentation.scenes import GRID, ball, label_map, pet_with, points_of

CENTRE = (0.0, 0.0, 0.0)


def _candidates(pet: Volume) -> tuple[Candidate, ...]:
    return LesionScene.of(SegmentationInputs(pet=pet), UptakePolicy()).candidates


def _cone(peak: float, radius_mm: float, background: float) -> Volume:
    distance = np.linalg.norm(points_of(GRID), axis=-1)
    suv = np.maximum(background, peak * (1.0 - distance / radius_mm))
    return Volume(suv.astype(np.float32), GRID, "SUVbw")


def test_peak_equals_the_global_intensity_peak_of_the_feature_engine() -> None:
    random = np.random.default_rng(3)
    lesion = ball(GRID, (-70.0, -80.0, -80.0), 22.0)  # cut by the image's corner
    pet = pet_with([(lesion, 6.0)])
    noisy = Volume(pet.array + random.normal(0, 0.2, GRID.shape).astype(np.float32), GRID, "SUVbw")
    (candidate,) = _candidates(noisy)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[candidate.box] = candidate.inside
    assert candidate.peak == pytest.approx(global_intensity_peak(noisy, mask), rel=1e-6)


def test_background_is_that_of_the_shell() -> None:
    lesion, near, far = (ball(GRID, CENTRE, radius) for radius in (12.0, 30.0, 60.0))
    pet = pet_with([(far, 1.2), (near, 0.7), (lesion, 9.0)], background=0.01)
    (candidate,) = _candidates(pet)
    assert candidate.maximum == 9.0
    # The shell lies 25 to 30 mm from the 70 % isocontour, which is the ball of 12 mm.
    assert candidate.background == pytest.approx(1.2, abs=0.02)
    hot_ring = pet_with([(far, 3.0), (near, 0.7), (lesion, 9.0)])
    assert _candidates(hot_ring)[0].background is None or _candidates(hot_ring)[0].background < 2.5


def test_a50p_lies_half_way_between_background_and_peak() -> None:
    pet = _cone(10.0, 60.0, background=1.0)
    (candidate,) = _candidates(pet)
    level = 0.5 * (candidate.peak + candidate.background)
    assert a50p(candidate) == pytest.approx(level)
    found = SEGMENTERS["a50p"].segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, pet.array >= np.float32(level))


def test_nestle_adds_the_background() -> None:
    lesion, body = ball(GRID, CENTRE, 16.0), ball(GRID, CENTRE, 70.0)
    pet = pet_with([(body, 1.0), (lesion, 8.0)], background=0.01)
    (candidate,) = _candidates(pet)
    assert nestle(candidate) == pytest.approx(0.15 * 8.0 + 1.0, abs=0.02)
    found = SEGMENTERS["nestle"].segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, lesion)


@pytest.mark.parametrize("name", ["a50p", "nestle"])
def test_without_a_background_the_preselection_stands(name: str) -> None:
    lesion = ball(GRID, CENTRE, 16.0)
    pet = pet_with([(lesion, 8.0)], background=0.0)  # nothing but air around it
    found = SEGMENTERS[name].segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, lesion)
    assert any(note.startswith("BACKGROUND_UNKNOWN: 1 ") for note in found.notes)


def test_50_percent_is_inside_41_percent() -> None:
    pet = _cone(9.0, 50.0, background=0.5)
    inputs = SegmentationInputs(pet=pet)
    narrow = SEGMENTERS["percent_50"].segment(inputs).labelmap.array > 0
    wide = SEGMENTERS["percent_41"].segment(inputs).labelmap.array > 0
    np.testing.assert_array_equal(narrow, pet.array >= 0.5 * pet.array.max())
    assert not (narrow & ~wide).any()
    assert narrow.sum() < wide.sum()


def test_removed_organs_are_no_background() -> None:
    lesion, bladder = ball(GRID, CENTRE, 12.0), ball(GRID, (0.0, 0.0, 45.0), 15.0)
    body = ball(GRID, CENTRE, 75.0)
    pet = pet_with([(body, 1.0), (bladder, 2.0), (lesion, 9.0)], background=0.01)
    inputs = SegmentationInputs(pet=pet, organs=label_map({"urinary_bladder": bladder}))
    scene = LesionScene.of(inputs, UptakePolicy())
    assert scene.candidates[0].background == pytest.approx(1.0, abs=1e-6)
