"""Encoding of covariates: learnt in training, applied elsewhere."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.outcome.covariates import CovariateEncoder

TRAINING = pl.DataFrame(
    {
        "age": [50.0, 60.0, None, 80.0],
        "stage": ["I", "II", "II", None],
        "male": [True, False, True, True],
        "same": [1, 1, 1, 1],
    }
)


def test_training_columns_are_standardised() -> None:
    encoder = CovariateEncoder(["age", "male"]).fit(TRAINING)
    values = encoder.transform(TRAINING)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(values.std(axis=0, ddof=1), 1)


def test_missing_values_take_what_training_knows() -> None:
    encoder = CovariateEncoder(["age", "stage"]).fit(TRAINING)
    later = pl.DataFrame({"age": [None, 60.0, float("nan")], "stage": [None, "II", "II"]})
    values = encoder.transform(later)
    np.testing.assert_allclose(values, np.repeat(values[:1], 3, axis=0))


def test_levels_that_training_has_not_seen_count_as_the_first() -> None:
    encoder = CovariateEncoder(["stage"]).fit(TRAINING)
    assert encoder.columns_ == ["stage=II"]
    values = encoder.transform(pl.DataFrame({"stage": ["IV", "I", "II"]}))
    assert values[0] == values[1] != values[2]


def test_constant_columns_are_left_out() -> None:
    assert CovariateEncoder(["same", "age"]).fit(TRAINING).columns_ == ["age"]


@pytest.mark.parametrize("later_age", [0.0, 1000.0])
def test_later_patients_teach_nothing(later_age: float) -> None:
    encoder = CovariateEncoder(["age"]).fit(TRAINING)
    together = encoder.transform(pl.DataFrame({"age": [55.0, later_age]}))
    assert together[0] == encoder.transform(pl.DataFrame({"age": [55.0]}))[0]
