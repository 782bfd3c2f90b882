"""ComBat in nested cross-validation: batch and covariates reach every fold, nothing else does."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.combat_columns import ComBatColumns
from wbr_platform.refusal import Refusal

RNG = np.random.default_rng(5)
BATCH = np.repeat(["A", "B"], [80, 70])
OUTCOME = RNG.random(150) < np.where(BATCH == "A", 0.35, 0.65)
AGE = RNG.normal(60, 10, 150)
SIGNAL = np.where(OUTCOME, 1.2, 0.0)[:, None] * (np.arange(12) < 4)
VALUES = RNG.normal(size=(150, 12)) + SIGNAL + np.where(BATCH == "A", 0, 3.0)[:, None]
NAMES = [f"feature_{k}" for k in range(12)]
TABLE = pd.DataFrame(VALUES, columns=NAMES).assign(scanner=BATCH, age=AGE, tissue="liver")
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
CHOICES = {"empirical_bayes": ["parametric", "none"], "log": ["never", "skewed"]}


def test_routed_through_nested_cross_validation() -> None:
    """The pipeline's own score routes batch, covariates and tissue to the inner folds."""
    with sklearn.config_context(enable_metadata_routing=True):
        combat = ComBat().set_fit_request(batch=True, covariates=True, tissue=True)
        combat = combat.set_transform_request(batch=True, covariates=True, tissue=True)
        model = Pipeline([("combat", combat), ("logistic", LogisticRegression(C=0.1))])
        search = GridSearchCV(
            model,
            {f"combat__{name}": values for name, values in CHOICES.items()},
            cv=FOLDS,
            error_score="raise",
        )
        result = cross_validate(
            search,
            VALUES,
            OUTCOME,
            params={"batch": BATCH, "covariates": TABLE[["age"]], "tissue": TABLE["tissue"]},
            cv=FOLDS,
            return_estimator=True,
            error_score="raise",
        )
    assert result["test_score"].mean() > 0.7
    for fold in result["estimator"]:
        estimates = fold.best_estimator_["combat"].estimates_
        assert sum(estimates.patients_per_batch) == 100
        assert estimates.tissue == "liver"
        assert estimates.covariates.names == ("age",)


def test_columns_reach_every_fold_with_any_scorer() -> None:
    columns = ComBatColumns("scanner", covariates=["age"], tissue="tissue", combat=ComBat())
    model = Pipeline([("combat", columns), ("logistic", LogisticRegression(C=0.1))])
    search = GridSearchCV(
        model,
        {f"combat__combat__{name}": values for name, values in CHOICES.items()},
        cv=FOLDS,
        scoring="roc_auc",
        error_score="raise",
    )
    result = cross_validate(
        search,
        TABLE,
        OUTCOME,
        cv=FOLDS,
        scoring="roc_auc",
        return_estimator=True,
        error_score="raise",
    )
    assert result["test_score"].mean() > 0.75
    for fold in result["estimator"]:
        fitted = fold.best_estimator_["combat"]
        assert sum(fitted.combat_.estimates_.patients_per_batch) == 100
        assert fitted.get_feature_names_out().tolist() == NAMES


@pytest.mark.parametrize("frame", [TABLE, pl.from_pandas(TABLE)])
def test_columns_equal_the_transformer(frame: pd.DataFrame | pl.DataFrame) -> None:
    columns = ComBatColumns("scanner", covariates=["age"], tissue="tissue")
    ours = columns.fit_transform(frame)
    expected = ComBat().fit_transform(VALUES, batch=BATCH, covariates=TABLE[["age"]])
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    again = pickle.loads(pickle.dumps(columns))
    np.testing.assert_array_equal(again.transform(frame), ours)
    assert columns.combat is None
    assert clone(columns).get_params().keys() == columns.get_params().keys()


def test_names_of_the_output() -> None:
    columns = ComBatColumns("scanner", tissue="tissue").set_output(transform="pandas")
    assert columns.fit_transform(TABLE).columns.tolist() == [*NAMES, "age"]


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        ComBatColumns("centre").fit(TABLE)
    fitted = ComBatColumns("scanner", covariates=["age"], tissue="tissue").fit(TABLE)
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        fitted.transform(TABLE.drop(columns="feature_3"))
    with pytest.raises(TypeError, match="frame"):
        ComBatColumns("scanner").fit(VALUES)
