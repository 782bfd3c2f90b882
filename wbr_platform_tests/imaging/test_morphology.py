"""Growing and shrinking in millimetres, boxes, and the nearest region."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from wbr_platform.imaging.morphology import bounding_box, dilate, dilate_crop, erode, grow_box
from wbr_platform.imaging.neighbourhood import overlap_or_nearest

SPACING = (3.0, 2.0, 1.5)


def _random_mask(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return ndimage.gaussian_filter(random.normal(size=(14, 16, 18)), 1.5) > 0.12


@given(seed=st.integers(0, 1000), radius=st.floats(0.0, 12.0))
@settings(max_examples=25, deadline=None)
def test_dilation_on_the_crop_equals_distance_on_the_whole_image(seed: int, radius: float) -> None:
    mask = _random_mask(seed)
    whole = ndimage.distance_transform_edt(~mask, sampling=SPACING) <= radius + 1e-6
    expected = whole if mask.any() else mask
    np.testing.assert_array_equal(dilate(mask, SPACING, radius), expected)


@given(seed=st.integers(0, 1000), radius=st.floats(0.0, 12.0))
@settings(max_examples=25, deadline=None)
def test_erosion_on_the_crop_equals_distance_on_the_whole_image(seed: int, radius: float) -> None:
    mask = _random_mask(seed)
    expected = ndimage.distance_transform_edt(mask, sampling=SPACING) > radius + 1e-6
    np.testing.assert_array_equal(erode(mask, SPACING, radius), expected)


def test_a_point_grows_to_the_voxels_within_the_radius() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    grown = dilate(mask, (2.0, 2.0, 2.0), 2.0)
    assert grown.sum() == 7
    assert dilate(mask, (2.0, 2.0, 2.0), 1.9).sum() == 1


def test_the_edge_of_the_image_takes_nothing_away() -> None:
    mask = np.ones((5, 5, 5), dtype=bool)
    assert erode(mask, (1.0, 1.0, 1.0), 3.0).all()


def test_empty_masks() -> None:
    empty = np.zeros((4, 4, 4), dtype=bool)
    assert bounding_box(empty) is None
    assert not dilate(empty, SPACING, 5.0).any()
    assert not erode(empty, SPACING, 5.0).any()
    with pytest.raises(ValueError, match="empty mask"):
        dilate_crop(empty, SPACING, 5.0)


def test_boxes_hold_the_mask_and_stay_in_the_image() -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[2:4, 5, 9] = True
    box = bounding_box(mask)
    assert box == (slice(2, 4), slice(5, 6), slice(9, 10))
    assert grow_box(box, mask.shape, (1.0, 1.0, 1.0), 3.0) == (
        slice(0, 8),
        slice(1, 10),
        slice(5, 10),
    )


def _row_of_regions() -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((3, 3, 60), dtype=np.uint16)
    labels[1, 1, 20:24] = 1
    regions = np.zeros_like(labels)
    regions[1, 1, 0:5] = 7
    regions[1, 1, 30:60] = 4
    return labels, regions


def test_the_nearest_region_and_its_distance() -> None:
    labels, regions = _row_of_regions()
    box = bounding_box(labels == 1)
    assert box is not None
    near = overlap_or_nearest(labels, 1, box, regions, (4, 7), (1.0, 1.0, 2.0), 100.0)
    assert near is not None
    assert (near.label, near.distance_mm, near.overlap_voxels) == (4, 14.0, 0)
    other = overlap_or_nearest(labels, 1, box, regions, (7,), (1.0, 1.0, 2.0), 100.0)
    assert other is not None
    assert (other.label, other.distance_mm) == (7, 32.0)
    assert overlap_or_nearest(labels, 1, box, regions, (7,), (1.0, 1.0, 2.0), 31.0) is None
    assert overlap_or_nearest(labels, 1, box, regions, (), (1.0, 1.0, 2.0), 100.0) is None


def test_overlap_comes_before_nearness_and_ties_go_to_the_lower_label() -> None:
    labels, regions = _row_of_regions()
    regions[1, 1, 22] = 9
    regions[1, 1, 23] = 8
    box = bounding_box(labels == 1)
    assert box is not None
    near = overlap_or_nearest(labels, 1, box, regions, (4, 7, 8, 9), (1.0, 1.0, 1.0), 100.0)
    assert near is not None
    assert (near.label, near.distance_mm, near.overlap_voxels) == (8, 0.0, 1)
