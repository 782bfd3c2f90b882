"""Resampling: values where they belong, one rule for labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from wbr_platform.imaging import Geometry, LabelMap, NamedMask, Volume
from wbr_platform.imaging.resampling import (
    Interpolator,
    resample,
    resample_labels,
    resample_mask,
)
from wbr_platform_tests.imaging.helpers import oblique_geometry

INTERPOLATORS: tuple[Interpolator, ...] = ("nearest", "linear", "bspline")


def _ramp(geometry: Geometry) -> Volume:
    """A value that is linear in the patient's coordinates: 2 x - y + 0.5 z + 40."""
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(3, -1).T)
    values = points @ np.array([2.0, -1.0, 0.5]) + 40.0
    return Volume(values.reshape(geometry.shape).astype(np.float32), geometry, "SUVbw")


def test_a_linear_ramp_is_kept_between_oblique_grids() -> None:
    source = _ramp(Geometry((30, 30, 30), (3.0, 2.0, 2.5), (-40.0, -30.0, -45.0)))
    target = replace(oblique_geometry((6, 6, 6)), origin=(-5.0, -6.0, -7.0))
    moved = resample(source, target, "linear")
    np.testing.assert_allclose(moved.array, _ramp(target).array, atol=2e-3)


@pytest.mark.parametrize("interpolator", INTERPOLATORS)
def test_on_its_own_voxels_every_interpolator_keeps_the_values(interpolator: Interpolator) -> None:
    geometry = oblique_geometry((12, 12, 12))
    values = np.random.default_rng(3).normal(0, 1, geometry.shape).astype(np.float32)
    inner = geometry.cropped((2, 3, 4), (6, 5, 4))
    moved = resample(Volume(values, geometry, "HU"), inner, interpolator)
    np.testing.assert_allclose(moved.array, values[2:8, 3:8, 4:8], atol=1e-4)
    assert moved.geometry is inner
    assert moved.unit == "HU"


def test_bspline_is_the_cubic_spline_of_scipy() -> None:
    geometry = Geometry((16, 16, 16), (2.0, 2.0, 2.0))
    values = np.random.default_rng(5).normal(0, 1, geometry.shape).astype(np.float32)
    values = ndimage.gaussian_filter(values, 1.0)
    inner = geometry.cropped((4, 4, 4), (8, 8, 8)).with_spacing((1.6, 1.6, 1.6))
    moved = resample(Volume(values, geometry, "SUVbw"), inner, "bspline")
    points = geometry.world_to_index(inner.index_to_world(np.indices(inner.shape).reshape(3, -1).T))
    expected = ndimage.map_coordinates(values, points.T, order=3, mode="mirror")
    np.testing.assert_allclose(moved.array.ravel(), expected, atol=2e-3)


@pytest.mark.parametrize(("unit", "outside"), [("HU", -1024.0), ("SUVbw", 0.0)])
def test_beyond_the_image_there_is_air(unit: str, outside: float) -> None:
    geometry = Geometry((3, 3, 3), (1.0, 1.0, 1.0))
    volume = Volume(np.full((3, 3, 3), 7, dtype=np.float32), geometry, unit)  # type: ignore[arg-type]
    far = replace(geometry, origin=(50.0, 0.0, 0.0))
    assert (resample(volume, far).array == outside).all()
    assert (resample(volume, far, outside=3.0).array == 3.0).all()


def test_the_same_grid_gives_the_same_values_back() -> None:
    volume = _ramp(oblique_geometry())
    assert resample(volume, oblique_geometry()).array is volume.array


def test_a_label_has_a_voxel_when_its_membership_is_a_half_or_more() -> None:
    source = Geometry((1, 1, 4), (1.0, 1.0, 1.0))
    labels = LabelMap(np.array([[[0, 1, 1, 0]]], dtype=np.uint8), source, {1: "lesion"})
    fine = Geometry((1, 1, 7), (1.0, 1.0, 0.5))
    moved = resample_labels(labels, fine)
    memberships = np.array([0, 0.5, 1, 1, 1, 0.5, 0])
    np.testing.assert_array_equal(moved.array[0, 0], memberships >= 0.5)


def test_the_label_of_greatest_membership_wins() -> None:
    source = Geometry((1, 1, 3), (1.0, 1.0, 1.0))
    labels = LabelMap(np.array([[[3, 200, 200]]], dtype=np.uint8), source, {3: "a", 200: "b"})
    positions = [0.2, 0.45, 0.55, 0.8]
    for position, expected in zip(positions, (3, 3, 200, 200), strict=True):
        target = Geometry((1, 1, 1), (1.0, 1.0, 1.0), (position, 0.0, 0.0))
        assert resample_labels(labels, target).array.item() == expected
    assert set(np.unique(resample_labels(labels, source.with_spacing((1.0, 1.0, 0.3))).array)) <= {
        0,
        3,
        200,
    }


def test_labels_keep_their_type_and_names() -> None:
    geometry = oblique_geometry()
    array = np.full(geometry.shape, 300, dtype=np.int32)
    labels = LabelMap(array, geometry, {300: "liver", 301: "thymus"})
    moved = resample_labels(labels, geometry.with_spacing((2.0, 2.0, 2.0)))
    assert moved.array.dtype == np.int32
    assert moved.labels == labels.labels
    assert 300 in moved.array


def test_a_sphere_keeps_its_volume_on_another_grid() -> None:
    geometry = Geometry((40, 40, 40), (3.0, 3.0, 3.0))
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(3, -1).T)
    inside = (np.linalg.norm(points - 58.5, axis=1) < 30).reshape(geometry.shape)
    mask = NamedMask("tumour", inside, geometry, "RTSTRUCT", "SCT:108369006", ("note",))
    target = replace(
        oblique_geometry((70, 70, 70), (2.0, 2.0, 2.0), (0.0, 0.0, 30.0)),
        origin=(45.0, -35.0, -10.0),
    )
    moved = resample_mask(mask, target)
    volume = moved.mask.sum() * target.voxel_volume_ml
    assert volume == pytest.approx(inside.sum() * geometry.voxel_volume_ml, rel=0.02)
    assert (moved.name, moved.source, moved.code, moved.notes) == (
        "tumour",
        "RTSTRUCT",
        "SCT:108369006",
        ("note",),
    )
