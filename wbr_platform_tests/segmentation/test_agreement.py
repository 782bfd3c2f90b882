"""Pairs of lesion algorithms compared, empty masks included."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.segmentation.agreement import AGREEMENT_COLUMNS, agreement_table
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


def test_every_pair_once() -> None:
    table = agreement_table({**MAPS, "e": EMPTY})
    pairs = table.select("algorithm_a", "algorithm_b").unique(maintain_order=True).rows()
    assert pairs == [("a", "b"), ("a", "e"), ("b", "e")]
    assert table.height == 12


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
