"""Arrays turned so that their axes are head, back and left, for rules of anatomy.

A canonical array (z, y, x) grows towards the patient's head, back and left (LPS). It is a view with
axes swapped and flipped: nothing is resampled, so an oblique image is canonical up to its tilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry


@dataclass(frozen=True)
class Canonical:
    """How an array of a grid is turned: canonical axis i is array axis ``order[i]``."""

    geometry: Geometry
    order: tuple[int, int, int]
    backwards: tuple[int, ...]

    @classmethod
    def of(cls, geometry: Geometry) -> Canonical:
        """The turn that brings each array axis nearest to z, y and x of LPS."""
        # Rows z, y, x of LPS; columns the array's axes z, y, x.
        along = geometry.direction_matrix[::-1, ::-1]
        order = max(
            permutations(range(3)),
            key=lambda axes: sum(abs(along[world, axis]) for world, axis in enumerate(axes)),
        )
        backwards = tuple(world for world, axis in enumerate(order) if along[world, axis] < 0)
        return cls(geometry, (order[0], order[1], order[2]), backwards)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm along head, back and left."""
        z, y, x = (self.geometry.spacing[axis] for axis in self.order)
        return z, y, x

    @property
    def grid(self) -> Geometry:
        """The grid of canonical arrays."""
        columns = self.geometry.direction_matrix[:, ::-1][:, list(self.order)].copy()
        first = [0, 0, 0]
        for world in self.backwards:
            columns[:, world] *= -1
            first[self.order[world]] = self.geometry.shape[self.order[world]] - 1
        x, y, z = self.geometry.index_to_world(first)[0]
        shape = tuple(self.geometry.shape[axis] for axis in self.order)
        return Geometry(
            (shape[0], shape[1], shape[2]),
            self.spacing,
            (float(x), float(y), float(z)),
            tuple(float(v) for v in columns[:, ::-1].ravel()),
        )

    def turned(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view of an array of the grid, canonical; writing to it writes to the array."""
        return np.flip(np.transpose(array, self.order), self.backwards)

    def back(self, array: NDArray[Any]) -> NDArray[Any]:
        """A canonical array as the grid stores it."""
        return np.transpose(np.flip(array, self.backwards), np.argsort(self.order))
