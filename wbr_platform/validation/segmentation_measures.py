"""Comparison measures on random masks against independent computations.

The reference computes the same definitions another way: SimpleITK's overlap filter, distance maps
in the place of trees, SciPy's components and loops over pairs in the place of one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from wbr_platform.imaging import Geometry
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.agreement import SURFACE_TOLERANCE_MM, compare_masks
from wbr_platform.validation.report import ValidationRow, compared

CASE = "random masks"
PAIRS = 20
SHAPE, SPACING = (26, 30, 28), (3.0, 2.0, 1.5)
TOLERANCE = 1e-9


def rows() -> list[ValidationRow]:
    """One row a measure: the largest difference over all pairs of random masks."""
    largest: dict[str, float] = {}
    for a, b in _pairs():
        geometry = Geometry(SHAPE, SPACING)
        ours = {name: value for name, (value, _) in compare_masks(a, b, geometry).items()}
        for name, reference in _independent(a, b, geometry).items():
            value = ours[name]
            difference = abs(value - reference) if value is not None else float("inf")
            largest[name] = max(largest.get(name, 0.0), difference)
    return [
        compared(
            CASE, f"{name}: largest difference", 0.0, difference, TOLERANCE, note=f"{PAIRS} pairs"
        )
        for name, difference in largest.items()
    ]


def _pairs() -> Iterator[tuple[BoolArray, BoolArray]]:
    """Blobs that overlap in part, touch the edge, and differ in number."""
    for seed in range(PAIRS):
        random = np.random.default_rng(seed)
        noise = ndimage.gaussian_filter(random.standard_normal(SHAPE), 2.2)
        second = ndimage.gaussian_filter(random.standard_normal(SHAPE), 2.2)
        other = 0.7 * noise + 0.3 * second
        yield noise > np.quantile(noise, 0.9), other > np.quantile(other, 0.92)


def _independent(a: BoolArray, b: BoolArray, geometry: Geometry) -> Mapping[str, float]:
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)))
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    maps = [ndimage.distance_transform_edt(~edge, sampling=geometry.spacing) for edge in edges]
    there, back = maps[1][edges[0]], maps[0][edges[1]]
    both = np.concatenate([there, back])
    voxel_ml = geometry.voxel_volume_ml
    return {
        "dice": float(overlap.GetDiceCoefficient()),
        "hd95_mm": float(max(np.percentile(there, 95), np.percentile(back, 95))),
        "assd_mm": float(both.mean()),
        f"nsd_{SURFACE_TOLERANCE_MM:g}mm": float((both <= SURFACE_TOLERANCE_MM + 1e-9).mean()),
        "volume_bias_percent": 100.0 * (float(b.sum()) / float(a.sum()) - 1.0),
        **_lesion_wise(a, b),
        "false_positive_volume_ml": _false_voxels(b, a) * voxel_ml,
        "false_negative_volume_ml": _false_voxels(a, b) * voxel_ml,
    }


def _lesion_wise(a: BoolArray, b: BoolArray) -> dict[str, float]:
    (in_a, count_a), (in_b, count_b) = (ndimage.label(m, np.ones((3, 3, 3))) for m in (a, b))
    found_a = sum(bool(b[in_a == i].any()) for i in range(1, count_a + 1))
    found_b = sum(bool(a[in_b == j].any()) for j in range(1, count_b + 1))
    ious = [
        float(((in_a == i) & (in_b == j)).sum() / ((in_a == i) | (in_b == j)).sum())
        for i in range(1, count_a + 1)
        for j in range(1, count_b + 1)
    ]
    matched = [iou for iou in ious if iou > 0.5]
    wrong = (count_a - len(matched)) / 2 + (count_b - len(matched)) / 2
    recall, precision = found_a / count_a, found_b / count_b
    return {
        "lesion_recall": recall,
        "lesion_precision": precision,
        "lesion_f1": 2 * recall * precision / (recall + precision),
        "panoptic_quality": sum(matched) / (len(matched) + wrong),
    }


def _false_voxels(mask: BoolArray, other: BoolArray) -> float:
    """autoPET: components (18-connected) without any overlap."""
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
    return float(
        sum((labels == i).sum() for i in range(1, count + 1) if not other[labels == i].any())
    )
