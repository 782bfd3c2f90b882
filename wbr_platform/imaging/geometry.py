"""Where the voxels of an array lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

IDENTITY_DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Geometry:
    """A regular voxel grid in the patient's coordinates (LPS, mm, as DICOM and SimpleITK).

    ``shape`` and ``spacing`` (mm) follow the array's axes (z, y, x). ``origin`` is the centre of
    voxel (0, 0, 0) as a point (x, y, z) in LPS mm. ``direction`` holds, row by row, the 3 x 3
    matrix whose columns are the unit vectors of the array's x, y and z axes (SimpleITK's order).
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = field(default=IDENTITY_DIRECTION)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive sizes (z, y, x), not {self.shape}")
        if len(self.spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise ValueError(f"spacing must be three positive lengths in mm, not {self.spacing}")
        matrix = self.direction_matrix
        if not np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-3):
            raise ValueError(f"direction is not a rotation or reflection: {self.direction}")

    @property
    def direction_matrix(self) -> NDArray[np.float64]:
        """3 x 3; column i is the LPS unit vector of array axis x, y, z for i = 0, 1, 2."""
        return np.asarray(self.direction, dtype=np.float64).reshape(3, 3)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def index_to_world_matrix(self) -> NDArray[np.float64]:
        """3 x 3 matrix from an (x, y, z) index to LPS mm, without the origin."""
        return self.direction_matrix * np.asarray(self.spacing[::-1])

    def index_to_world(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Points (n, 3) in LPS mm (x, y, z) of array indices (n, 3) in (z, y, x) order."""
        index_xyz = np.atleast_2d(np.asarray(indices, dtype=np.float64))[:, ::-1]
        return index_xyz @ self.index_to_world_matrix.T + np.asarray(self.origin)

    def world_to_index(self, points: ArrayLike) -> NDArray[np.float64]:
        """Continuous array indices (n, 3) in (z, y, x) order of LPS points (n, 3) (x, y, z)."""
        offsets = np.atleast_2d(np.asarray(points, dtype=np.float64)) - np.asarray(self.origin)
        index_xyz = offsets @ np.linalg.inv(self.index_to_world_matrix).T
        return index_xyz[:, ::-1]

    def same_grid(self, other: Geometry, tolerance_mm: float = 0.01) -> bool:
        """Whether both grids have the same shape and their corners agree within the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        distance = np.abs(self.index_to_world(corners) - other.index_to_world(corners))
        return bool(distance.max() <= tolerance_mm)

    def with_spacing(self, spacing: tuple[float, float, float]) -> Geometry:
        """The grid of another spacing (z, y, x) in mm over the same field, centres aligned.

        The grid centres coincide and the shape is rounded up, as IBSI recommends for resampling
        (section "Interpolation grid" of the reference manual).
        """
        shape = tuple(
            int(np.ceil(n * old / new - 1e-6))
            for n, old, new in zip(self.shape, self.spacing, spacing, strict=True)
        )
        old_centre = self.index_to_world([(n - 1) / 2 for n in self.shape])[0]
        unplaced = Geometry((shape[0], shape[1], shape[2]), spacing, (0, 0, 0), self.direction)
        new_centre = unplaced.index_to_world([(n - 1) / 2 for n in shape])[0]
        origin = old_centre - new_centre
        return Geometry(
            unplaced.shape,
            spacing,
            (float(origin[0]), float(origin[1]), float(origin[2])),
            self.direction,
        )

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Geometry:
        """The grid of the sub-array that begins at index ``start`` (z, y, x)."""
        origin = self.index_to_world(start)[0]
        return Geometry(
            shape,
            self.spacing,
            (float(origin[0]), float(origin[1]), float(origin[2])),
            self.direction,
        )

    def covered_by(self, other: Geometry, samples: int = 16) -> float:
        """Share (0 to 1) of this grid's field that lies within the other grid's field.

        Estimated on ``samples`` planes along each axis.
        """
        ticks = [(np.arange(samples) + 0.5) / samples * n - 0.5 for n in self.shape]
        points = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
        indices = other.world_to_index(self.index_to_world(points))
        inside = (indices >= -0.5) & (indices <= np.asarray(other.shape) - 0.5)
        return float(inside.all(axis=1).mean())
