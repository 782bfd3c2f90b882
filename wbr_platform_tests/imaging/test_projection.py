"""Projections are right way up and right way round for every direction matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.projection import (
    Plane,
    PlaneImage,
    cut,
    in_patient_axes,
    labels_in_patient_axes,
    maximum_intensity_projection,
    silhouettes,
)
from wbr_platform_tests.imaging.helpers import (
    AXIS_PARALLEL_DIRECTIONS,
    oblique_geometry,
    rotation,
)

# LPS mm: x grows to the patient's left, y to the back, z to the head.
RIGHT_SHOULDER = (-20.0, 3.0, 40.0)


def _centred(direction: tuple[float, ...], spacing: tuple[float, float, float]) -> Geometry:
    """A field of about 120 mm round the origin of the patient's coordinates."""
    shape = tuple(round(120 / s) | 1 for s in spacing)
    unplaced = Geometry((shape[0], shape[1], shape[2]), spacing, direction=direction)
    centre = unplaced.index_to_world([(n - 1) / 2 for n in shape])[0]
    return replace(unplaced, origin=tuple(float(-c) for c in centre))


def _hot_voxel(geometry: Geometry, point: tuple[float, float, float]) -> Volume:
    array = np.zeros(geometry.shape, dtype=np.float32)
    z, y, x = np.rint(geometry.world_to_index(point)[0]).astype(int)
    array[z, y, x] = 10.0
    return Volume(array, geometry, "SUVbw")


def _hottest(image: PlaneImage) -> tuple[float, float]:
    """Where the greatest pixel lies: shares of the width (from left) and height (from top)."""
    row, column = np.unravel_index(image.array.argmax(), image.array.shape)
    rows, columns = image.array.shape
    return (column + 0.5) / columns, (row + 0.5) / rows


@pytest.mark.parametrize("direction", AXIS_PARALLEL_DIRECTIONS)
def test_the_right_shoulder_is_upper_left_whatever_the_axes(direction: tuple[float, ...]) -> None:
    volume = _hot_voxel(_centred(direction, (4.0, 3.0, 2.0)), RIGHT_SHOULDER)
    across, down = _hottest(maximum_intensity_projection(volume, "coronal"))
    assert across == pytest.approx(0.5 - 20 / 120, abs=0.03)
    assert down == pytest.approx(0.5 - 40 / 120, abs=0.03)


@pytest.mark.parametrize("direction", AXIS_PARALLEL_DIRECTIONS[::5])
def test_the_nose_points_to_the_left_of_a_sagittal_view(direction: tuple[float, ...]) -> None:
    nose = (0.0, -50.0, 45.0)
    volume = _hot_voxel(_centred(direction, (4.0, 3.0, 2.0)), nose)
    across, down = _hottest(maximum_intensity_projection(volume, "sagittal"))
    assert across < 0.2
    assert down < 0.2
    across, down = _hottest(maximum_intensity_projection(volume, "axial"))
    assert across == pytest.approx(0.5, abs=0.03)
    assert down < 0.2


@pytest.mark.parametrize("degrees", [(15.0, 0.0, 0.0), (10.0, -25.0, 30.0), (100.0, 20.0, -170.0)])
def test_an_oblique_image_is_turned_before_it_is_projected(
    degrees: tuple[float, float, float],
) -> None:
    geometry = _centred(tuple(rotation(degrees).ravel()), (3.0, 3.0, 3.0))
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(3, -1).T)
    distance = np.linalg.norm(points - np.array(RIGHT_SHOULDER), axis=1)
    blob = np.exp(-((distance / 8) ** 2)).reshape(geometry.shape).astype(np.float32)
    image = maximum_intensity_projection(Volume(blob, geometry, "SUVbw"), "coronal")
    row, column = np.unravel_index(image.array.argmax(), image.array.shape)
    left, right, bottom, top = image.extent
    x = left + (column + 0.5) * (right - left) / image.array.shape[1]
    z = top + (row + 0.5) * (bottom - top) / image.array.shape[0]
    assert (x, z) == pytest.approx((RIGHT_SHOULDER[0], RIGHT_SHOULDER[2]), abs=3.0)


@pytest.mark.parametrize("direction", AXIS_PARALLEL_DIRECTIONS[::5])
def test_turning_keeps_every_value_in_its_place(direction: tuple[float, ...]) -> None:
    geometry = Geometry((3, 4, 5), (4.0, 3.0, 2.0), (10.0, -20.0, 30.0), direction)
    values = np.random.default_rng(2).normal(size=geometry.shape).astype(np.float32)
    turned = in_patient_axes(Volume(values, geometry, "SUVbw"))
    assert turned.geometry.direction_matrix == pytest.approx(np.eye(3))
    for index in np.ndindex(turned.geometry.shape):
        point = turned.geometry.index_to_world(index)
        z, y, x = np.rint(geometry.world_to_index(point)[0]).astype(int)
        assert turned.array[index] == values[z, y, x]


def test_the_extent_is_in_patient_mm() -> None:
    geometry = Geometry((10, 20, 30), (5.0, 3.0, 2.0), (-29.0, 101.5, 702.5))
    image = maximum_intensity_projection(
        Volume(np.zeros(geometry.shape, dtype=np.float32), geometry, "SUVbw"), "coronal"
    )
    assert image.extent == pytest.approx((-30.0, 30.0, 700.0, 750.0))
    assert image.array.shape == (10, 30)
    assert image.pixel_size_mm == pytest.approx((5.0, 2.0))


def test_a_projection_skips_nan() -> None:
    geometry = Geometry((2, 2, 2), (1.0, 1.0, 1.0))
    array = np.full((2, 2, 2), np.nan, dtype=np.float32)
    array[1, 0, 0] = 3.0
    image = maximum_intensity_projection(Volume(array, geometry, "SUVbw"), "coronal")
    np.testing.assert_array_equal(image.array, [[3.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("plane", ["coronal", "sagittal", "axial"])
def test_shadows_are_the_projection_of_each_mask(plane: Plane) -> None:
    geometry = Geometry((6, 7, 8), (3.0, 2.0, 1.0), direction=AXIS_PARALLEL_DIRECTIONS[13])
    array = np.random.default_rng(4).choice([0, 0, 0, 1, 4], geometry.shape).astype(np.uint8)
    labels = LabelMap(array, geometry, {1: "a", 2: "absent", 4: "b"})
    shadows = silhouettes(labels_in_patient_axes(labels), plane)
    assert sorted(shadows) == [1, 4]
    for label, shadow in shadows.items():
        mask = Volume(labels.mask(label).astype(np.float32), geometry, "1")
        expected = maximum_intensity_projection(mask, plane)
        np.testing.assert_array_equal(shadow.array, expected.array > 0)
        assert shadow.extent == pytest.approx(expected.extent)


def test_oblique_labels_are_turned_by_the_one_rule() -> None:
    geometry = oblique_geometry((20, 20, 20), (3.0, 3.0, 3.0))
    labels = LabelMap(np.full(geometry.shape, 2, dtype=np.uint8), geometry, {2: "all"})
    turned = labels_in_patient_axes(labels)
    assert turned.geometry.direction_matrix == pytest.approx(np.eye(3))
    volume = turned.mask("all").sum() * turned.geometry.voxel_volume_ml
    assert volume == pytest.approx(8000 * 0.027, rel=0.05)


@pytest.mark.parametrize(
    ("plane", "position", "expected"),
    [
        ("axial", 40.0, (-20.0, 3.0)),
        ("coronal", 3.0, (-20.0, 40.0)),
        ("sagittal", -20.0, (3.0, 40.0)),
    ],
)
def test_a_cut_passes_through_its_position(
    plane: Plane, position: float, expected: tuple[float, float]
) -> None:
    volume = _hot_voxel(_centred(AXIS_PARALLEL_DIRECTIONS[29], (3.0, 3.0, 3.0)), RIGHT_SHOULDER)
    image = cut(volume, plane, position, pixel_mm=1.0)
    assert image.array.max() > 5.0
    row, column = np.unravel_index(image.array.argmax(), image.array.shape)
    left, right, bottom, top = image.extent
    across = left + (column + 0.5) * (right - left) / image.array.shape[1]
    along = top + (row + 0.5) * (bottom - top) / image.array.shape[0]
    assert (across, along) == pytest.approx(expected, abs=2.0)
    assert cut(volume, plane, position + 12.0, pixel_mm=1.0).array.max() == 0.0
