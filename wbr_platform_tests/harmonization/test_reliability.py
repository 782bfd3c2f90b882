"""Intraclass correlation against the published example, and which features survive."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.acquisition_effects import EFFECT_SCHEMA
from wbr_platform.harmonization.reliability import (
    RELIABILITY_SCHEMA,
    feature_reliability,
    intraclass_correlation,
)
from wbr_platform.harmonization.survivors import SURVIVOR_SCHEMA, surviving_features
from wbr_platform.refusal import Refusal

# Shrout and Fleiss 1979, table 2: six targets, four judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=float,
)
TISSUE = {"kind": "healthy_organ", "region": "liver", "modality": "PT", "policy": "p"}


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [("ICC(1,1)", 0.166, -0.133, 0.723), ("ICC(3,1)", 0.715, 0.342, 0.946)],
)
def test_published_example(form: str, value: float, low: float, high: float) -> None:
    found = intraclass_correlation(JUDGES, form)  # type: ignore[arg-type]
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=6e-4)


def test_limits_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        values = rng.normal(0, 3, (30, 1)) + rng.normal(size=(30, 5))
        found = intraclass_correlation(values, "ICC(1,1)")
        assert found is not None
        covered += found.low <= 0.9 <= found.high
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


def test_identical_and_constant_repetitions() -> None:
    same = intraclass_correlation(np.repeat(JUDGES[:, :1], 3, axis=1))
    assert same is not None
    assert (same.value, same.label) == (1.0, "excellent")
    assert intraclass_correlation(np.ones((5, 3))) is None
    assert intraclass_correlation(JUDGES[:1]) is None


def long(values: np.ndarray, feature: str) -> pl.DataFrame:
    wide = pl.DataFrame(values, schema=[f"noise_{k}" for k in range(values.shape[1])])
    wide = wide.with_columns(study_key=pl.Series([f"s{k}" for k in range(len(values))]))
    table = wide.unpivot(index="study_key", variable_name="perturbation", value_name="value")
    constant = {name: pl.lit(text) for name, text in TISSUE.items()}
    return table.with_columns(**constant, feature=pl.lit(feature))


def test_reliability_of_a_table() -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(0, 10, (40, 1)) + rng.normal(size=(40, 5))
    good[3, 2] = np.nan
    table = pl.concat(
        [
            long(good, "a_good"),
            long(rng.normal(size=(40, 5)), "b_poor"),
            long(np.ones((40, 5)), "c_constant"),
            long(good[:1], "d_single"),
        ]
    )
    frame = feature_reliability(table)
    assert dict(frame.schema) == dict(RELIABILITY_SCHEMA)
    assert frame["label"].to_list() == ["excellent", "poor", None, None]
    assert frame["reason"].to_list() == [None, None, "CONSTANT", "NOT_ENOUGH_PATIENTS"]
    assert frame["patients"].to_list() == [39, 40, 40, 1]
    with pytest.raises(Refusal, match=r"^DUPLICATE_VALUE:"):
        feature_reliability(pl.concat([table, table]))
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        feature_reliability(table.drop("perturbation"))


def effect(
    feature: str, factor: str, share: tuple[float, float, float] | None, fitted: bool = False
) -> dict[str, object]:
    low, middle, high = share or (None, None, None)
    return {
        **TISSUE,
        "feature": feature,
        "treatment": "combat",
        "factor": factor,
        "explained": middle,
        "explained_low": low,
        "explained_high": high,
        "removed_by_treatment": fitted,
    }


def test_survivors() -> None:
    effects = pl.DataFrame(
        [
            effect("stable", "scanner", (0.0, 0.3, 0.5), fitted=True),
            effect("stable", "voxel", (0.0, 0.01, 0.05)),
            effect("stable", "dose", (0.0, 0.02, 0.08)),
            effect("unstable", "voxel", (0.1, 0.2, 0.3)),
            effect("unstable", "dose", (0.0, 0.01, 0.05)),
            effect("undecided", "voxel", (0.02, 0.08, 0.2)),
            effect("unknown", "voxel", None),
            effect("repeats_badly", "voxel", (0.0, 0.01, 0.05)),
        ],
        schema=dict(EFFECT_SCHEMA),
    )
    reliability = pl.DataFrame(
        [{**TISSUE, "feature": "repeats_badly", "icc_low": 0.4}], schema=dict(RELIABILITY_SCHEMA)
    )
    frame = surviving_features(effects, reliability)
    assert dict(frame.schema) == dict(SURVIVOR_SCHEMA)
    rows = {row["feature"]: row for row in frame.iter_rows(named=True)}
    assert {name: row["grade"] for name, row in rows.items()} == {
        "stable": "stable",
        "unstable": "unstable",
        "undecided": "undecided",
        "unknown": None,
        "repeats_badly": "stable",
    }
    assert {name: row["survives"] for name, row in rows.items()} == {
        "stable": True,
        "unstable": False,
        "undecided": False,
        "unknown": None,
        "repeats_badly": False,
    }
    assert rows["stable"]["factors"] == 2
    assert rows["unstable"]["worst_factor"] == "voxel"
    assert surviving_features(effects).filter(feature="repeats_badly")["survives"].to_list() == [
        True
    ]
