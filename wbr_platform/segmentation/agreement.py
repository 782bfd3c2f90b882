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

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.painting import SAME_GRID_MM

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


def agreement_table(
    lesions: Mapping[str, LabelMap], geometry: Geometry | None = None
) -> pl.DataFrame:
    """Every pair of label maps (by algorithm) by every measure, on one grid.

    ``geometry`` is that grid; by default it is the grid of the first label map. All regions of a
    label map count as one mask. Columns algorithm_a, algorithm_b, measure, value, reason;
    algorithm_a stands before algorithm_b in the mapping's order.
    """
    if geometry is None and lesions:
        geometry = next(iter(lesions.values())).geometry
    rows: list[tuple[str, str, str, float | None, str | None]] = []
    if geometry is not None:
        masks = {name: _mask_on(labelmap, geometry) for name, labelmap in lesions.items()}
        sizes = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
        for a, b in combinations(masks, 2):
            pair = Pair(masks[a], masks[b], geometry, sizes[a], sizes[b])
            for measure, measured in MEASURES.items():
                rows.append((a, b, measure, *measured(pair)))
    return pl.DataFrame(rows, schema=AGREEMENT_COLUMNS, orient="row")


def _mask_on(labelmap: LabelMap, geometry: Geometry) -> BoolArray:
    if not labelmap.geometry.same_grid(geometry, SAME_GRID_MM):
        labelmap = resample_labels(labelmap, geometry)
    return np.asarray(labelmap.array > 0)
