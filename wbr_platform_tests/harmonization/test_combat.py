"""ComBat's behaviour: properties, refusals, missing cells, scikit-learn's contract."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.refusal import Refusal

BATCH = np.repeat(["A", "B", "C"], [30, 20, 25])
PATIENTS, FEATURES = len(BATCH), 12


def simulate(seed: int = 0) -> tuple[np.ndarray, pl.DataFrame]:
    """Values with known batch effects and covariate effects, and the covariates."""
    rng = np.random.default_rng(seed)
    index = np.searchsorted(["A", "B", "C"], BATCH)
    covariates = pl.DataFrame(
        {"age": rng.normal(60, 10, PATIENTS), "sex": rng.choice(["F", "M"], PATIENTS)}
    )
    shift = rng.normal(0, 1, (3, FEATURES)) + np.array([[0.0], [1.0], [-2.0]])
    scale = np.array([[1.0], [1.5], [0.7]])
    noise = rng.normal(size=(PATIENTS, FEATURES))
    effects = covariates["age"].to_numpy()[:, None] * 0.03
    effects = effects + (covariates["sex"] == "M").to_numpy()[:, None] * 0.5
    return effects + shift[index] + scale[index] * noise, covariates


VALUES, COVARIATES = simulate()
OPTIONS: list[dict[str, Any]] = [
    {},
    {"empirical_bayes": "nonparametric"},
    {"empirical_bayes": "none"},
    {"mean_only": True},
    {"reference_batch": "B"},
]


def refused(reason_code: str, **options: Any) -> Any:
    return pytest.raises(Refusal, match=f"^{reason_code}:", **options)


def with_missing(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    holes = np.random.default_rng(7).random(values.shape) < share
    return np.where(holes, np.nan, values)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("missing", [False, True])
def test_order_of_patients_does_not_matter(options: dict[str, Any], missing: bool) -> None:
    values = with_missing(VALUES) if missing else VALUES
    order = np.random.default_rng(1).permutation(PATIENTS)
    straight = ComBat(**options).fit_transform(values, batch=BATCH, covariates=COVARIATES)
    shuffled = ComBat(**options).fit_transform(
        values[order], batch=BATCH[order], covariates=COVARIATES[order]
    )
    np.testing.assert_allclose(shuffled, straight[order], rtol=0, atol=1e-11)


@pytest.mark.parametrize("options", OPTIONS)
def test_unit_of_a_feature_does_not_matter(options: dict[str, Any]) -> None:
    scale, offset = np.logspace(-6, 6, FEATURES), np.linspace(-3, 3, FEATURES)
    ours = ComBat(**options).fit_transform(VALUES * scale + offset, batch=BATCH)
    plain = ComBat(**options).fit_transform(VALUES, batch=BATCH)
    np.testing.assert_allclose((ours - offset) / scale, plain, rtol=0, atol=1e-8)


def test_reference_batch_is_bit_equal() -> None:
    values = with_missing(VALUES)
    ours = ComBat(reference_batch="B").fit_transform(values, batch=BATCH, covariates=COVARIATES)
    assert np.array_equal(ours[BATCH == "B"], values[BATCH == "B"], equal_nan=True)
    assert not np.allclose(ours[BATCH == "A"], values[BATCH == "A"], equal_nan=True)


@pytest.mark.parametrize("options", OPTIONS)
def test_missing_cells_stay_missing_and_no_others(options: dict[str, Any]) -> None:
    values = with_missing(VALUES)
    ours = ComBat(**options).fit_transform(values, batch=BATCH, covariates=COVARIATES)
    assert np.array_equal(np.isnan(ours), np.isnan(values))


def test_without_shrinkage_batches_get_the_same_mean_and_spread() -> None:
    ours = ComBat(empirical_bayes="none").fit_transform(VALUES, batch=BATCH)
    means = np.array([ours[b == BATCH].mean(axis=0) for b in "ABC"])
    spreads = np.array([ours[b == BATCH].std(axis=0, ddof=1) for b in "ABC"])
    np.testing.assert_allclose(means, np.broadcast_to(means[0], means.shape), atol=1e-12)
    np.testing.assert_allclose(spreads, np.broadcast_to(spreads[0], spreads.shape), atol=1e-12)


def test_covariate_protects_an_effect_that_differs_between_batches() -> None:
    rng = np.random.default_rng(2)
    batch = np.repeat(["A", "B"], 2000)
    stage = np.where(rng.random(4000) < np.where(batch == "A", 0.2, 0.7), 1.0, 0.0)
    values = rng.normal(size=(4000, 5)) + stage[:, None]

    def effect(harmonised: np.ndarray) -> float:
        return float((harmonised[stage == 1].mean(0) - harmonised[stage == 0].mean(0)).mean())

    without = ComBat().fit_transform(values, batch=batch)
    with_stage = ComBat().fit_transform(values, batch=batch, covariates=stage)
    assert effect(with_stage) == pytest.approx(1, abs=0.05)
    assert effect(without) < 0.85


def test_a_later_patient_is_harmonised_alone_as_in_the_crowd() -> None:
    combat = ComBat().fit(VALUES[1:], batch=BATCH[1:], covariates=COVARIATES[1:])
    together = combat.transform(VALUES, batch=BATCH, covariates=COVARIATES)
    alone = combat.transform(VALUES[:1], batch=BATCH[:1], covariates=COVARIATES[:1])
    np.testing.assert_allclose(alone, together[:1], rtol=0, atol=1e-12)


def test_constant_features_pass_unchanged_with_a_reason() -> None:
    values = VALUES.copy()
    values[:, 0] = 0.7  # its variance is not exactly zero in floating point
    values[BATCH == "B", 1] = 0.7
    values[BATCH == "C", 2] = np.nan
    combat = ComBat().fit(values, batch=BATCH)
    assert combat.estimates_.reasons[:4] == (
        "CONSTANT",
        "CONSTANT_IN_BATCH",
        "TOO_FEW_VALUES_IN_BATCH",
        None,
    )
    ours = combat.transform(values, batch=BATCH)
    assert np.array_equal(ours[:, :3], values[:, :3], equal_nan=True)
    others = ComBat().fit_transform(values[:, 3:], batch=BATCH)
    np.testing.assert_allclose(ours[:, 3:], others, rtol=0, atol=1e-12)


def test_one_feature_is_not_shrunk() -> None:
    combat = ComBat().fit(VALUES[:, :1], batch=BATCH)
    raw = ComBat(empirical_bayes="none").fit(VALUES[:, :1], batch=BATCH)
    assert combat.empirical_bayes_ == "none"
    assert np.array_equal(combat.estimates_.gamma_star, raw.estimates_.gamma_star)


def test_identical_features_have_a_point_prior() -> None:
    twice = np.repeat(VALUES[:, :1], 2, axis=1)
    ours = ComBat().fit_transform(twice, batch=BATCH)
    raw = ComBat(empirical_bayes="none").fit_transform(twice, batch=BATCH)
    np.testing.assert_allclose(ours, raw, rtol=0, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.2))
def test_estimates_survive_storage(seed: int, share: float) -> None:
    values, covariates = simulate(seed)
    values = with_missing(values, share)
    estimates = ComBat().fit(values, batch=BATCH, covariates=covariates).estimates_
    again = ComBatEstimates.from_json(estimates.to_json())
    assert np.array_equal(
        again.apply(values, BATCH, covariates),
        estimates.apply(values, BATCH, covariates),
        equal_nan=True,
    )
    assert again.to_json() == estimates.to_json()


def test_estimates_without_covariates_survive_storage() -> None:
    values = VALUES.copy()
    values[:, 0] = 1.0
    estimates = ComBat(reference_batch="A").fit(values, batch=BATCH).estimates_
    again = ComBatEstimates.from_json(estimates.to_json())
    assert np.array_equal(again.apply(values, BATCH, None), estimates.apply(values, BATCH, None))


class TestRefusals:
    def test_one_batch(self) -> None:
        with refused("ONE_BATCH"):
            ComBat().fit(VALUES, batch=["A"] * PATIENTS)

    def test_small_batch_by_default(self) -> None:
        batch = np.where(np.arange(PATIENTS) < 9, "small", "large")
        with refused("BATCH_TOO_SMALL"):
            ComBat().fit(VALUES, batch=batch)
        ComBat(minimum_per_batch=9).fit(VALUES, batch=batch)

    def test_single_patient_unless_mean_only(self) -> None:
        batch = np.where(np.arange(PATIENTS) < 1, "single", "others")
        with refused("BATCH_TOO_SMALL"):
            ComBat(minimum_per_batch=1).fit(VALUES, batch=batch)
        ours = ComBat(minimum_per_batch=1, mean_only=True).fit_transform(VALUES, batch=batch)
        assert np.isfinite(ours).all()

    def test_unseen_batch(self) -> None:
        combat = ComBat().fit(VALUES, batch=BATCH)
        with refused("UNSEEN_BATCH"):
            combat.transform(VALUES[:1], batch=["D"])

    def test_unknown_reference(self) -> None:
        with refused("UNKNOWN_REFERENCE"):
            ComBat(reference_batch="D").fit(VALUES, batch=BATCH)

    @pytest.mark.parametrize("offset", [0.0, 1e6])
    def test_covariate_that_is_the_batch(self, offset: float) -> None:
        with refused("CONFOUNDED"):
            ComBat().fit(VALUES, batch=BATCH, covariates=(BATCH == "A") * 3.0 + offset)

    def test_two_covariates_that_are_the_same(self) -> None:
        twice = pl.DataFrame({"age": COVARIATES["age"], "months": COVARIATES["age"] * 12})
        with refused("CONFOUNDED"):
            ComBat().fit(VALUES, batch=BATCH, covariates=twice)

    def test_missing_covariate(self) -> None:
        holes = COVARIATES.with_columns(age=pl.when(pl.col("age") > 60).then("age"))
        with refused("MISSING_COVARIATE"):
            ComBat().fit(VALUES, batch=BATCH, covariates=holes)
        combat = ComBat().fit(VALUES, batch=BATCH, covariates=COVARIATES)
        with refused("MISSING_COVARIATE"):
            combat.transform(VALUES, batch=BATCH, covariates=holes)

    def test_forgotten_covariate(self) -> None:
        combat = ComBat().fit(VALUES, batch=BATCH, covariates=COVARIATES)
        with refused("COVARIATES_MISMATCH"):
            combat.transform(VALUES, batch=BATCH)

    def test_unseen_level(self) -> None:
        combat = ComBat().fit(VALUES, batch=BATCH, covariates=COVARIATES)
        other = COVARIATES.with_columns(sex=pl.lit("O"))
        with refused("UNSEEN_LEVEL"):
            combat.transform(VALUES, batch=BATCH, covariates=other)

    def test_missing_batch(self) -> None:
        with refused("MISSING_BATCH"):
            ComBat().fit(VALUES, batch=[None, *BATCH[1:]])

    def test_nothing_to_harmonise(self) -> None:
        with refused("NOTHING_TO_HARMONIZE"):
            ComBat().fit(np.ones_like(VALUES), batch=BATCH)


class TestScikitLearnContract:
    def test_clone_and_pickle(self) -> None:
        combat = ComBat(mean_only=True).fit(VALUES, batch=BATCH)
        assert clone(combat).get_params() == combat.get_params()
        again = pickle.loads(pickle.dumps(combat))
        assert np.array_equal(
            again.transform(VALUES, batch=BATCH), combat.transform(VALUES, batch=BATCH)
        )

    def test_names_are_kept(self) -> None:
        names = [f"feature_{k}" for k in range(FEATURES)]
        frame = pd.DataFrame(VALUES, columns=names)
        combat = ComBat().set_output(transform="pandas").fit(frame, batch=BATCH)
        assert combat.get_feature_names_out().tolist() == names
        assert list(combat.estimates_.features) == names
        assert combat.transform(frame, batch=BATCH).columns.tolist() == names

    def test_input_is_not_changed(self) -> None:
        before = VALUES.copy()
        ComBat().fit_transform(VALUES, batch=BATCH)
        assert np.array_equal(before, VALUES)

    def test_routed_through_cross_validation(self) -> None:
        """Batch and covariates reach each fold: a centre no longer predicts the outcome."""
        rng = np.random.default_rng(3)
        batch = np.repeat(["A", "B"], 200)
        outcome = rng.random(400) < np.where(batch == "A", 0.3, 0.7)
        values = rng.normal(size=(400, 10)) + np.where(batch == "A", 0.0, 2.0)[:, None]
        with sklearn.config_context(enable_metadata_routing=True):
            combat = ComBat().set_fit_request(batch=True, covariates=False)
            combat = combat.set_transform_request(batch=True, covariates=False)
            model = Pipeline([("combat", combat), ("logistic", LogisticRegression())])
            harmonised = cross_val_score(model, values, outcome, params={"batch": batch}).mean()
        raw = cross_val_score(LogisticRegression(), values, outcome).mean()
        assert raw > 0.62
        assert abs(harmonised - 0.5) < 0.1
