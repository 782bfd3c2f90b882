"""Cox, concordance and Kaplan-Meier against R's survival package, on real cohorts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from wbr_platform.outcome.concordance import harrell_concordance
from wbr_platform.outcome.cox import fit_cox
from wbr_platform.outcome.kaplan_meier import kaplan_meier
from wbr_platform.outcome.survival import CoxOptions, cox_models
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference

COHORTS = {
    "lung1_os": ["age", "gender_male", "logvol", "sphericity", "entropy"],
    "hn_two_centres_os": ["age", "tnm", "n_pos"],
}


def cohort(name: str) -> pl.DataFrame:
    return pl.read_csv(
        reference_data("survival_ref") / f"{name}__input.csv",
        null_values="NA",
        infer_schema_length=None,
    )


def efron(name: str) -> dict[str, Any]:
    path = reference_data("survival_ref") / f"{name}__cox.json"
    return dict(json.loads(path.read_text())["efron"])


@pytest.mark.parametrize("name", COHORTS)
def test_cox_equals_coxph(name: str) -> None:
    frame, covariates, reference = cohort(name), COHORTS[name], efron(name)
    fit = fit_cox(
        frame.select(covariates).to_numpy().astype(float),
        covariates,
        frame["time"],
        frame["event"],
    )
    for k, covariate in enumerate(covariates):
        # R stops its own iteration at a relative change of the log likelihood of 1e-9.
        assert fit.coefficients[k] == pytest.approx(reference["coef"][covariate], abs=1e-8)
        assert fit.standard_errors[k] == pytest.approx(reference["se"][covariate], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(reference["loglik"], abs=1e-8)


@pytest.mark.parametrize("name", COHORTS)
def test_harrell_concordance_equals_r(name: str) -> None:
    frame, covariates, reference = cohort(name), COHORTS[name], efron(name)
    coefficients = np.array([reference["coef"][covariate] for covariate in covariates])
    risk = frame.select(covariates).to_numpy().astype(float) @ coefficients
    ours = harrell_concordance(frame["time"], frame["event"], risk)
    assert ours == pytest.approx(reference["concordance"][0], abs=1e-12)


@pytest.mark.parametrize("name", COHORTS)
def test_models_carry_the_same_numbers_per_standard_deviation(name: str) -> None:
    frame, covariates, reference = cohort(name), COHORTS[name], efron(name)
    quick = CoxOptions(repeats=1, resamples=1)
    models = cox_models(
        frame, "time", "event", {"clinical": covariates}, seed=1, options=quick
    ).models
    assert models["covariate"].to_list() == covariates
    for row in models.iter_rows(named=True):
        spread = frame[row["covariate"]].cast(pl.Float64).std()
        expected = reference["coef"][row["covariate"]] * spread
        assert row["log_hazard_ratio"] == pytest.approx(expected, abs=1e-8)
        assert row["concordance"] == pytest.approx(reference["concordance"][0], abs=1e-12)
        assert (row["patients"], row["events"]) == (reference["n"], reference["nevent"])


def compare_curves(ours: pl.DataFrame, path: str) -> None:
    """Rows of R's survfit (one a distinct time) against ours (with a row for time 0)."""
    reference = pl.read_csv(reference_data("survival_ref") / path, null_values="NA")
    ours = ours.filter(pl.col("time") > 0)
    assert ours["time"].to_list() == reference["time"].to_list()
    assert ours["at_risk"].to_list() == reference["n_risk"].to_list()
    assert ours["events"].to_list() == reference["n_event"].to_list()
    assert ours["censored"].to_list() == reference["n_censor"].to_list()
    np.testing.assert_allclose(ours["survival"], reference["surv"], atol=1e-12)
    if path.endswith("loglog.csv"):
        defined = reference["surv"].is_between(1e-12, 1, closed="none").to_numpy()
        for name, limit in (("survival_low", "lower"), ("survival_high", "upper")):
            theirs = reference[limit].cast(pl.Float64).to_numpy()
            np.testing.assert_allclose(ours[name].to_numpy()[defined], theirs[defined], atol=1e-9)


@pytest.mark.parametrize("name", COHORTS)
def test_kaplan_meier_equals_survfit(name: str) -> None:
    compare_curves(kaplan_meier(cohort(name), "time", "event"), f"{name}__km_all_loglog.csv")


def test_kaplan_meier_by_group_equals_survfit() -> None:
    ours = kaplan_meier(cohort("lung1_os"), "time", "event", "stage")
    compare_curves(ours, "lung1_os__km_by_stage.csv")
