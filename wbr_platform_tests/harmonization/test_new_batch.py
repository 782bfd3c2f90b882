"""A site that comes after the fit, later studies, tissues, tables that were harmonised before."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.refusal import Refusal

FEATURES = 20


def site(shift: float, patients: int, seed: int) -> tuple[np.ndarray, pl.DataFrame]:
    """Values of one site and the ages, whose effect is 0.05 a year."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, patients)
    noise = rng.normal(size=(patients, FEATURES))
    return 0.05 * age[:, None] + shift + 1.3 * noise, pl.DataFrame({"age": age})


A, AGE_A = site(0.0, 80, 1)
B, AGE_B = site(1.0, 60, 2)
NEW, AGE_NEW = site(-2.0, 30, 3)
LATER, AGE_LATER = site(-2.0, 200, 4)
VALUES, AGES = np.vstack([A, B]), pl.concat([AGE_A, AGE_B])
BATCH = np.repeat(["A", "Bz"], [80, 60])
FITTED = ComBat().fit(VALUES, batch=BATCH, covariates=AGES, tissue="liver")


def test_a_new_site_is_aligned_and_the_fit_does_not_change() -> None:
    extended = FITTED.with_new_batch(NEW, batch="B", covariates=AGE_NEW)
    assert extended.estimates_.batches == ("A", "B", "Bz")
    assert extended.estimates_.patients_per_batch == (80, 30, 60)
    assert extended.estimates_.added_batches == ("B",)
    assert np.array_equal(
        extended.transform(VALUES, batch=BATCH, covariates=AGES),
        FITTED.transform(VALUES, batch=BATCH, covariates=AGES),
    )
    later = extended.transform(LATER, batch=["B"] * 200, covariates=AGE_LATER)
    training = FITTED.transform(VALUES, batch=BATCH, covariates=AGES)
    residual = later.mean(axis=0) - training.mean(axis=0)
    assert np.abs(residual).mean() < 0.4
    assert np.abs(LATER.mean(axis=0) - training.mean(axis=0)).mean() > 2
    with pytest.raises(Refusal, match=r"^UNSEEN_BATCH:"):
        FITTED.transform(NEW, batch=["B"] * 30, covariates=AGE_NEW)


def test_the_new_site_equals_a_fit_to_the_frozen_cohort() -> None:
    """Without covariates and shrinkage: the mean and spread of the harmonised cohort."""
    plain = ComBat(empirical_bayes="none").fit(VALUES, batch=BATCH)
    extended = plain.with_new_batch(NEW, batch="C").transform(NEW, batch=["C"] * 30)
    estimates = plain.estimates_
    standardised = (NEW - NEW.mean(axis=0)) / NEW.std(axis=0, ddof=1)
    expected = standardised * np.sqrt(estimates.variance) + estimates.alpha
    np.testing.assert_allclose(extended, expected, atol=1e-12)


def test_extended_estimates_survive_storage() -> None:
    extended = FITTED.with_new_batch(NEW, batch="C", covariates=AGE_NEW).estimates_
    again = ComBatEstimates.from_json(extended.to_json())
    assert np.array_equal(
        again.apply(NEW, ["C"] * 30, AGE_NEW), extended.apply(NEW, ["C"] * 30, AGE_NEW)
    )
    assert again.added_batches == ("C",)


def test_a_feature_without_spread_at_the_new_site_has_no_value_there() -> None:
    values = NEW.copy()
    values[:, 3] = 1.0
    values[:15, 4] = np.nan
    extended = FITTED.with_new_batch(values, batch="C", covariates=AGE_NEW).estimates_
    ours = extended.apply(values, ["C"] * 30, AGE_NEW)
    assert np.isnan(ours[:, 3:5]).all()
    assert np.isfinite(np.delete(ours, [3, 4], axis=1)).all()
    reasons = extended.cell_reasons(values, ["C"] * 30)
    assert set(reasons[:, 3]) == {"NO_ESTIMATE_IN_BATCH"}
    assert set(reasons[:15, 4]) == {"MISSING_VALUE"}


class TestRefusals:
    def test_too_few_patients(self) -> None:
        with pytest.raises(Refusal, match=r"^BATCH_TOO_SMALL:"):
            FITTED.with_new_batch(NEW[:19], batch="C", covariates=AGE_NEW[:19])
        FITTED.with_new_batch(NEW[:20], batch="C", covariates=AGE_NEW[:20])

    def test_known_batch(self) -> None:
        with pytest.raises(Refusal, match=r"^BATCH_ALREADY_KNOWN:"):
            FITTED.with_new_batch(NEW, batch="A", covariates=AGE_NEW)

    def test_other_tissue(self) -> None:
        with pytest.raises(Refusal, match=r"^OTHER_TISSUE:"):
            FITTED.with_new_batch(NEW, batch="C", covariates=AGE_NEW, tissue="lesion")
        with pytest.raises(Refusal, match=r"^OTHER_TISSUE:"):
            FITTED.transform(A, batch=["A"] * 80, covariates=AGE_A, tissue="lesion")
        FITTED.transform(A, batch=["A"] * 80, covariates=AGE_A, tissue=["liver"] * 80)

    def test_mixed_tissues(self) -> None:
        tissue = np.where(np.arange(140) % 2, "liver", "lesion")
        with pytest.raises(Refusal, match=r"^MIXED_TISSUES:"):
            ComBat().fit(VALUES, batch=BATCH, tissue=tissue)

    def test_nothing_varies(self) -> None:
        with pytest.raises(Refusal, match=r"^NOTHING_TO_HARMONIZE:"):
            ComBat().fit(VALUES, batch=BATCH).with_new_batch(np.ones_like(NEW), batch="C")

    def test_a_table_harmonised_before(self) -> None:
        once = ComBat(empirical_bayes="none").fit_transform(VALUES, batch=BATCH)
        with pytest.raises(Refusal, match=r"^ALREADY_HARMONIZED:"):
            ComBat().fit(once, batch=BATCH)
