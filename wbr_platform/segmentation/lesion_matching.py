"""Lesions of two methods matched with each other: what was found, missed and added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.morphology import BoolArray

# An intersection over union above one half matches each lesion at most once (Kirillov et al. 2019).
MATCH_ABOVE_IOU = 0.5
# The connectivity of autoPET's evaluation (faces and edges).
AUTOPET_CONNECTIVITY: Final = 18


@dataclass(frozen=True)
class Components:
    """Connected components numbered from 1, and the voxels of each (index 0 is component 1)."""

    labels: NDArray[np.integer[Any]]
    voxels: NDArray[np.int64]

    @classmethod
    def of(cls, mask: BoolArray, connectivity: Literal[18, 26]) -> Components:
        """Of a mask (z, y, x)."""
        labels = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=connectivity)
        return cls(labels, np.bincount(labels[mask])[1:].astype(np.int64))


@dataclass(frozen=True)
class Overlaps:
    """Components of A and B: voxels of each (index 0 is component 1), voxels shared by pairs."""

    voxels_a: NDArray[np.int64]
    voxels_b: NDArray[np.int64]
    pairs: NDArray[np.int64]  # (n, 3): component of A, component of B, shared voxels

    @classmethod
    def of(cls, a: Components, b: Components) -> Overlaps:
        """Of the components of two masks on one grid."""
        both = (a.labels > 0) & (b.labels > 0)
        pairs, shared = np.unique(
            np.stack([a.labels[both], b.labels[both]]).astype(np.int64),
            axis=1,
            return_counts=True,
        )
        return cls(a.voxels, b.voxels, np.column_stack([pairs.T, shared]))

    @property
    def found_a(self) -> int:
        """Components of A that any voxel of B overlaps."""
        return len(np.unique(self.pairs[:, 0]))

    @property
    def found_b(self) -> int:
        """Components of B that any voxel of A overlaps."""
        return len(np.unique(self.pairs[:, 1]))

    @property
    def matched_ious(self) -> NDArray[np.float64]:
        """Intersection over union of the pairs above one half; each component is in one at most."""
        a, b, shared = self.pairs.T
        union = self.voxels_a[a - 1] + self.voxels_b[b - 1] - shared
        iou = shared / union
        return np.asarray(iou[iou > MATCH_ABOVE_IOU], dtype=np.float64)


def unmatched_voxels(components: Components, other: BoolArray) -> int:
    """Voxels of the components that another mask nowhere overlaps."""
    touched = np.unique(components.labels[other])
    return int(components.voxels.sum() - components.voxels[touched[touched > 0] - 1].sum())
