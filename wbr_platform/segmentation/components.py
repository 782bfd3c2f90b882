"""Connected components and the names of lesions: L01 is the largest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.imaging.morphology import BoolArray, Box, bounding_box
from wbr_platform.segmentation.constants import VOLUME_ROUNDING_ML

# Centroids nearer than this are equal when lesions of the same volume are put in order.
_TIE_MM = 1e-3


@dataclass(frozen=True)
class RegionStatistics:
    """One label of an array: voxels, its box (z, y, x) and centroid as an index (z, y, x)."""

    label: int
    voxels: int
    box: Box
    centroid: tuple[float, float, float]


@dataclass(frozen=True)
class Components:
    """Lesions in order, and what was too small to be kept."""

    labelmap: LabelMap
    dropped: int
    dropped_ml: float


def connected_components(mask: BoolArray) -> NDArray[np.integer[Any]]:
    """26-connected components of a mask (z, y, x), numbered from 1 in no promised order."""
    labels = np.zeros(mask.shape, dtype=np.uint32)
    box = bounding_box(mask)
    if box is not None:
        crop = np.ascontiguousarray(mask[box])
        labels[box] = cc3d.connected_components(crop, connectivity=26)
    return labels


def region_statistics(array: NDArray[np.integer[Any]]) -> list[RegionStatistics]:
    """Size, box and centroid of every label that occurs in an array (z, y, x), in one pass."""
    box = bounding_box(array > 0)
    if box is None:
        return []
    crop = np.ascontiguousarray(array[box], dtype=np.uint32)
    shift = [side.start for side in box]
    names = np.arange(int(crop.max()) + 1)
    if names.size > crop.size:
        # cc3d wants labels below the number of voxels: consecutive ones in a layer of background.
        names, numbers = np.unique(np.pad(crop, 1), return_inverse=True)
        crop = numbers.reshape(np.add(crop.shape, 2)).astype(np.uint32)
        shift = [start - 1 for start in shift]
    found = cc3d.statistics(crop)
    regions = []
    for number, label in enumerate(names.tolist()):
        if label == 0 or not found["voxel_counts"][number]:
            continue
        z, y, x = (
            slice(int(side.start) + start, int(side.stop) + start)
            for side, start in zip(found["bounding_boxes"][number], shift, strict=True)
        )
        centre = found["centroids"][number] + shift
        regions.append(
            RegionStatistics(
                int(label),
                int(found["voxel_counts"][number]),
                (z, y, x),
                (float(centre[0]), float(centre[1]), float(centre[2])),
            )
        )
    return regions


def lesion_name(number: int) -> str:
    """L01, L02, …, L100."""
    return f"L{number:02d}"


def in_order(regions: list[RegionStatistics], geometry: Geometry) -> list[RegionStatistics]:
    """Regions by decreasing volume; ties by the centroid's LPS z, then y, then x in mm.

    The order depends on where things lie in the patient and not on how the array is stored: it
    is the same after a flip of axes, a crop, or other label numbers.
    """
    if not regions:
        return []
    points = geometry.index_to_world([region.centroid for region in regions])
    place = dict(zip((region.label for region in regions), points, strict=True))

    def compare(a: RegionStatistics, b: RegionStatistics) -> int:
        if a.voxels != b.voxels:
            return b.voxels - a.voxels
        for difference in (place[a.label] - place[b.label])[::-1]:
            if abs(difference) > _TIE_MM:
                return 1 if difference > 0 else -1
        return a.label - b.label

    return sorted(regions, key=cmp_to_key(compare))


def as_lesions(
    array: NDArray[np.integer[Any]], geometry: Geometry, minimum_ml: float = 0.0
) -> Components:
    """An array of candidate lesions (z, y, x; any labels) as lesions L01, L02, … in order.

    Candidates below ``minimum_ml`` are dropped and counted.
    """
    voxel_ml = geometry.voxel_volume_ml
    regions = in_order(region_statistics(array), geometry)
    kept = [r for r in regions if r.voxels * voxel_ml >= minimum_ml - VOLUME_ROUNDING_ML]
    dropped = regions[len(kept) :]
    lesions = np.zeros(array.shape, dtype=np.uint16)
    for number, region in enumerate(kept, start=1):
        lesions[region.box][array[region.box] == region.label] = number
    labels = {number: lesion_name(number) for number in range(1, len(kept) + 1)}
    return Components(
        LabelMap(lesions, geometry, labels),
        len(dropped),
        sum(region.voxels for region in dropped) * voxel_ml,
    )
