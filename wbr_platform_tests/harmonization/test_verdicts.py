"""Verdicts: whether to harmonise, on cohorts whose truth is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.harmonize import harmonize_features
from wbr_platform.harmonization.verdicts import (
    VERDICT_SCHEMA,
    VerdictOptions,
    harmonization_verdicts,
)
from wbr_platform.refusal import Refusal

FAST = VerdictOptions(resamples=15, permutations=99)
BATCH = np.repeat(["A", "B"], [60, 50])
SECOND = BATCH == "B"
KEYS = [f"s{k:03d}" for k in range(110)]
NAMES = [f"feature_{k}" for k in range(6)]


def long(values: np.ndarray, batch: np.ndarray = BATCH, region: str = "liver") -> pl.DataFrame:
    """Long features of an organ from values (patients, features)."""
    wide = pl.DataFrame(values, schema=NAMES[: values.shape[1]]).with_columns(
        study_key=pl.Series(KEYS[: len(values)]),
        batch=pl.Series(batch),
        kind=pl.lit("healthy_organ"),
        region=pl.lit(region),
        modality=pl.lit("PT"),
        policy=pl.lit("p"),
    )
    index = ["study_key", "batch", "kind", "region", "modality", "policy"]
    return wide.unpivot(index=index, variable_name="feature", value_name="value")


def noise(seed: int, shift: float = 1.5, scale: float = 1.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(110, 6))
    values[SECOND] = shift + scale * values[SECOND]
    return values


def codes(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("verdict", "reason_code").iter_rows())


def by_study(name: str, values: object) -> pl.DataFrame:
    return pl.DataFrame({"study_key": KEYS, name: values})


def test_shift_and_scale_are_harmonised_and_the_gain_is_in_unseen_patients() -> None:
    frame = harmonization_verdicts(long(noise(1, scale=2.0)), options=FAST)
    assert dict(frame.schema) == dict(VERDICT_SCHEMA)
    assert codes(frame) == {("apply", "BATCHES_ALIKE")}
    assert (frame["held_out_shift_before"] > 0.3).all()
    assert (frame["held_out_shift_after"] < 0.5 * frame["held_out_shift_before"]).all()
    assert (frame["held_out_scale_after"] < 0.5 * frame["held_out_scale_before"]).all()
    assert (frame["held_out_gain_share"] > 0.9).all()
    assert (frame["held_out_variance_ratio_before"] > 3).all()
    assert (frame["held_out_variance_ratio_after"] < 2.2).all()
    assert (frame["held_out_eta_squared_after"] < frame["held_out_eta_squared_before"]).all()
    assert frame["smallest_batch"].unique().to_list() == [50]
    assert frame["batch_sizes"].unique().to_list() == ["A: 60, B: 50"]
    assert frame["batch_size_grade"].unique().to_list() == ["good"]


def test_shift_between_batches_is_estimated_without_bias() -> None:
    """Two batches 1.5 apart: 60 and 50 patients make a spread of 0.75 of the means."""
    frame = harmonization_verdicts(long(noise(2)), options=FAST)
    expected = 1.5 * np.sqrt(60 * 50) / 110
    assert frame["held_out_shift_before"].mean() == pytest.approx(expected, rel=0.1)


def test_no_batch_effect_is_left_alone() -> None:
    frame = harmonization_verdicts(long(noise(3, shift=0.0)), options=FAST)
    assert (frame["reason_code"] == "NO_HELD_OUT_GAIN").mean() > 0.6
    assert frame["held_out_shift_after"].max() < 0.3


def test_another_shape_in_each_batch() -> None:
    rng = np.random.default_rng(4)
    values = noise(4)
    two_peaks = np.where(rng.random((50, 2)) < 0.5, -2.0, 2.0) + 0.3 * rng.normal(size=(50, 2))
    values[SECOND, :2] = two_peaks
    frame = harmonization_verdicts(long(values), options=FAST)
    assert codes(frame[:2]) == {("do_not_apply", "NOT_SHIFT_AND_SCALE")}
    assert codes(frame[2:]) == {("apply", "BATCHES_ALIKE")}


def test_skewed_features_are_judged_as_logarithms() -> None:
    frame = harmonization_verdicts(long(np.exp(noise(5, scale=0.8))), options=FAST)
    assert frame["logged"].all()
    assert (frame["skewness"] > 1).all()
    assert codes(frame) == {("apply", "BATCHES_ALIKE")}


def test_covariates_that_differ_between_batches() -> None:
    rng = np.random.default_rng(6)
    age = by_study("age", np.where(SECOND, 68, 58) + rng.normal(0, 8, 110))
    frame = harmonization_verdicts(long(noise(6)), age, options=FAST)
    assert codes(frame) == {("apply_with_covariates", "COVARIATES_DIFFER")}
    assert frame["imbalanced_covariate"].unique().to_list() == ["age"]
    alike = by_study("age", rng.normal(60, 8, 110))
    assert codes(harmonization_verdicts(long(noise(6)), alike, options=FAST)) == {
        ("apply", "BATCHES_ALIKE")
    }


def test_covariate_that_is_nearly_the_batch() -> None:
    treatment = np.where(SECOND, "new", "old").astype(object)
    treatment[:2] = "new"
    frame = harmonization_verdicts(long(noise(7)), by_study("treatment", treatment), options=FAST)
    assert codes(frame) == {("do_not_apply", "CONFOUNDED_COVARIATE")}
    same = by_study("treatment", np.where(SECOND, "new", "old"))
    assert codes(harmonization_verdicts(long(noise(7)), same, options=FAST)) == {
        ("do_not_apply", "CONFOUNDED")
    }


@pytest.mark.parametrize(
    ("shares", "with_age", "expected"),
    [
        ((0.1, 0.9), True, ("do_not_apply", "OUTCOME_CONFOUNDED")),
        ((0.3, 0.7), False, ("do_not_apply", "OUTCOME_DIFFERS")),
        ((0.3, 0.7), True, ("apply_with_covariates", "OUTCOME_DIFFERS")),
        ((0.5, 0.5), True, ("apply", "BATCHES_ALIKE")),
    ],
)
def test_outcome_and_batch(
    shares: tuple[float, float], with_age: bool, expected: tuple[str, str]
) -> None:
    rng = np.random.default_rng(8)
    rank = np.concatenate([np.arange(60) / 60, np.arange(50) / 50])
    outcome = by_study("death", rank < np.where(SECOND, shares[1], shares[0]))
    age = by_study("age", rng.normal(60, 8, 110)) if with_age else None
    frame = harmonization_verdicts(long(noise(8)), age, outcome, FAST)
    assert codes(frame) == {expected}


def test_outcome_among_the_covariates_is_refused() -> None:
    death = by_study("death", SECOND)
    with pytest.raises(Refusal, match=r"^OUTCOME_IS_COVARIATE:"):
        harmonization_verdicts(long(noise(9)), death, death, FAST)


def test_small_batches_and_features_that_cannot_be_fitted() -> None:
    values = noise(10)
    values[:, 0] = 1.0
    values[SECOND, 1] = 2.0
    values[5:, 2][SECOND[5:]] = np.nan
    frame = harmonization_verdicts(long(values), options=FAST)
    assert frame["reason_code"].to_list()[:4] == [
        "CONSTANT",
        "CONSTANT_IN_BATCH",
        "TOO_FEW_VALUES_IN_BATCH",
        "BATCHES_ALIKE",
    ]
    few = harmonization_verdicts(long(values[52:69], BATCH[52:69]), options=FAST)
    assert codes(few) == {("do_not_apply", "BATCH_TOO_SMALL")}
    uncertain = np.where(np.arange(110) < 12, "A", "B")
    frame = harmonization_verdicts(long(noise(11), uncertain), options=FAST)
    assert frame["batch_size_grade"].unique().to_list() == ["warning"]


def test_harmonised_table_is_refused_and_verdicts_are_repeatable() -> None:
    table = long(noise(12))
    with pytest.raises(Refusal, match=r"^ALREADY_HARMONIZED:"):
        harmonization_verdicts(harmonize_features(table).features)
    first = harmonization_verdicts(table, options=FAST)
    assert first.equals(
        harmonization_verdicts(table.sample(fraction=1, shuffle=True), options=FAST)
    )


def test_every_tissue_has_its_own_verdict() -> None:
    table = pl.concat([long(noise(13)), long(noise(14, shift=0.0), region="spleen")])
    frame = harmonization_verdicts(table, options=FAST)
    assert codes(frame.filter(region="liver")) == {("apply", "BATCHES_ALIKE")}
    assert frame.filter(region="spleen")["held_out_shift_before"].max() < 0.4
