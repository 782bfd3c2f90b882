"""B-ComBat, M-ComBat and both."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.refusal import Refusal

RNG = np.random.default_rng(3)
BATCH = np.repeat(["A", "B", "C"], [40, 30, 30])
SHIFT = np.array([0.0, 1.0, -1.0])[np.searchsorted(["A", "B", "C"], BATCH)]
VALUES = RNG.normal(size=(100, 8)) + SHIFT[:, None]
STAGE = pl.DataFrame({"stage": RNG.choice(["I", "II"], 100)})


def test_bootstrap_is_repeatable_and_close_to_the_plain_fit() -> None:
    plain = ComBat().fit_transform(VALUES, batch=BATCH, covariates=STAGE)
    first = ComBat(n_boot=50, seed=1).fit_transform(VALUES, batch=BATCH, covariates=STAGE)
    again = ComBat(n_boot=50, seed=1).fit_transform(VALUES, batch=BATCH, covariates=STAGE)
    other = ComBat(n_boot=50, seed=2).fit_transform(VALUES, batch=BATCH, covariates=STAGE)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0 < np.abs(first - plain).max() < 0.25


def test_mean_of_many_resamples_is_the_plain_shift() -> None:
    plain = ComBat(empirical_bayes="none").fit(VALUES, batch=BATCH).estimates_
    boot = ComBat(empirical_bayes="none", n_boot=400).fit(VALUES, batch=BATCH).estimates_
    scale = np.sqrt(plain.variance)
    ours = boot.alpha + np.sqrt(boot.variance) * boot.gamma_star
    np.testing.assert_allclose(ours / scale, (plain.alpha + scale * plain.gamma_star) / scale,
                               atol=0.05)  # fmt: skip


def test_reference_with_bootstrap_leaves_the_reference() -> None:
    ours = ComBat(n_boot=10, reference_batch="B").fit_transform(VALUES, batch=BATCH)
    assert np.array_equal(ours[BATCH == "B"], VALUES[BATCH == "B"])
    assert abs(ours[BATCH == "A"].mean() - VALUES[BATCH == "B"].mean()) < 0.1


def test_missing_cells_and_a_nearly_constant_feature() -> None:
    values = VALUES.copy()
    values[RNG.random(values.shape) < 0.1] = np.nan
    ours = ComBat(n_boot=20).fit_transform(values, batch=BATCH)
    assert np.array_equal(np.isnan(ours), np.isnan(values))
    values[BATCH == "C", 0] = 1.0
    values[np.flatnonzero(BATCH == "C")[:1], 0] = 2.0
    ours = ComBat(n_boot=20).fit_transform(values, batch=BATCH)
    assert np.array_equal(np.isnan(ours), np.isnan(values))


def test_a_level_that_resamples_keep_losing() -> None:
    rare = pl.DataFrame({"site": np.array([f"s{k}" if k < 30 else "common" for k in range(100)])})
    with pytest.raises(Refusal, match=r"^BOOTSTRAP_FAILED:"):
        ComBat(n_boot=5).fit(VALUES, batch=BATCH, covariates=rare)


def test_estimates_say_so_and_survive_storage() -> None:
    estimates = ComBat(n_boot=5).fit(VALUES, batch=BATCH).estimates_
    assert estimates.n_boot == 5
    again = type(estimates).from_json(estimates.to_json())
    assert np.array_equal(again.apply(VALUES, BATCH, None), estimates.apply(VALUES, BATCH, None))


def test_negative_number_of_resamples() -> None:
    with pytest.raises(ValueError, match="negative"):
        ComBat(n_boot=-1).fit(VALUES, batch=BATCH)
