"""Layered Cox models: gains, gates, nothing learnt outside the fold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from wbr_platform.outcome.cross_validation import cross_validated_pairs, fold_numbers
from wbr_platform.outcome.survival import CoxOptions, SurvivalResult, cox_models
from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES

QUICK = CoxOptions(repeats=2, resamples=200)
LAYERS = {"clinical": ["age_years", "sex"], "tumour volume": ["log_tmtv"], "noise": ["noise"]}


def cohort(patients: int = 200, effect: float = 1.0, seed: int = 0) -> pl.DataFrame:
    """Survival that depends on log TMTV (and a little on age), on nothing else."""
    rng = np.random.default_rng(seed)
    age, volume, noise = rng.normal(size=(3, patients))
    times = rng.exponential(500 * np.exp(-effect * volume - 0.2 * age))
    last_news = rng.uniform(100, 3000, patients)
    return pl.DataFrame(
        {
            "age_years": 60 + 10 * age,
            "sex": rng.choice(["F", "M"], patients),
            "log_tmtv": 4 + volume,
            "noise": noise,
            "survival_days": np.minimum(times, last_news),
            "death": times <= last_news,
        }
    )


COHORT = cohort()


def run(frame: pl.DataFrame, layers: dict[str, list[str]], **options: Any) -> SurvivalResult:
    return cox_models(
        frame, "survival_days", "death", layers, seed=3, options=options.pop("options", QUICK)
    )


@pytest.fixture(scope="module")
def layered() -> SurvivalResult:
    """The three layers fitted once."""
    return run(COHORT, LAYERS)


def test_layers_grow_and_the_planted_one_gains(layered: SurvivalResult) -> None:
    result = layered
    assert dict(result.models.schema) == TABLES["survival_models"].polars_schema()
    names = ["clinical", "clinical + tumour volume", "clinical + tumour volume + noise"]
    assert result.models["model"].unique(maintain_order=True).to_list() == names
    assert result.models.filter(model=names[1])["covariate"].to_list() == [
        "age_years",
        "sex=M",
        "log_tmtv",
    ]
    assert result.models["reason"].null_count() == result.models.height
    volume, noise = result.gains.iter_rows(named=True)
    assert (volume["model"], volume["baseline"]) == (names[1], names[0])
    assert volume["verdict"] == "gain"
    assert volume["concordance_gain"] > 0.1
    assert volume["concordance_gain_low"] > 0
    assert volume["likelihood_ratio_p_value"] < 1e-6
    assert noise["verdict"] == "no gain"
    assert abs(noise["concordance_gain"]) < 0.02


def test_hazard_ratios_are_those_that_were_planted(layered: SurvivalResult) -> None:
    """Per standard deviation: volume 1.0, age 0.2 (200 patients: standard error about 0.09)."""
    models = layered.models.filter(model="clinical + tumour volume")
    volume = models.filter(covariate="log_tmtv").row(0, named=True)
    assert volume["log_hazard_ratio"] == pytest.approx(1.0, abs=0.3)
    assert volume["hazard_ratio"] == pytest.approx(np.exp(volume["log_hazard_ratio"]))
    assert volume["hazard_ratio_low"] < volume["hazard_ratio"] < volume["hazard_ratio_high"]


def test_ledger_and_models_share_their_ids(layered: SurvivalResult) -> None:
    result = layered
    ids = [row["analysis_id"] for row in result.ledger]
    assert len(set(ids)) == 3
    assert result.models["analysis_id"].unique(maintain_order=True).to_list() == ids
    assert result.gains["analysis_id"].to_list() == ids[1:]
    assert json.loads(result.ledger[1]["parameters"])["covariates"] == [
        "age_years",
        "sex",
        "log_tmtv",
    ]
    assert "gain" in result.ledger[1]["result"]


def test_order_of_rows_does_not_matter(layered: SurvivalResult) -> None:
    shuffled = run(COHORT.sample(fraction=1, shuffle=True, seed=9), LAYERS)
    assert shuffled.models.equals(layered.models)
    assert shuffled.ledger == layered.ledger


def test_noise_has_no_concordance_out_of_fold() -> None:
    """Apparent C of ten noise covariates is well above a half; cross-validated it is not."""
    rng = np.random.default_rng(4)
    apparent, validated = [], []
    for seed in range(4):
        frame = cohort(80, effect=0.0, seed=seed).drop("age_years")
        noise = pl.DataFrame(rng.normal(size=(80, 10)), schema=[f"x{k}" for k in range(10)])
        result = run(
            frame.hstack(noise),
            {"noise": noise.columns},
            options=CoxOptions(repeats=1, resamples=10, minimum_events_per_covariate=2),
        )
        apparent.append(result.models["concordance"][0])
        validated.append(result.models["concordance_cross_validated"][0])
    assert np.mean(apparent) > 0.6
    assert np.mean(validated) == pytest.approx(0.5, abs=0.07)


def test_too_few_events_are_refused_and_stay_visible() -> None:
    result = run(COHORT[:20], {"clinical": ["age_years"], "more": ["sex", "log_tmtv", "noise"]})
    events = int(COHORT[:20]["death"].sum())
    assert 5 <= events < 20
    refused = result.models.filter(model="clinical + more").row(0, named=True)
    assert refused["reason"] == "TOO_FEW_EVENTS"
    assert refused["covariate"] is refused["log_hazard_ratio"] is refused["concordance"] is None
    assert (refused["patients"], refused["events"]) == (20, events)
    assert [row["status"] for row in result.ledger] == ["fitted", "refused"]
    assert result.ledger[1]["reason_code"] == "TOO_FEW_EVENTS"
    assert "descriptive" in result.ledger[0]["result"]
    assert result.gains.is_empty()
    assert result.curves.height > 10


def test_nobody_died() -> None:
    result = run(COHORT.with_columns(death=pl.lit(False)), LAYERS)
    assert result.models["reason"].to_list() == ["TOO_FEW_EVENTS"] * 3


def test_a_refused_layer_does_not_stop_the_next() -> None:
    layers = {"clinical": ["age_years"], "empty": ["nothing_here"], "volume": ["log_tmtv"]}
    result = run(COHORT, layers)
    assert [row["reason_code"] for row in result.ledger] == [None, "NO_USABLE_COVARIATE", None]
    reasons = result.models.filter(pl.col("reason").is_not_null())
    assert reasons.select("covariate", "reason").rows() == [
        ("nothing_here", "MISSING_COLUMN"),
        (None, "NO_USABLE_COVARIATE"),
    ]
    assert result.gains["baseline"].to_list() == ["clinical"]


def test_unusable_covariates_are_named() -> None:
    frame = COHORT.with_columns(
        constant=pl.lit("one"),
        sparse=pl.when(pl.int_range(pl.len()) < 50).then("noise"),
    )
    models = run(frame, {"clinical": ["age_years", "constant", "sparse"]}).models
    assert models.select("covariate", "reason").rows() == [
        ("constant", "CONSTANT"),
        ("sparse", "MISSING_VALUES"),
        ("age_years", None),
    ]


def test_some_missing_values_are_imputed_in_the_fold() -> None:
    holes = COHORT.with_columns(
        pl.when(pl.int_range(pl.len()) % 7 > 0).then("log_tmtv").alias("log_tmtv"),
        pl.when(pl.int_range(pl.len()) % 5 > 0).then("sex").alias("sex"),
    )
    models = run(holes, {"all": ["sex", "log_tmtv"]}).models
    assert models["patients"].unique().to_list() == [200]
    assert models["concordance_cross_validated"].null_count() == 0


def test_separation_does_not_converge() -> None:
    frame = COHORT.with_columns(died_early=(pl.col("death") * 1.0))
    result = run(frame, {"leak": ["died_early"]})
    assert result.models["reason"].to_list() == ["NOT_CONVERGED"]
    assert result.ledger[0]["status"] == "refused"


def test_collinear_covariates_do_not_converge_without_ridge() -> None:
    frame = COHORT.with_columns(age_months=12 * pl.col("age_years"))
    layers = {"clinical": ["age_years", "age_months"]}
    assert run(frame, layers).models["reason"].to_list() == ["NOT_CONVERGED"]
    ridge = run(frame, layers, options=CoxOptions(repeats=1, resamples=10, penalizer=0.1)).models
    assert ridge["log_hazard_ratio"][0] == pytest.approx(ridge["log_hazard_ratio"][1])


def test_a_covariate_of_one_patient_is_constant_in_one_training_fold() -> None:
    frame = COHORT.with_columns(rare=pl.int_range(pl.len()) == COHORT["death"].arg_max())
    models = run(frame, {"rare": ["rare"]}).models
    assert models["concordance_cross_validated"][0] == pytest.approx(0.5, abs=0.05)


def test_ridge_shrinks() -> None:
    plain = run(COHORT, {"all": ["age_years", "log_tmtv"]}).models
    ridge = run(
        COHORT,
        {"all": ["age_years", "log_tmtv"]},
        options=CoxOptions(repeats=2, resamples=10, penalizer=0.5),
    )
    assert (ridge.models["log_hazard_ratio"].abs() < plain["log_hazard_ratio"].abs()).all()
    assert "ridge" in ridge.ledger[0]["method"]


def test_patients_without_endpoint_are_left_out() -> None:
    frame = COHORT.with_columns(
        death=pl.when(pl.int_range(pl.len()) >= 10).then("death"),
    )
    assert run(frame, {"volume": ["log_tmtv"]}).models["patients"].unique().to_list() == [190]


def test_invalid_endpoints() -> None:
    with pytest.raises(Refusal, match=r"^INVALID_DURATION:"):
        run(COHORT.with_columns(survival_days=-pl.col("survival_days")), LAYERS)
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        run(COHORT.drop("death"), LAYERS)


def test_folds_share_the_events() -> None:
    event = np.array([True] * 10 + [False] * 30)
    folds = fold_numbers(event, 5, seed=0)
    assert np.bincount(folds).tolist() == [8] * 5
    assert np.bincount(folds[event]).tolist() == [2] * 5
    assert not np.array_equal(folds, fold_numbers(event, 5, seed=1))


def test_only_patients_of_the_same_fold_are_compared() -> None:
    table = COHORT.sort("survival_days")
    pairs = cross_validated_pairs(
        table,
        "survival_days",
        "death",
        ["log_tmtv"],
        folds=4,
        repeats=1,
        seed=5,
        penalizer=0.0,
    )
    fold = fold_numbers(table["death"].to_numpy(), 4, 5)
    assert not pairs.comparable[fold[:, None] != fold[None]].any()
    assert pairs.comparable.sum() > 1000
