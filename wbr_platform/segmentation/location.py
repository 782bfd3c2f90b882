"""Where a lesion lies: the organ it overlaps most, else the nearest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wbr_platform.imaging import LabelMap
from wbr_platform.imaging.morphology import bounding_box
from wbr_platform.imaging.neighbourhood import overlap_or_nearest
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.components import region_statistics
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.vocabulary import is_organ, organs


@dataclass(frozen=True)
class Location:
    """An organ, whether the lesion is in it or beside it, how far (mm), and on which side.

    ``side`` is that of the organ's name, else that of the lesion's centroid relative to the middle
    of all organs in LPS x; null within 10 mm of the middle.
    """

    organ: str
    relation: Literal["inside", "beside"]
    distance_mm: float
    side: Literal["left", "right"] | None


_MIDDLE_MM = 10.0


def locate_lesions(lesions: LabelMap, organ_map: LabelMap | None) -> Mapping[int, Location | None]:
    """The location of every lesion that has a voxel; None where no organ is known near enough."""
    regions = region_statistics(lesions.array)
    if organ_map is None:
        return {region.label: None for region in regions}
    if not organ_map.geometry.same_grid(lesions.geometry, SAME_GRID_MM):
        organ_map = resample_labels(organ_map, lesions.geometry)
    candidates = [label for label, name in organ_map.labels.items() if is_organ(name)]
    middle = _middle_x(organ_map)
    found: dict[int, Location | None] = {}
    for region in regions:
        near = overlap_or_nearest(
            lesions.array,
            region.label,
            region.box,
            organ_map.array,
            candidates,
            lesions.geometry.spacing,
        )
        if near is None:
            found[region.label] = None
            continue
        name = organ_map.labels[near.label]
        x = float(lesions.geometry.index_to_world(region.centroid)[0, 0])
        found[region.label] = Location(
            name,
            "inside" if near.overlap_voxels else "beside",
            near.distance_mm,
            _side(name, x, middle),
        )
    return found


def _middle_x(organ_map: LabelMap) -> float | None:
    """LPS x of the middle of the box around all organs."""
    box = bounding_box(organ_map.array > 0)
    if box is None:
        return None
    corners = [(s.start, s.stop - 1) for s in box]
    points = organ_map.geometry.index_to_world(np.array(np.meshgrid(*corners)).reshape(3, -1).T)
    return float(points[:, 0].min() + points[:, 0].max()) / 2


def _side(name: str, x: float, middle: float | None) -> Literal["left", "right"] | None:
    known = organs().get(name)
    if known is not None and known.side == "left":
        return "left"
    if known is not None and known.side == "right":
        return "right"
    if middle is None or abs(x - middle) <= _MIDDLE_MM:
        return None
    # LPS: x grows towards the patient's left.
    return "left" if x > middle else "right"
