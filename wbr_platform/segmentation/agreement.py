"""How far lesion algorithms agree with each other on the same study.

Empty masks are defined: Dice is 0 when one of two masks is empty and null (BOTH_EMPTY) when both
are; volumes and their differences are always values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np
import polars as pl

from wbr_platform.imaging import Geometry
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.segmenter import Segmentation

AGREEMENT_COLUMNS = {
    "algorithm_a": pl.String,
    "algorithm_b": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Pair:
    """Two masks (z, y, x) on one grid and what is counted once for all measures."""

    a: BoolArray
    b: BoolArray
    geometry: Geometry
    voxels_a: int
    voxels_b: int


# A value, or None and the reason code.
Measured = tuple[float | None, str | None]


def dice(pair: Pair) -> Measured:
    """2 |A and B| / (|A| + |B|)."""
    total = pair.voxels_a + pair.voxels_b
    if total == 0:
        return None, "BOTH_EMPTY"
    return 2.0 * int(np.count_nonzero(pair.a & pair.b)) / total, None


def volume_a_ml(pair: Pair) -> Measured:
    """Volume of A in mL."""
    return pair.voxels_a * pair.geometry.voxel_volume_ml, None


def volume_b_ml(pair: Pair) -> Measured:
    """Volume of B in mL."""
    return pair.voxels_b * pair.geometry.voxel_volume_ml, None


def volume_difference_ml(pair: Pair) -> Measured:
    """Volume of B minus volume of A in mL."""
    return (pair.voxels_b - pair.voxels_a) * pair.geometry.voxel_volume_ml, None


MEASURES: Mapping[str, Callable[[Pair], Measured]] = MappingProxyType(
    {
        "dice": dice,
        "volume_a_ml": volume_a_ml,
        "volume_b_ml": volume_b_ml,
        "volume_difference_ml": volume_difference_ml,
    }
)


def segmentation_agreement(
    segmentations: Mapping[str, Segmentation], geometry: Geometry
) -> pl.DataFrame:
    """Every pair of segmentations by every measure, on one grid (the PET's).

    Columns algorithm_a, algorithm_b, measure, value, reason; algorithm_a stands before algorithm_b
    in the mapping's order. All regions of a segmentation count as one mask.
    """
    masks = {name: _mask_on(drawn, geometry) for name, drawn in segmentations.items()}
    sizes = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    rows = []
    for a, b in combinations(masks, 2):
        pair = Pair(masks[a], masks[b], geometry, sizes[a], sizes[b])
        for measure, measured in MEASURES.items():
            value, reason = measured(pair)
            rows.append((a, b, measure, value, reason))
    return pl.DataFrame(rows, schema=AGREEMENT_COLUMNS, orient="row")


def _mask_on(drawn: Segmentation, geometry: Geometry) -> BoolArray:
    labelmap = drawn.labelmap
    if not labelmap.geometry.same_grid(geometry, SAME_GRID_MM):
        labelmap = resample_labels(labelmap, geometry)
    return np.asarray(labelmap.array > 0)
