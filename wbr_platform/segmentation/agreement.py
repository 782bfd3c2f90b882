"""How far lesion algorithms agree with each other on the same study.

A is taken as the reference wherever a measure has one (precision, recall, false volumes, bias).
Lesions are 26-connected components of the whole mask, so that touching lesions are one; false
volumes follow autoPET's evaluation with its connectivity of 18. Empty masks are defined: with one
mask empty Dice, NSD, F1 and panoptic quality are 0 and distances are null (ONE_EMPTY); with both
empty they are null (BOTH_EMPTY); volumes and their differences are always values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from types import MappingProxyType

import numpy as np
import polars as pl

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.imaging.morphology import BoolArray, Box, bounding_box
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.lesion_matching import (
    AUTOPET_CONNECTIVITY,
    Components,
    Overlaps,
    unmatched_voxels,
)
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.surfaces import Surface, SurfaceDistances

AGREEMENT_COLUMNS = {
    "algorithm_a": pl.String,
    "algorithm_b": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}

# Surfaces nearer than one PET voxel agree.
SURFACE_TOLERANCE_MM = 4.0


@dataclass(frozen=True)
class Drawn:
    """One mask (z, y, x) and what is found out about it once for all pairs."""

    mask: BoolArray
    geometry: Geometry

    @cached_property
    def voxels(self) -> int:
        """Size."""
        return int(np.count_nonzero(self.mask))

    @property
    def volume_ml(self) -> float:
        """Size in mL."""
        return self.voxels * self.geometry.voxel_volume_ml

    @cached_property
    def surface(self) -> Surface:
        """Surface voxels."""
        return Surface.of(self.mask, self.geometry.spacing)

    @cached_property
    def lesions(self) -> Components:
        """26-connected components."""
        return Components.of(self.mask, 26)

    @cached_property
    def autopet_lesions(self) -> Components:
        """Components as autoPET's evaluation counts them."""
        return Components.of(self.mask, AUTOPET_CONNECTIVITY)


@dataclass(frozen=True)
class Pair:
    """Two masks on one grid; A is the reference."""

    a: Drawn
    b: Drawn

    @property
    def emptiness(self) -> str | None:
        """BOTH_EMPTY, ONE_EMPTY or None."""
        if self.a.voxels and self.b.voxels:
            return None
        return "ONE_EMPTY" if self.a.voxels or self.b.voxels else "BOTH_EMPTY"

    @cached_property
    def shared(self) -> int:
        """Voxels of both."""
        return int(np.count_nonzero(self.a.mask & self.b.mask))

    @cached_property
    def distances(self) -> SurfaceDistances:
        """Between the surfaces of two masks that are not empty."""
        return SurfaceDistances.between(self.a.surface, self.b.surface)

    @cached_property
    def overlaps(self) -> Overlaps:
        """Lesions matched."""
        return Overlaps.of(self.a.lesions, self.b.lesions)


# A value, or None and the reason code.
Measured = tuple[float | None, str | None]
Measure = Callable[[Pair], Measured]


def _share(part: float, whole: float, reason: str) -> Measured:
    return (part / whole, None) if whole else (None, reason)


def _overlap(measure: Callable[[Pair], float]) -> Measure:
    """A measure of overlap: 0 when one mask is empty, null when both are."""

    def measured(pair: Pair) -> Measured:
        if pair.emptiness == "BOTH_EMPTY":
            return None, "BOTH_EMPTY"
        return (0.0 if pair.emptiness else measure(pair)), None

    return measured


def _distance(measure: Callable[[SurfaceDistances], float]) -> Measure:
    """A distance: null when a mask is empty."""

    def measured(pair: Pair) -> Measured:
        if pair.emptiness:
            return None, pair.emptiness
        return measure(pair.distances), None

    return measured


def _value(measure: Callable[[Pair], float]) -> Measure:
    return lambda pair: (float(measure(pair)), None)


def _volume_bias(pair: Pair) -> Measured:
    return _share(100.0 * (pair.b.voxels - pair.a.voxels), pair.a.voxels, "REFERENCE_EMPTY")


def _precision(pair: Pair) -> Measured:
    return _share(pair.overlaps.found_b, len(pair.overlaps.voxels_b), "NO_LESION_B")


def _recall(pair: Pair) -> Measured:
    return _share(pair.overlaps.found_a, len(pair.overlaps.voxels_a), "NO_LESION_A")


def _f1(pair: Pair) -> float:
    precision, recall = _precision(pair)[0] or 0.0, _recall(pair)[0] or 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _recognition_quality(pair: Pair) -> float:
    matched = len(pair.overlaps.matched_ious)
    return 2 * matched / (len(pair.overlaps.voxels_a) + len(pair.overlaps.voxels_b))


def _segmentation_quality(pair: Pair) -> Measured:
    ious = pair.overlaps.matched_ious
    return _share(float(ious.sum()), len(ious), "NO_MATCHED_LESION")


def _panoptic_quality(pair: Pair) -> float:
    return _recognition_quality(pair) * (_segmentation_quality(pair)[0] or 0.0)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "dice": _overlap(lambda p: 2.0 * p.shared / (p.a.voxels + p.b.voxels)),
        "hd95_mm": _distance(lambda d: d.hausdorff_95),
        "assd_mm": _distance(lambda d: d.average_symmetric),
        f"nsd_{SURFACE_TOLERANCE_MM:g}mm": _overlap(
            lambda p: p.distances.share_within(SURFACE_TOLERANCE_MM)
        ),
        "volume_a_ml": _value(lambda p: p.a.volume_ml),
        "volume_b_ml": _value(lambda p: p.b.volume_ml),
        "volume_difference_ml": _value(
            lambda p: (p.b.voxels - p.a.voxels) * p.a.geometry.voxel_volume_ml
        ),
        "volume_bias_percent": _volume_bias,
        "lesions_a": _value(lambda p: len(p.overlaps.voxels_a)),
        "lesions_b": _value(lambda p: len(p.overlaps.voxels_b)),
        "lesion_precision": _precision,
        "lesion_recall": _recall,
        "lesion_f1": _overlap(_f1),
        "recognition_quality": _overlap(_recognition_quality),
        "segmentation_quality": _segmentation_quality,
        "panoptic_quality": _overlap(_panoptic_quality),
        "false_positive_volume_ml": _value(
            lambda p: unmatched_voxels(p.b.autopet_lesions, p.a.mask) * p.a.geometry.voxel_volume_ml
        ),
        "false_negative_volume_ml": _value(
            lambda p: unmatched_voxels(p.a.autopet_lesions, p.b.mask) * p.a.geometry.voxel_volume_ml
        ),
    }
)


def compare_masks(a: BoolArray, b: BoolArray, geometry: Geometry) -> dict[str, Measured]:
    """Every measure of two masks (z, y, x) on one grid; A is the reference."""
    box = bounding_box(a | b)
    if box is not None:
        a, b, geometry = a[box], b[box], _cropped(geometry, box)
    pair = Pair(Drawn(a, geometry), Drawn(b, geometry))
    return {name: measure(pair) for name, measure in MEASURES.items()}


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
        drawn = _drawn(lesions, geometry)
        for a, b in combinations(drawn, 2):
            pair = Pair(drawn[a], drawn[b])
            for measure, measured in MEASURES.items():
                rows.append((a, b, measure, *measured(pair)))
    return pl.DataFrame(rows, schema=AGREEMENT_COLUMNS, orient="row")


def _drawn(lesions: Mapping[str, LabelMap], geometry: Geometry) -> dict[str, Drawn]:
    """All masks, cropped to the box that holds them: most of the body holds no lesion."""
    masks = {name: mask_on(labelmap, geometry) for name, labelmap in lesions.items()}
    union = np.zeros(geometry.shape, dtype=bool)
    for mask in masks.values():
        union |= mask
    box = bounding_box(union) or (slice(0, 1), slice(0, 1), slice(0, 1))
    crop = _cropped(geometry, box)
    return {name: Drawn(np.ascontiguousarray(mask[box]), crop) for name, mask in masks.items()}


def _cropped(geometry: Geometry, box: Box) -> Geometry:
    z, y, x = box
    return geometry.cropped(
        (z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start)
    )


def mask_on(labelmap: LabelMap, geometry: Geometry) -> BoolArray:
    """All regions of a label map as one mask on a grid."""
    if not labelmap.geometry.same_grid(geometry, SAME_GRID_MM):
        labelmap = resample_labels(labelmap, geometry)
    return np.asarray(labelmap.array > 0)
