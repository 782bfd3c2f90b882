"""Skewed features are harmonised as logarithms, decided on the patients of the fit."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.log_rule import logged_features, within_batch_skewness
from wbr_platform.refusal import Refusal

RNG = np.random.default_rng(0)
BATCH = np.repeat(["A", "B"], [60, 50])
INDEX = (BATCH == "B").astype(np.intp)
NORMAL = RNG.normal(10, 1, (110, 3))
SKEWED = np.exp(RNG.normal(0, 0.8, (110, 3)) + 1.0 * INDEX[:, None])
VALUES = np.hstack([NORMAL, SKEWED, SKEWED[:, :1] - 2])
NAMES = [f"x{k}" for k in range(7)]


def test_positive_skewed_features_are_logged_and_no_others() -> None:
    logged = logged_features(VALUES, INDEX, NAMES, "skewed")
    assert logged.tolist() == [False] * 3 + [True] * 3 + [False]


def test_two_batches_far_apart_are_not_skewness() -> None:
    values = np.abs(RNG.normal(1, 0.05, (110, 1)) + np.where(np.arange(110) < 12, 50.0, 0)[:, None])
    batch = (np.arange(110) >= 12).astype(np.intp)
    assert abs(within_batch_skewness(values, batch)[0]) < 1
    assert not logged_features(values, batch, ["x0"], "skewed")[0]


def test_harmonised_as_the_logarithm() -> None:
    combat = ComBat(log="skewed").fit(SKEWED, batch=BATCH)
    assert combat.estimates_.logged == (True, True, True)
    expected = np.exp(ComBat().fit_transform(np.log(SKEWED), batch=BATCH))
    np.testing.assert_allclose(combat.transform(SKEWED, batch=BATCH), expected, rtol=1e-12)
    named = ComBat(log=["x0", "x1", "x2"]).fit_transform(SKEWED, batch=BATCH)
    np.testing.assert_array_equal(named, combat.transform(SKEWED, batch=BATCH))


def test_the_fit_decides_and_later_patients_follow() -> None:
    combat = ComBat(log="skewed").fit(VALUES, batch=BATCH)
    later = VALUES[:2].copy()
    later[0, 3] = -1.0
    ours = combat.transform(later, batch=BATCH[:2])
    assert np.isnan(ours[0, 3])
    assert np.isnan(ours).sum() == 1
    reasons = combat.estimates_.cell_reasons(later, BATCH[:2])
    assert reasons[0, 3] == "NOT_POSITIVE"
    assert sum(reason is not None for reason in reasons.ravel()) == 1


def test_missing_cells_stay_missing() -> None:
    values = VALUES.copy()
    values[::9, 4] = np.nan
    ours = ComBat(log="skewed").fit_transform(values, batch=BATCH)
    assert np.array_equal(np.isnan(ours), np.isnan(values))


@pytest.mark.parametrize(("name", "code"), [("x6", "NOT_POSITIVE"), ("y", "UNKNOWN_FEATURE")])
def test_named_features_that_cannot_be_logged(name: str, code: str) -> None:
    with pytest.raises(Refusal, match=rf"^{code}:"):
        ComBat(log=[name]).fit(VALUES, batch=BATCH)


def test_unknown_rule() -> None:
    with pytest.raises(ValueError, match="unknown"):
        ComBat(log="often").fit(VALUES, batch=BATCH)
