"""Lesions are connected, ordered, and named the same however the image is stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.segmentation.components import (
    as_lesions,
    connected_components,
    lesion_name,
    region_statistics,
)
from wbr_platform_tests.segmentation.scenes import GRID, ball, cropped, flipped


def _places(lesions: LabelMap) -> dict[str, tuple[int, tuple[float, ...]]]:
    """Voxels and LPS centroid of every lesion."""
    return {
        lesions.labels[region.label]: (
            region.voxels,
            tuple(np.round(lesions.geometry.index_to_world(region.centroid)[0], 6) + 0.0),
        )
        for region in region_statistics(lesions.array)
    }


def _scene() -> np.ndarray:
    mask = np.zeros(GRID.shape, dtype=bool)
    # Two of equal size, so that only their place decides.
    for centre, radius in (
        ((-40.0, 0.0, 0.0), 9.0),
        ((40.0, 0.0, 0.0), 9.0),
        ((0.0, -40.0, 30.0), 14.0),
        ((0.0, 40.0, -30.0), 11.0),
    ):
        mask |= ball(GRID, centre, radius)
    return mask


def test_order_is_by_volume_then_place() -> None:
    lesions = as_lesions(connected_components(_scene()), GRID).labelmap
    places = _places(lesions)
    assert list(lesions.labels.values()) == ["L01", "L02", "L03", "L04"]
    assert places["L01"][1] == (0.0, -40.0, 30.0)
    assert places["L02"][1] == (0.0, 40.0, -30.0)
    assert places["L03"][1] == (-40.0, 0.0, 0.0)
    assert places["L04"][1] == (40.0, 0.0, 0.0)
    assert places["L03"][0] == places["L04"][0]


def test_ties_are_settled_by_z_before_x() -> None:
    upper, lower = ball(GRID, (-40.0, 0.0, 30.0), 9.0), ball(GRID, (40.0, 0.0, -30.0), 9.0)
    lesions = as_lesions(connected_components(upper | lower), GRID).labelmap
    np.testing.assert_array_equal(lesions.mask("L01"), lower)
    np.testing.assert_array_equal(lesions.mask("L02"), upper)


Store = Callable[[np.ndarray, Geometry], tuple[np.ndarray, Geometry]]


@pytest.mark.parametrize(
    "store",
    [
        lambda a, g: flipped(a, g, 0),
        lambda a, g: flipped(a, g, 1),
        lambda a, g: flipped(a, g, 2),
        lambda a, g: flipped(*flipped(a, g, 0), 2),
        lambda a, g: cropped(a, g, 5),
    ],
)
def test_names_do_not_depend_on_storage(store: Store) -> None:
    expected = _places(as_lesions(connected_components(_scene()), GRID).labelmap)
    array, geometry = store(_scene(), GRID)
    assert _places(as_lesions(connected_components(array), geometry).labelmap) == expected


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_names_do_not_depend_on_label_numbers(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = connected_components(random.random((12, 12, 12)) > 0.9)
    geometry = Geometry(labels.shape, (3.0, 2.0, 2.0))
    numbers = np.concatenate([[0], random.permutation(int(labels.max())) + 5])
    expected = as_lesions(labels, geometry).labelmap
    found = as_lesions(numbers[labels], geometry).labelmap
    np.testing.assert_array_equal(found.array, expected.array)


def test_components_agree_with_scipy() -> None:
    mask = np.random.default_rng(3).random((20, 21, 22)) > 0.88
    ours = connected_components(mask)
    theirs, count = ndimage.label(mask, np.ones((3, 3, 3)))
    pairs = np.unique(np.stack([ours[mask], theirs[mask]]), axis=1)
    assert pairs.shape[1] == count == ours.max()
    assert not ours[~mask].any()


def test_a_corner_connects() -> None:
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[1, 1, 1] = mask[2, 2, 2] = True
    assert connected_components(mask).max() == 1


def test_the_minimum_volume_is_inclusive() -> None:
    geometry = Geometry((5, 5, 30), (10.0, 10.0, 10.0))
    mask = np.zeros(geometry.shape, dtype=bool)
    mask[2, 2, 1:4] = mask[2, 2, 10:12] = True
    found = as_lesions(connected_components(mask), geometry, minimum_ml=3.0)
    assert list(found.labelmap.labels.values()) == ["L01"]
    assert (found.dropped, found.dropped_ml) == (1, 2.0)


def test_statistics_of_a_box() -> None:
    array = np.zeros((6, 7, 8), dtype=np.int32)
    array[1:3, 2:5, 4:8] = 40
    (region,) = region_statistics(array)
    assert (region.label, region.voxels, region.centroid) == (40, 24, (1.5, 3.0, 5.5))
    assert region.box == (slice(1, 3), slice(2, 5), slice(4, 8))


def test_nothing_gives_nothing() -> None:
    found = as_lesions(connected_components(np.zeros(GRID.shape, dtype=bool)), GRID, 1.0)
    assert found.labelmap.labels == {}
    assert not found.labelmap.array.any()


def test_names_go_on_after_99() -> None:
    assert [lesion_name(n) for n in (1, 99, 100)] == ["L01", "L99", "L100"]
