"""In which region of a label map a mask lies, or which is nearest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray, Box, Spacing, bounding_box, grow_box

# The search for the nearest region widens in these steps (mm), so that most masks need a small box.
_SEARCH_STEPS_MM = (15.0, 40.0, 100.0)


@dataclass(frozen=True)
class Neighbour:
    """A region and its distance in mm between voxel centres; 0 when the mask overlaps it."""

    label: int
    distance_mm: float
    overlap_voxels: int


def overlap_or_nearest(
    mask: BoolArray,
    regions: NDArray[np.integer[Any]],
    candidates: Collection[int],
    spacing: Spacing,
    limit_mm: float,
) -> Neighbour | None:
    """The candidate with the greatest overlap, else the nearest one within ``limit_mm``.

    ``mask`` and ``regions`` share a grid (z, y, x). Ties go to the lower label. None when the
    mask is empty or no candidate is near enough.
    """
    box = bounding_box(mask)
    if box is None or not candidates:
        return None
    wanted = np.array(sorted(candidates))
    labels, counts = np.unique(regions[box][mask[box]], return_counts=True)
    known = np.isin(labels, wanted)
    if known.any():
        best = int(np.argmax(counts[known]))
        return Neighbour(int(labels[known][best]), 0.0, int(counts[known][best]))
    for reach in (*[step for step in _SEARCH_STEPS_MM if step < limit_mm], limit_mm):
        wide = grow_box(box, mask.shape, spacing, reach)
        nearest = _nearest_within(mask, regions, wanted, spacing, wide)
        if nearest is not None and nearest.distance_mm <= reach:
            return nearest
    return None


def _nearest_within(
    mask: BoolArray,
    regions: NDArray[np.integer[Any]],
    wanted: NDArray[np.integer[Any]],
    spacing: Spacing,
    box: Box,
) -> Neighbour | None:
    crop = regions[box]
    present = np.isin(crop, wanted)
    if not present.any():
        return None
    distance = ndimage.distance_transform_edt(~mask[box], sampling=spacing)[present]
    least = float(distance.min())
    # Distances that differ by rounding only are a tie: the answer must not depend on axis order.
    label = int(crop[present][distance <= least + 1e-6].min())
    return Neighbour(label, least, 0)
