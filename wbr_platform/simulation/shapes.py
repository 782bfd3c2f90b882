"""Smooth analytic shapes and the share of a voxel that lies inside them.

A shape answers with signed distances (mm, negative inside). The share of a voxel inside is the
distance clipped linearly over one voxel size, which gives edges their partial volume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Axes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Point = tuple[float, float, float]


class Shape(Protocol):
    """Something with an extent and a signed distance, in patient coordinates (LPS, mm)."""

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner (x, y, z) in mm."""
        ...

    def distance(self, axes: Axes) -> NDArray[np.float32]:
        """Signed distance in mm, negative inside, on broadcastable axes (z, y, x)."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """A superellipsoid (exponent 2: ellipsoid; 4: rounded box), tilted in the coronal plane.

    ``tilt_degrees`` turns it about the anteroposterior axis. The distance is of first order: exact
    on the surface, good near it.
    """

    centre: Point
    radii: Point
    exponent: float = 2.0
    tilt_degrees: float = 0.0

    def _tilt(self) -> tuple[float, float]:
        angle = math.radians(self.tilt_degrees)
        return math.cos(angle), math.sin(angle)

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner (x, y, z) in mm."""
        cosine, sine = (abs(v) for v in self._tilt())
        half_x = cosine * self.radii[0] + sine * self.radii[2]
        half_z = sine * self.radii[0] + cosine * self.radii[2]
        x, y, z = self.centre
        return (
            (x - half_x, y - self.radii[1], z - half_z),
            (x + half_x, y + self.radii[1], z + half_z),
        )

    def distance(self, axes: Axes) -> NDArray[np.float32]:
        """Signed distance in mm, negative inside, on broadcastable axes (z, y, x)."""
        z, y, x = axes
        dx, dy, dz = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        if self.tilt_degrees:
            cosine, sine = self._tilt()
            dx, dz = cosine * dx + sine * dz, cosine * dz - sine * dx
        u = [np.abs(d) / r for d, r in zip((dx, dy, dz), self.radii, strict=True)]
        power = self.exponent
        norm = (u[0] ** power + u[1] ** power + u[2] ** power) ** (1.0 / power)
        norm = np.maximum(norm, 1e-3)
        slope = sum(
            (component / norm) ** (2 * power - 2) / radius**2
            for component, radius in zip(u, self.radii, strict=True)
        )
        return np.asarray((norm - 1.0) / np.sqrt(np.maximum(slope, 1e-8)), dtype=np.float32)


@dataclass(frozen=True)
class Capsule:
    """A rod with round ends whose radius changes evenly from ``start`` to ``end``."""

    start: Point
    end: Point
    radius_start: float
    radius_end: float

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner (x, y, z) in mm."""
        lowest, highest = [], []
        for a, b in zip(self.start, self.end, strict=True):
            lowest.append(min(a - self.radius_start, b - self.radius_end))
            highest.append(max(a + self.radius_start, b + self.radius_end))
        return (lowest[0], lowest[1], lowest[2]), (highest[0], highest[1], highest[2])

    def distance(self, axes: Axes) -> NDArray[np.float32]:
        """Signed distance in mm, negative inside, on broadcastable axes (z, y, x)."""
        z, y, x = axes
        ax, ay, az = self.start
        bx, by, bz = (b - a for a, b in zip(self.start, self.end, strict=True))
        dx, dy, dz = x - ax, y - ay, z - az
        length_squared = bx * bx + by * by + bz * bz
        along = np.clip((dx * bx + dy * by + dz * bz) / length_squared, 0.0, 1.0)
        away = (dx - along * bx) ** 2 + (dy - along * by) ** 2 + (dz - along * bz) ** 2
        radius = self.radius_start + along * (self.radius_end - self.radius_start)
        return np.asarray(np.sqrt(away) - radius, dtype=np.float32)


@dataclass(frozen=True)
class Tube:
    """A trunk: superelliptic cross-sections whose size and place follow z.

    ``stations`` are rows (z, half width, half depth, y of the centre) in mm with rising z, joined
    linearly; ``x_centre`` is the middle in x.
    """

    stations: tuple[tuple[float, float, float, float], ...]
    x_centre: float = 0.0
    exponent: float = 2.5

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner (x, y, z) in mm."""
        table = np.asarray(self.stations)
        width = float(table[:, 1].max())
        return (
            (
                self.x_centre - width,
                float((table[:, 3] - table[:, 2]).min()),
                float(table[0, 0]),
            ),
            (
                self.x_centre + width,
                float((table[:, 3] + table[:, 2]).max()),
                float(table[-1, 0]),
            ),
        )

    def distance(self, axes: Axes) -> NDArray[np.float32]:
        """Signed distance in mm, negative inside, on broadcastable axes (z, y, x)."""
        z, y, x = axes
        table = np.asarray(self.stations)
        width, depth, middle = (
            np.interp(z, table[:, 0], table[:, column]).astype(np.float32) for column in (1, 2, 3)
        )
        power = self.exponent
        across = (np.abs(x - self.x_centre) / width) ** power
        deep = (np.abs(y - middle) / depth) ** power
        norm = (across + deep) ** (1.0 / power)
        beyond = np.maximum(table[0, 0] - z, z - table[-1, 0]).astype(np.float32)
        return np.asarray(np.maximum((norm - 1.0) * np.minimum(width, depth), beyond), np.float32)


def bounding_slices(
    shapes: Sequence[Shape], axes_1d: Axes, margin: float
) -> tuple[slice, slice, slice]:
    """Index ranges (z, y, x) of the box around shapes on rising 1-D axes; empty if outside."""
    corners = [shape.bounds() for shape in shapes]
    lowest = np.min([low for low, _ in corners], axis=0)[::-1] - margin
    highest = np.max([high for _, high in corners], axis=0)[::-1] + margin
    ranges = [
        slice(int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high, side="right")))
        for axis, low, high in zip(axes_1d, lowest, highest, strict=True)
    ]
    return ranges[0], ranges[1], ranges[2]


def coverage(shapes: Sequence[Shape], axes: Axes, voxel_mm: float) -> NDArray[np.float32]:
    """Share (0 to 1) of each voxel that lies in the union of the shapes."""
    distance = shapes[0].distance(axes)
    for shape in shapes[1:]:
        distance = np.minimum(distance, shape.distance(axes))
    return np.clip(0.5 - distance / np.float32(voxel_mm), 0.0, 1.0)
