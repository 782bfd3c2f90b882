"""Each lesion of one method beside the lesion of another method that overlaps it most."""

from __future__ import annotations

import numpy as np
import polars as pl

from wbr_platform.imaging import LabelMap
from wbr_platform.imaging.morphology import BoolArray, grow_box
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.components import region_statistics
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.surfaces import Surface, SurfaceDistances

LESION_AGREEMENT_COLUMNS = {
    "lesion_a": pl.String,
    "volume_a_ml": pl.Float64,
    "lesion_b": pl.String,
    "volume_b_ml": pl.Float64,
    "dice": pl.Float64,
    "iou": pl.Float64,
    "hd95_mm": pl.Float64,
    "assd_mm": pl.Float64,
    "reason": pl.String,
}


def lesion_agreement(a: LabelMap, b: LabelMap) -> pl.DataFrame:
    """One row a lesion of A that has a voxel; B is brought to A's grid.

    ``lesion_b`` is the lesion of B that shares most voxels (ties: the lower label). A lesion that B
    missed has Dice and IoU 0, and neither distances nor partner (reason NOT_FOUND).
    """
    if not b.geometry.same_grid(a.geometry, SAME_GRID_MM):
        b = resample_labels(b, a.geometry)
    partners = {region.label: region for region in region_statistics(b.array)}
    voxel_ml = a.geometry.voxel_volume_ml
    rows: list[tuple[object, ...]] = []
    for region in region_statistics(a.array):
        mask = a.array[region.box] == region.label
        name, volume = a.labels[region.label], region.voxels * voxel_ml
        shared = np.bincount(b.array[region.box][mask].astype(np.int64))
        if shared[1:].sum() == 0:
            rows.append((name, volume, None, None, 0.0, 0.0, None, None, "NOT_FOUND"))
            continue
        other = partners[1 + int(np.argmax(shared[1:]))]
        common, total = int(shared[other.label]), region.voxels + other.voxels
        sides = zip(region.box, other.box, strict=True)
        z, y, x = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in sides)
        box = grow_box((z, y, x), a.array.shape, a.geometry.spacing, 0.0)
        distances = _distances(
            a.array[box] == region.label, b.array[box] == other.label, a.geometry.spacing
        )
        rows.append(
            (
                name,
                volume,
                b.labels[other.label],
                other.voxels * voxel_ml,
                2.0 * common / total,
                common / (total - common),
                distances.hausdorff_95,
                distances.average_symmetric,
                None,
            )
        )
    return pl.DataFrame(rows, schema=LESION_AGREEMENT_COLUMNS, orient="row")


def _distances(a: BoolArray, b: BoolArray, spacing: tuple[float, float, float]) -> SurfaceDistances:
    return SurfaceDistances.between(Surface.of(a, spacing), Surface.of(b, spacing))
