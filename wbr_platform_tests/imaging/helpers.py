"""Grids in every orientation, for the tests of images."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry

# All 48 ways in which array axes can lie along the patient's: permutations times flips.
AXIS_PARALLEL_DIRECTIONS = tuple(
    tuple(float(v) for v in (np.eye(3)[:, list(order)] * np.array(signs)).ravel())
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
)


def rotation(degrees: tuple[float, float, float]) -> NDArray[np.float64]:
    """Rotation matrix about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, two = (a for a in range(3) if a != axis)
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[one, two], turn[two, one] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def oblique_geometry(
    shape: tuple[int, int, int] = (5, 6, 7),
    spacing: tuple[float, float, float] = (3.0, 2.0, 1.5),
    degrees: tuple[float, float, float] = (20.0, -35.0, 50.0),
) -> Geometry:
    """A grid along none of the patient's axes."""
    return Geometry(shape, spacing, (-30.0, 12.5, 700.0), tuple(rotation(degrees).ravel()))
