from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wbr_platform.simulation.shapes import (
    Axes,
    Capsule,
    Ellipsoid,
    Shape,
    Tube,
    bounding_slices,
    coverage,
)

STEP = 2.0


def grid() -> Axes:
    axis = np.arange(-60, 60.1, STEP, dtype=np.float32)
    return axis[:, None, None], axis[None, :, None], axis[None, None, :]


def volume_mm3(share: NDArray[np.float32]) -> float:
    return float(share.sum()) * STEP**3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Ellipsoid((1, 2, -3), (20, 30, 25)), 4 / 3 * np.pi * 20 * 30 * 25),
        (Ellipsoid((0, 0, 0), (15, 20, 40), tilt_degrees=30), 4 / 3 * np.pi * 15 * 20 * 40),
        (
            Capsule((0, 0, -30), (0, 0, 30), 12, 12),
            np.pi * 12**2 * 60 + 4 / 3 * np.pi * 12**3,
        ),
        (
            Tube(((-40, 20, 20, 0), (40, 20, 20, 0)), exponent=2.0),
            np.pi * 20**2 * 80,
        ),
    ],
)
def test_coverage_sums_to_the_volume(shape: Shape, expected: float) -> None:
    assert volume_mm3(coverage([shape], grid(), STEP)) == pytest.approx(expected, rel=0.01)


def test_exponent_four_is_between_ellipsoid_and_box() -> None:
    volume = volume_mm3(coverage([Ellipsoid((0, 0, 0), (20, 20, 20), 4.0)], grid(), STEP))
    assert 4 / 3 * np.pi * 20**3 < volume < 40**3


def test_coverage_of_a_union_counts_the_overlap_once() -> None:
    ball = Ellipsoid((0, 0, 0), (20, 20, 20))
    once = coverage([ball], grid(), STEP)
    assert np.array_equal(coverage([ball, ball], grid(), STEP), once)


def test_tilt_turns_about_the_anteroposterior_axis() -> None:
    upright = Ellipsoid((0, 0, 0), (10, 20, 40))
    lying = Ellipsoid((0, 0, 0), (40, 20, 10), tilt_degrees=90)
    assert np.allclose(upright.distance(grid()), lying.distance(grid()), atol=1e-3)


def test_bounding_box_holds_all_of_the_shape() -> None:
    z, y, x = grid()
    flat = (z.ravel(), y.ravel(), x.ravel())
    shape = Ellipsoid((5, -4, 3), (10, 20, 35), tilt_degrees=40)
    box = bounding_slices([shape], flat, STEP)
    whole = coverage([shape], grid(), STEP)
    assert whole[box].sum() == pytest.approx(float(whole.sum()), rel=1e-6)
    assert whole[box].size < whole.size / 2


def test_a_shape_beyond_the_grid_has_an_empty_box() -> None:
    z, y, x = grid()
    box = bounding_slices([Ellipsoid((500, 0, 0), (5, 5, 5))], (z.ravel(), y.ravel(), x.ravel()), 1)
    assert x.ravel()[box[2]].size == 0
