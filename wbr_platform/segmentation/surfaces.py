"""Distances between the surfaces of two masks, exact and fast for small things far apart.

The surface of a mask are its voxels with a face-neighbour outside it; the edge of the image counts
as outside. Distances go from voxel centre to nearest voxel centre (k-d trees), so that a pair of
lesions costs the same wherever they lie in the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from wbr_platform.imaging.morphology import BoolArray, Spacing, bounding_box


@dataclass(frozen=True)
class Surface:
    """The surface voxels of a mask as points (n, 3) in mm along the array's axes."""

    points: NDArray[np.float64]

    @classmethod
    def of(cls, mask: BoolArray, spacing: Spacing) -> Surface:
        """Of a mask (z, y, x), which may be empty."""
        box = bounding_box(mask)
        if box is None:
            return cls(np.zeros((0, 3)))
        padded = np.pad(mask[box], 1)
        shell = padded & ~ndimage.binary_erosion(padded)
        start = [side.start - 1 for side in box]
        return cls((np.argwhere(shell) + start) * np.asarray(spacing))

    @cached_property
    def tree(self) -> cKDTree:
        """For nearest points."""
        return cKDTree(self.points)


@dataclass(frozen=True)
class SurfaceDistances:
    """From every surface voxel of A to B's surface, and back (mm)."""

    a_to_b: NDArray[np.float64]
    b_to_a: NDArray[np.float64]

    @classmethod
    def between(cls, a: Surface, b: Surface) -> SurfaceDistances:
        """Of two surfaces that are not empty."""
        return cls(b.tree.query(a.points)[0], a.tree.query(b.points)[0])

    @property
    def hausdorff_95(self) -> float:
        """The larger of the two directed 95th percentiles."""
        return float(max(np.percentile(self.a_to_b, 95), np.percentile(self.b_to_a, 95)))

    @property
    def average_symmetric(self) -> float:
        """The mean over all surface voxels of both (ASSD)."""
        return float(np.concatenate([self.a_to_b, self.b_to_a]).mean())

    def share_within(self, tolerance_mm: float) -> float:
        """The share of all surface voxels within the tolerance of the other surface (NSD)."""
        both = np.concatenate([self.a_to_b, self.b_to_a])
        return float(np.mean(both <= tolerance_mm + 1e-9))
