"""In which region of a label map a mask lies, or which is nearest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray, Box, Spacing, grow_box

# A region farther away than this says little about where something lies.
NEAREST_REGION_LIMIT_MM = 100.0

# The search for the nearest region widens in these steps (mm), so that most masks need a small box.
_SEARCH_STEPS_MM = (15.0, 40.0)


@dataclass(frozen=True)
class Neighbour:
    """A region and its distance in mm between voxel centres; 0 when the mask overlaps it."""

    label: int
    distance_mm: float
    overlap_voxels: int


def overlap_or_nearest(
    labels: NDArray[np.integer[Any]],
    label: int,
    box: Box,
    regions: NDArray[np.integer[Any]],
    candidates: Collection[int],
    spacing: Spacing,
    limit_mm: float = NEAREST_REGION_LIMIT_MM,
) -> Neighbour | None:
    """The region that the voxels of ``label`` overlap most, else the nearest within ``limit_mm``.

    ``labels`` and ``regions`` share a grid (z, y, x); ``box`` holds all voxels of ``label``; only
    ``candidates`` of the regions count. Ties go to the lower region label. None when there is no
    voxel or no candidate near enough.
    """
    wanted = np.array(sorted(candidates), dtype=np.int64)
    found, counts = np.unique(regions[box][labels[box] == label], return_counts=True)
    if found.size == 0 or wanted.size == 0:
        return None
    known = np.isin(found, wanted)
    if known.any():
        best = int(np.argmax(counts[known]))
        return Neighbour(int(found[known][best]), 0.0, int(counts[known][best]))
    for reach in (*[step for step in _SEARCH_STEPS_MM if step < limit_mm], limit_mm):
        wide = grow_box(box, labels.shape, spacing, reach)
        nearest = _nearest_within(labels[wide] == label, regions[wide], wanted, spacing)
        if nearest is not None and nearest.distance_mm <= reach:
            return nearest
    return None


def _nearest_within(
    mask: BoolArray,
    regions: NDArray[np.integer[Any]],
    wanted: NDArray[np.int64],
    spacing: Spacing,
) -> Neighbour | None:
    present = np.isin(regions, wanted)
    if not present.any():
        return None
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing)[present]
    least = float(distance.min())
    # Distances that differ by rounding only are a tie: the answer must not depend on axis order.
    return Neighbour(int(regions[present][distance <= least + 1e-6].min()), least, 0)
