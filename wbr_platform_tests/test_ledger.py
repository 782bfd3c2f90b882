"""The analysis ledger: ids that depend on what was done, on nothing else."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from wbr_platform.ledger import data_hash, ledger_row
from wbr_platform.store.schemas import TABLES

FRAME = pl.DataFrame({"patient": ["a", "b", "c"], "value": [1.0, None, 2.5]})
BASE: dict[str, Any] = {
    "asset": "harmonized_features",
    "question": "liver",
    "method": "ComBat",
    "parameters": {"minimum_per_batch": 10},
    "data": "0",
    "patients": 3,
    "result": "done",
}


def test_row_has_the_columns_of_its_table() -> None:
    assert list(ledger_row(**BASE)) == list(TABLES["analysis_ledger"].columns)


def test_data_hash_ignores_the_order_of_rows_and_columns() -> None:
    assert data_hash(FRAME) == data_hash(FRAME.reverse().select("value", "patient"))


@pytest.mark.parametrize(
    "other",
    [
        FRAME.with_columns(value=pl.Series([1.0, None, 2.5000000000000004])),
        FRAME.with_columns(value=pl.Series([1.0, 0.0, 2.5])),
        FRAME.rename({"value": "other"}),
    ],
)
def test_data_hash_sees_every_change(other: pl.DataFrame) -> None:
    assert data_hash(FRAME) != data_hash(other)


def test_the_same_analysis_has_the_same_id() -> None:
    again = {**BASE, "result": "said otherwise", "parameters": {"minimum_per_batch": 10}}
    assert ledger_row(**BASE)["analysis_id"] == ledger_row(**again)["analysis_id"]


@pytest.mark.parametrize("changed", ["asset", "question", "method", "data"])
def test_another_analysis_has_another_id(changed: str) -> None:
    assert (
        ledger_row(**{**BASE, changed: "other"})["analysis_id"] != ledger_row(**BASE)["analysis_id"]
    )


def test_a_reason_makes_a_refusal_and_parameters_are_json() -> None:
    row = ledger_row(**BASE, reason_code="ONE_BATCH")
    assert (row["status"], row["reason_code"]) == ("refused", "ONE_BATCH")
    assert json.loads(row["parameters"]) == {"minimum_per_batch": 10}
    assert ledger_row(**BASE)["status"] == "fitted"
