"""Majority votes against a count of the members, and the choice for each lesion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from wbr_platform.imaging import Volume
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.isocontours import AdaptedIsocontour, PercentOfMaximum, a50p
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform.segmentation.thresholds import FixedThreshold
from wbr_platform.segmentation.votes import LesionAdaptive, MajorityVote
from wbr_platform_tests.segmentation.scenes import GRID, ball, pet_with

HOT, WARM = ball(GRID, (-35.0, 0.0, 0.0), 20.0), ball(GRID, (45.0, 10.0, 20.0), 18.0)


def _blurred(hot: float, warm: float, background: float) -> Volume:
    body = ball(GRID, (0.0, 0.0, 0.0), 85.0)
    pet = pet_with([(body, background), (HOT, hot), (WARM, warm)], background=0.01)
    sigma = [7.0 / 2.355 / step for step in GRID.spacing]
    return Volume(ndimage.gaussian_filter(pet.array, sigma), GRID, "SUVbw")


def _drawn(name: str, pet: Volume) -> np.ndarray:
    return SEGMENTERS[name].segment(SegmentationInputs(pet=pet)).labelmap.array > 0


@pytest.mark.parametrize("votes", [2, 3])
def test_votes_are_counted(votes: int) -> None:
    pet = _blurred(12.0, 5.5, 0.6)
    members = (
        PercentOfMaximum(41.0, minimum_volume_ml=0.0),
        AdaptedIsocontour("a50p", a50p, minimum_volume_ml=0.0),
        FixedThreshold(2.5, 0.0),
        FixedThreshold(4.0, 0.0),
    )
    masks = [one.segment(SegmentationInputs(pet=pet)).labelmap.array > 0 for one in members]
    expected = np.sum(masks, axis=0) >= votes
    found = MajorityVote(votes, minimum_volume_ml=0.0).segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, expected)
    assert found.algorithm == f"mv{votes}"


def test_the_rule_chooses_for_each_lesion() -> None:
    # A hot lesion follows SUV 4.0; a warm one MV2 on low and MV3 on high background.
    for background, method in ((0.5, "mv2"), (1.2, "mv3")):
        pet = _blurred(14.0, 5.5, background)
        segmentation = SEGMENTERS["lesion_adaptive"].segment(SegmentationInputs(pet=pet))
        drawn = segmentation.labelmap.array > 0
        left, right = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
        left[:, :, :20], right[:, :, 20:] = True, True
        np.testing.assert_array_equal(drawn & left, _drawn("suv_4.0", pet) & left)
        np.testing.assert_array_equal(drawn & right, _drawn(method, pet) & right)
        assert any(f"{method} for 1" in note for note in segmentation.notes)


def test_touching_lesions_keep_their_own_rules() -> None:
    # One component of MV2 with a hot and a warm end: the hot end follows SUV 4.0.
    hot, warm = ball(GRID, (-14.0, 0.0, 0.0), 12.0), ball(GRID, (14.0, 0.0, 0.0), 12.0)
    body = ball(GRID, (0.0, 0.0, 0.0), 85.0)
    bridge = ball(GRID, (0.0, 0.0, 0.0), 4.0)
    pet = pet_with([(body, 0.5), (bridge, 3.5), (hot, 20.0), (warm, 5.0)], background=0.01)
    sharp = Volume(pet.array, GRID, "SUVbw")
    adaptive = LesionAdaptive(minimum_volume_ml=0.0).segment(SegmentationInputs(pet=sharp))
    drawn = adaptive.labelmap.array > 0
    assert drawn[hot].all()
    assert drawn[warm].all()
    assert not (drawn & (pet.array < 2.5)).any()


def test_nothing_hot_gives_nothing() -> None:
    pet = pet_with([(HOT, 3.0)])
    for name in ("mv2", "mv3", "lesion_adaptive"):
        assert not _drawn(name, pet).any()


def test_a_component_without_a_candidate_is_no_lesion() -> None:
    tiny = np.zeros(GRID.shape, dtype=bool)
    tiny[30, 20, 20:22] = True  # 0.1 mL of SUV 6: below the preselection
    pet = pet_with([(tiny, 6.0)])
    assert (
        MajorityVote(2, minimum_volume_ml=0.0).segment(SegmentationInputs(pet=pet)).labelmap.labels
    )
    assert (
        not LesionAdaptive(minimum_volume_ml=0.0)
        .segment(SegmentationInputs(pet=pet))
        .labelmap.labels
    )
