"""Geometry: index to patient and back, equality of grids, IBSI's grid for resampling."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.imaging import Geometry
from wbr_platform.imaging.simpleitk import geometry_of, to_image
from wbr_platform_tests.imaging.helpers import (
    AXIS_PARALLEL_DIRECTIONS,
    oblique_geometry,
    rotation,
)

angles = st.floats(-180, 180)
lengths = st.floats(0.3, 8)
coordinates = st.floats(-1500, 1500)
sizes = st.integers(1, 40)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    direction = rotation((draw(angles), draw(angles), draw(angles)))
    if draw(st.booleans()):
        direction[:, 2] *= -1  # left-handed grids occur in NIfTI files
    return Geometry(
        (draw(sizes), draw(sizes), draw(sizes)),
        (draw(lengths), draw(lengths), draw(lengths)),
        (draw(coordinates), draw(coordinates), draw(coordinates)),
        tuple(direction.ravel()),
    )


@settings(max_examples=60, deadline=None)
@given(geometries(), st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1))
def test_world_to_index_inverts_index_to_world(
    geometry: Geometry, indices: list[tuple[float, float, float]]
) -> None:
    there_and_back = geometry.world_to_index(geometry.index_to_world(indices))
    np.testing.assert_allclose(there_and_back, indices, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(geometries(), st.tuples(sizes, sizes, sizes))
def test_index_to_world_agrees_with_simpleitk(
    geometry: Geometry, index: tuple[int, int, int]
) -> None:
    image = to_image(np.zeros(geometry.shape, dtype=np.uint8), geometry)
    expected = image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index[::-1]])
    np.testing.assert_allclose(geometry.index_to_world(index)[0], expected, atol=1e-6)
    assert geometry.same_grid(geometry_of(image))


def test_index_order_is_z_y_x_and_points_are_x_y_z() -> None:
    geometry = Geometry((4, 5, 6), (10.0, 3.0, 2.0), (100.0, 200.0, 300.0))
    np.testing.assert_allclose(geometry.index_to_world((1, 2, 3))[0], (106.0, 206.0, 310.0))


def test_voxel_volume_is_in_ml() -> None:
    assert Geometry((1, 1, 1), (10.0, 10.0, 10.0)).voxel_volume_ml == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(geometries(), st.tuples(lengths, lengths, lengths))
def test_with_spacing_keeps_the_centre_and_covers_the_field(
    geometry: Geometry, spacing: tuple[float, float, float]
) -> None:
    finer = geometry.with_spacing(spacing)
    old_centre = geometry.index_to_world([(n - 1) / 2 for n in geometry.shape])
    new_centre = finer.index_to_world([(n - 1) / 2 for n in finer.shape])
    np.testing.assert_allclose(new_centre, old_centre, atol=1e-6)
    assert finer.spacing == spacing
    assert finer.direction == geometry.direction
    for new_size, new, old_size, old in zip(
        finer.shape, finer.spacing, geometry.shape, geometry.spacing, strict=True
    ):
        assert new_size * new >= old_size * old * (1 - 1e-5)
        assert (new_size - 1) * new < old_size * old


def test_with_spacing_follows_the_ibsi_interpolation_grid() -> None:
    """IBSI manual, "Interpolation grid": n' = ceil(n s / s'), x0' = (n-1)/2 - s'/s (n'-1)/2."""
    geometry = Geometry((60, 204, 204), (3.0, 0.977, 0.977), (-50.0, -60.0, -70.0))
    new = geometry.with_spacing((2.0, 2.0, 2.0))
    assert new.shape == (90, 100, 100)
    offset_in_old_voxels = geometry.world_to_index(new.index_to_world((0, 0, 0)))[0]
    expected = [
        (n - 1) / 2 - 2.0 / s * (m - 1) / 2
        for n, s, m in zip(geometry.shape, geometry.spacing, new.shape, strict=True)
    ]
    np.testing.assert_allclose(offset_in_old_voxels, expected, atol=1e-9)


def test_with_the_same_spacing_the_grid_stays() -> None:
    geometry = oblique_geometry()
    assert geometry.with_spacing(geometry.spacing).same_grid(geometry, tolerance_mm=1e-9)


def test_same_grid_sees_shape_position_and_turn() -> None:
    geometry = Geometry((40, 40, 40), (4.0, 4.0, 4.0))
    assert geometry.same_grid(Geometry((40, 40, 40), (4.0, 4.0, 4.0), (0.009, 0.0, 0.0)))
    assert not geometry.same_grid(Geometry((40, 40, 40), (4.0, 4.0, 4.0), (0.02, 0.0, 0.0)))
    assert not geometry.same_grid(Geometry((40, 40, 41), (4.0, 4.0, 4.0)))
    # 39 voxels of 0.001 mm add up to 0.039 mm at the far corner.
    assert not geometry.same_grid(Geometry((40, 40, 40), (4.0, 4.0, 4.001)))
    turned = Geometry((40, 40, 40), (4.0, 4.0, 4.0), direction=tuple(rotation((0, 0, 1)).ravel()))
    assert not geometry.same_grid(turned)


def test_grids_of_the_same_corners_but_swapped_axes_differ() -> None:
    grids = [
        Geometry((8, 8, 8), (2.0, 2.0, 2.0), direction=direction)
        for direction in AXIS_PARALLEL_DIRECTIONS
    ]
    for index, grid in enumerate(grids):
        assert [grid.same_grid(other) for other in grids].index(True) == index
        assert sum(grid.same_grid(other) for other in grids) == 1


@settings(max_examples=40, deadline=None)
@given(geometries(), st.data())
def test_cropped_voxels_stay_where_they_were(geometry: Geometry, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in geometry.shape)
    shape = tuple(
        data.draw(st.integers(1, n - s)) for n, s in zip(geometry.shape, start, strict=True)
    )
    cropped = geometry.cropped(start, shape)
    last = tuple(n - 1 for n in shape)
    whole = tuple(s + i for s, i in zip(start, last, strict=True))
    np.testing.assert_allclose(
        cropped.index_to_world(last), geometry.index_to_world(whole), atol=1e-6
    )


@pytest.mark.parametrize(
    ("shape", "spacing", "direction"),
    [
        ((0, 1, 1), (1.0, 1.0, 1.0), np.eye(3)),
        ((1, 1, 1), (1.0, -1.0, 1.0), np.eye(3)),
        ((1, 1, 1), (1.0, float("nan"), 1.0), np.eye(3)),
        ((1, 1, 1), (1.0, 1.0, 1.0), np.diag([1.0, 1.0, 0.5])),
        ((1, 1, 1), (1.0, 1.0, 1.0), np.ones((3, 3))),
    ],
)
def test_impossible_grids_are_refused(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], direction: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"must be|not a rotation"):
        Geometry(shape, spacing, direction=tuple(direction.ravel()))


def test_only_images_of_three_dimensions_have_a_geometry() -> None:
    with pytest.raises(ValueError, match="three dimensions"):
        geometry_of(sitk.Image(4, 4, sitk.sitkUInt8))
