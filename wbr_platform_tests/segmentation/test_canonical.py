"""Arrays turned head, back and left, whatever their storage."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from wbr_platform.imaging import Geometry
from wbr_platform.segmentation.canonical import Canonical

CASES = [
    (order, signs)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
    if signs != (-1, -1, -1)
]


@pytest.mark.parametrize(("order", "signs"), CASES)
def test_every_axis_order(order: tuple[int, int, int], signs: tuple[int, int, int]) -> None:
    matrix = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[axis, column] = sign
    tilt = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    geometry = Geometry((4, 5, 6), (3.0, 2.0, 1.0), direction=tuple((turn @ matrix).ravel()))
    canonical = Canonical.of(geometry)
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(3, -1).T)
    for axis, name in ((2, 0), (1, 1), (0, 2)):
        coordinate = canonical.turned(points[:, name].reshape(geometry.shape))
        step = np.diff(coordinate, axis=axis)
        assert (step > 0).all()
        assert np.allclose(step, canonical.spacing[axis] * np.cos(tilt if name else 0))
    grid = canonical.grid
    turned_points = [canonical.turned(points[:, i].reshape(geometry.shape)) for i in range(3)]
    indices = np.indices(grid.shape).reshape(3, -1).T
    np.testing.assert_allclose(
        grid.index_to_world(indices), np.stack(turned_points, -1).reshape(-1, 3), atol=1e-9
    )
    array = np.arange(120).reshape(geometry.shape)
    np.testing.assert_array_equal(canonical.back(canonical.turned(array)), array)
    canonical.turned(array)[0, 0, 0] = -1
    assert (array == -1).sum() == 1
