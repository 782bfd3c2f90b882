"""Pairs of lesion algorithms compared, empty masks included."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import SimpleITK as sitk
from scipy import ndimage

from wbr_platform.imaging import Geometry
from wbr_platform.segmentation.agreement import (
    AGREEMENT_COLUMNS,
    MEASURES,
    agreement_table,
    compare_masks,
)
from wbr_platform.store.schemas import TABLES
from wbr_platform_tests.segmentation.scenes import GRID, label_map


def _box(first: int, last: int) -> np.ndarray:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[10, 10, first:last] = True
    return mask


EMPTY = label_map({})
MAPS = {
    "a": label_map({"L01": _box(0, 10)}),
    "b": label_map({"L01": _box(5, 10), "L02": _box(10, 15)}),
}


def _value(table: pl.DataFrame, measure: str) -> tuple[float | None, str | None]:
    row = table.row(by_predicate=pl.col("measure") == measure, named=True)
    return row["value"], row["reason"]


def test_columns_are_those_of_the_table() -> None:
    schema = TABLES["segmentation_agreement"].polars_schema()
    schema.pop("study_key")
    assert schema == AGREEMENT_COLUMNS


def test_known_overlap() -> None:
    table = agreement_table(MAPS)
    voxel_ml = GRID.voxel_volume_ml
    assert _value(table, "dice") == (0.5, None)
    assert _value(table, "volume_a_ml") == (pytest.approx(10 * voxel_ml), None)
    assert _value(table, "volume_b_ml") == (pytest.approx(10 * voxel_ml), None)
    assert _value(table, "volume_difference_ml") == (0.0, None)


def test_the_difference_is_b_minus_a() -> None:
    table = agreement_table({"a": MAPS["a"], "c": label_map({"L01": _box(0, 4)})})
    assert _value(table, "volume_difference_ml")[0] == pytest.approx(-6 * GRID.voxel_volume_ml)


def test_empty_masks_are_defined() -> None:
    assert _value(agreement_table({"a": MAPS["a"], "e": EMPTY}), "dice") == (0.0, None)
    both = agreement_table({"d": EMPTY, "e": EMPTY})
    assert _value(both, "dice") == (None, "BOTH_EMPTY")
    assert _value(both, "volume_difference_ml") == (0.0, None)


def test_one_empty_mask_has_no_distance() -> None:
    found = compare_masks(_box(0, 10), np.zeros(GRID.shape, bool), GRID)
    assert found["hd95_mm"] == found["assd_mm"] == (None, "ONE_EMPTY")
    assert found["nsd_4mm"] == found["lesion_f1"] == found["panoptic_quality"] == (0.0, None)
    assert found["lesion_recall"] == (0.0, None)
    assert found["lesion_precision"] == (None, "NO_LESION_B")
    assert found["volume_bias_percent"] == (-100.0, None)
    turned = compare_masks(np.zeros(GRID.shape, bool), _box(0, 10), GRID)
    assert turned["volume_bias_percent"] == (None, "REFERENCE_EMPTY")
    assert turned["false_positive_volume_ml"][0] == pytest.approx(10 * GRID.voxel_volume_ml)


def test_a_single_voxel_is_a_lesion_and_its_own_surface() -> None:
    one, next_to = _box(5, 6), _box(8, 9)
    found = compare_masks(one, next_to, GRID)
    assert found["hd95_mm"] == found["assd_mm"] == (pytest.approx(12.0), None)
    assert found["lesions_a"] == found["lesions_b"] == (1.0, None)
    assert found["false_negative_volume_ml"][0] == pytest.approx(GRID.voxel_volume_ml)
    same = compare_masks(one, one, GRID)
    assert same["dice"] == same["panoptic_quality"] == same["nsd_4mm"] == (1.0, None)
    assert same["hd95_mm"] == (0.0, None)


def test_touching_lesions_are_one() -> None:
    # B cuts A's lesion in two touching halves: one lesion for both, as components say.
    table = agreement_table({"a": label_map({"L01": _box(0, 10)}), "b": MAPS["b"]})
    assert _value(table, "lesions_a") == _value(table, "lesions_b") == (1.0, None)
    # One third in common: found, but not matched.
    assert _value(table, "lesion_f1") == (1.0, None)
    assert _value(table, "panoptic_quality") == (0.0, None)
    assert _value(table, "segmentation_quality") == (None, "NO_MATCHED_LESION")


def _random(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of blobs that overlap in part, touch the edge, and differ in number."""
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.standard_normal((26, 30, 28)), 2.2)
    other = 0.7 * noise + 0.3 * ndimage.gaussian_filter(random.standard_normal(noise.shape), 2.2)
    return noise > np.quantile(noise, 0.9), other > np.quantile(other, 0.92)


@pytest.mark.parametrize("seed", range(6))
def test_against_independent_computations(seed: int) -> None:
    a, b = _random(seed)
    geometry = Geometry(a.shape, (3.0, 2.0, 1.5))
    found = {name: value for name, (value, _) in compare_masks(a, b, geometry).items()}
    measures = sitk.LabelOverlapMeasuresImageFilter()
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)]
    for image in images:
        image.SetSpacing((1.5, 2.0, 3.0))
    measures.Execute(*images)
    assert found["dice"] == pytest.approx(measures.GetDiceCoefficient())
    # Surfaces by distance maps rather than trees.
    edges = [m & ~ndimage.binary_erosion(m, border_value=0) for m in (a, b)]
    maps = [ndimage.distance_transform_edt(~edge, sampling=geometry.spacing) for edge in edges]
    there, back = maps[1][edges[0]], maps[0][edges[1]]
    both = np.concatenate([there, back])
    assert found["hd95_mm"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert found["assd_mm"] == pytest.approx(both.mean())
    assert found["nsd_4mm"] == pytest.approx((both <= 4.0 + 1e-9).mean())
    # Lesions by SciPy's components and loops over pairs.
    (la, na), (lb, nb) = (ndimage.label(m, np.ones((3, 3, 3))) for m in (a, b))
    hits_a = sum(b[la == i].any() for i in range(1, na + 1))
    hits_b = sum(a[lb == i].any() for i in range(1, nb + 1))
    ious = [
        ((la == i) & (lb == j)).sum() / ((la == i) | (lb == j)).sum()
        for i in range(1, na + 1)
        for j in range(1, nb + 1)
    ]
    matched = [iou for iou in ious if iou > 0.5]
    assert found["lesion_recall"] == pytest.approx(hits_a / na)
    assert found["lesion_precision"] == pytest.approx(hits_b / nb)
    expected = sum(matched) / (len(matched) + (na - len(matched)) / 2 + (nb - len(matched)) / 2)
    assert found["panoptic_quality"] == pytest.approx(expected)
    voxel_ml = geometry.voxel_volume_ml
    for mask, other, name in ((b, a, "positive"), (a, b, "negative")):
        labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
        missed = sum(
            (labels == i).sum() for i in range(1, count + 1) if not other[labels == i].any()
        )
        assert found[f"false_{name}_volume_ml"] == pytest.approx(missed * voxel_ml)


def test_every_pair_once() -> None:
    table = agreement_table({**MAPS, "e": EMPTY})
    pairs = table.select("algorithm_a", "algorithm_b").unique(maintain_order=True).rows()
    assert pairs == [("a", "b"), ("a", "e"), ("b", "e")]
    assert table.height == 3 * len(MEASURES)


def test_too_few_to_compare() -> None:
    assert agreement_table({"a": MAPS["a"]}).is_empty()
    assert agreement_table({}).columns == list(AGREEMENT_COLUMNS)


def test_maps_on_different_grids_are_compared_on_the_given_one() -> None:
    fine = GRID.with_spacing((1.5, 2.0, 2.0))
    block = np.zeros(GRID.shape, dtype=bool)
    block[10:30, 10:30, 10:30] = True
    finer = np.zeros(fine.shape, dtype=bool)
    finer[20:60, 20:60, 20:60] = True
    maps = {"a": label_map({"L01": block}), "b": label_map({"L01": finer}, fine)}
    assert _value(agreement_table(maps, GRID), "dice")[0] == pytest.approx(1.0)
