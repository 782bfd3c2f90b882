"""Polygons and voxels: against exact geometry, a slow reference, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from wbr_platform.dicom.contours import fill_polygons, trace_polygons


def inside_by_winding(polygon: NDArray[np.float64], y: float, x: float) -> bool:
    """Whether the angles to the vertices add up to a full turn (simple polygons)."""
    offsets = polygon - np.array([y, x])
    angles = np.arctan2(offsets[:, 0], offsets[:, 1])
    turns = (np.diff(np.append(angles, angles[0])) + np.pi) % (2 * np.pi) - np.pi
    return bool(abs(turns.sum()) > np.pi)


def test_square_of_known_voxels() -> None:
    square = np.array([[1.5, 2.5], [1.5, 6.5], [4.5, 6.5], [4.5, 2.5]])
    expected = np.zeros((8, 9), dtype=bool)
    expected[2:5, 3:7] = True
    for polygon in (square, square[::-1], np.roll(square, 2, axis=0)):
        np.testing.assert_array_equal(fill_polygons([polygon], (8, 9)), expected)


def test_a_polygon_inside_another_is_a_hole() -> None:
    outer = np.array([[0.5, 0.5], [0.5, 8.5], [8.5, 8.5], [8.5, 0.5]])
    inner = np.array([[2.5, 2.5], [2.5, 5.5], [5.5, 5.5], [5.5, 2.5]])
    mask = fill_polygons([outer, inner], (10, 10))
    assert mask.sum() == 64 - 9
    assert not mask[3:6, 3:6].any()


def test_polygons_that_share_an_edge_share_no_voxel() -> None:
    left = np.array([[0, 0], [0, 4], [6, 4], [6, 0]], dtype=float)
    right = np.array([[0, 4], [0, 9], [6, 9], [6, 4]], dtype=float)
    first, second = fill_polygons([left], (8, 12)), fill_polygons([right], (8, 12))
    assert not (first & second).any()
    assert (first | second).sum() == 6 * 9


def test_polygons_beyond_the_plane_are_cut() -> None:
    polygon = np.array([[-5.0, -5.0], [-5.0, 20.0], [20.0, 20.0], [20.0, -5.0]])
    assert fill_polygons([polygon], (6, 7)).all()
    assert not fill_polygons([polygon + 40.0], (6, 7)).any()
    assert not fill_polygons([polygon - 40.0], (6, 7)).any()


@given(st.integers(0, 10_000), st.integers(3, 24))
@settings(max_examples=60, deadline=None)
def test_star_polygons_against_the_winding_number(seed: int, corners: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    if np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() >= np.pi:
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radii = random.uniform(2.0, 8.0, corners)
    polygon = np.column_stack([9.3 + radii * np.sin(angles), 9.7 + radii * np.cos(angles)])
    mask = fill_polygons([polygon], (20, 20))
    expected = [[inside_by_winding(polygon, y, x) for x in range(20)] for y in range(20)]
    np.testing.assert_array_equal(mask, np.array(expected))


def test_area_of_a_fine_circle() -> None:
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    circle = np.column_stack([100 + 80 * np.sin(angle), 100 + 80 * np.cos(angle)])
    assert fill_polygons([circle], (200, 200)).sum() == pytest.approx(np.pi * 80**2, rel=2e-3)


@given(arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))))
@settings(max_examples=200, deadline=None)
def test_any_mask_there_and_back(mask: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(fill_polygons(trace_polygons(mask), mask.shape), mask)
