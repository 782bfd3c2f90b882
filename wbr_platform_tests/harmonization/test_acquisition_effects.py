"""Acquisition effects before and after, on cohorts with a planted scanner effect."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.acquisition_effects import (
    EFFECT_SCHEMA,
    EffectOptions,
    acquisition_effects,
)
from wbr_platform.harmonization.alternatives import treated
from wbr_platform.harmonization.harmonize import harmonize_features
from wbr_platform.refusal import Refusal

PATIENTS = 150
KEYS = [f"s{k:03d}" for k in range(PATIENTS)]
REGIONS = (("healthy_organ", "liver"), ("healthy_organ", "spleen"), ("lesion", "L01"))
FEATURES = ("stat_mean", "cm_joint_entr_3D_comb")


def cohort(scanners: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Long features with a scanner shift and an uptake effect, and the acquisitions."""
    rng = np.random.default_rng(seed)
    scanner = np.arange(PATIENTS) % scanners
    uptake = rng.normal(60, 8, PATIENTS)
    shift = rng.normal(0, 1, scanners)[scanner]
    rows = []
    for kind, region in REGIONS:
        for feature in FEATURES:
            value = 10 + 0.05 * (uptake - 60) + shift + rng.normal(0, 0.7, PATIENTS)
            rows.append(
                pl.DataFrame({"study_key": KEYS, "value": value}).with_columns(
                    kind=pl.lit(kind),
                    region=pl.lit(region),
                    modality=pl.lit("PT"),
                    policy=pl.lit("p"),
                    feature=pl.lit(feature),
                    batch=pl.Series([f"scanner {k}" for k in scanner]),
                )
            )
    acquisitions = pl.DataFrame(
        {
            "study_key": KEYS,
            "modality": "PT",
            "scanner": [f"scanner {k}" for k in scanner],
            "reconstruction": np.where(scanner == 0, "OSEM", "PSF"),
            "voxel_volume_mm3": np.full(PATIENTS, 64.0),
            "uptake_time_min": uptake,
            "injected_dose_mbq": [None if k % 3 else 250.0 for k in range(PATIENTS)],
        },
        schema_overrides={"injected_dose_mbq": pl.Float64},
    )
    return pl.concat(rows), acquisitions


def one(frame: pl.DataFrame, **row: str) -> dict[str, object]:
    found = frame.filter(**row)
    assert found.height == 1
    return found.row(0, named=True)


@pytest.fixture(scope="module")
def effects() -> pl.DataFrame:
    features, acquisitions = cohort(3)
    return acquisition_effects(harmonize_features(features).features, acquisitions)


def test_columns_and_rows(effects: pl.DataFrame) -> None:
    assert dict(effects.schema) == dict(EFFECT_SCHEMA)
    assert effects.height == 4 * len(REGIONS) * len(FEATURES) * 6
    known = pl.col("explained").is_not_null()
    assert effects.select((known == pl.col("reason").is_null()).all()).item()
    ordered = effects.filter(known)
    low, share, high = (ordered[f"explained{end}"] for end in ("_low", "", "_high"))
    assert ((low <= share) & (share <= high)).all()


def test_scanner_before_and_after(effects: pl.DataFrame) -> None:
    place = {"region": "spleen", "feature": "stat_mean", "factor": "scanner"}
    before = one(effects, **place, treatment="none")
    after = one(effects, **place, treatment="combat")
    assert before["model"] == after["model"] == "fixed"
    assert before["levels"] == 3
    assert before["explained"] > 0.2
    assert before["explained_low"] > 0.1
    assert after["explained"] < 0.05
    assert (before["removed_by_treatment"], after["removed_by_treatment"]) == (False, True)
    uptake = one(effects, **{**place, "factor": "uptake_time_min"}, treatment="none")
    assert uptake["explained"] == pytest.approx(0.25, abs=0.12)
    assert uptake["levels"] is None


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        ("voxel_volume_mm3", "CONSTANT_FACTOR"),
        ("injected_dose_mbq", "MOSTLY_MISSING_FACTOR"),
        ("glycaemia_mmol_l", "MISSING_FACTOR"),
        ("reconstruction", "ALIASED_FACTOR"),
    ],
)
def test_factors_without_a_number_say_why(effects: pl.DataFrame, factor: str, reason: str) -> None:
    rows = effects.filter(factor=factor, treatment="none")
    assert rows["reason"].unique().to_list() == [reason]
    assert rows["explained"].null_count() == rows.height
    assert (rows["explained_alone"].null_count() == 0) == (factor == "reconstruction")


def test_liver_as_a_ruler(effects: pl.DataFrame) -> None:
    rows = effects.filter(treatment="liver_referenced", factor="scanner")
    entropy = rows.filter(feature="cm_joint_entr_3D_comb")
    assert entropy["reason"].unique().to_list() == ["NOT_IN_UNITS_OF_UPTAKE"]
    itself = one(rows, region="liver", feature="stat_mean")
    assert (itself["explained"], itself["reason"]) == (None, "CONSTANT")
    assert one(rows, region="spleen", feature="stat_mean")["explained"] < 0.2


def test_five_scanners_are_drawn_at_random() -> None:
    features, acquisitions = cohort(6)
    options = EffectOptions(regions=("liver",), treatments=("none", "batch_z_score"))
    frame = acquisition_effects(features, acquisitions, options=options)
    row = one(frame, feature="stat_mean", factor="scanner", treatment="none")
    assert row["model"] == "random_intercept"
    assert row["explained"] > 0.3
    assert row["explained_low"] < row["explained"] < row["explained_high"]
    after = one(frame, feature="stat_mean", factor="scanner", treatment="batch_z_score")
    assert after["explained"] == 0
    assert set(frame["region"]) == {"liver"}


def test_covariates_are_adjusted_for() -> None:
    features, acquisitions = cohort(3, seed=2)
    shifts = features.filter(region="liver", feature="stat_mean").select(
        "study_key", truth=pl.col("value").mean().over("batch")
    )
    options = EffectOptions(regions=("liver",), treatments=("none",))
    frame = acquisition_effects(features, acquisitions, shifts, options)
    row = one(frame, feature="stat_mean", factor="scanner")
    assert row["explained"] is None or row["explained"] < 0.1


def test_few_patients_and_missing_cells() -> None:
    features, acquisitions = cohort(3)
    options = EffectOptions(regions=("liver",), treatments=("none",))
    few = features.filter(pl.col("study_key") < "s012")
    frame = acquisition_effects(few, acquisitions, options=options)
    assert frame.filter(factor="scanner")["reason"].unique().to_list() == ["NOT_ENOUGH_PATIENTS"]
    holes = features.with_columns(
        value=pl.when((pl.col("feature") != "stat_mean") | (pl.col("study_key") > "s029")).then(
            "value"
        )
    )
    frame = acquisition_effects(holes, acquisitions, options=options)
    assert one(frame, feature="stat_mean", factor="scanner")["patients"] == 120


def test_refusals() -> None:
    features, acquisitions = cohort(3)
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        acquisition_effects(features, acquisitions.drop("modality"))
    with pytest.raises(Refusal, match=r"^DUPLICATE_VALUE:"):
        acquisition_effects(features, pl.concat([acquisitions, acquisitions]))
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        treated(features, "combat")


def test_z_score_in_each_batch() -> None:
    features, _ = cohort(3)
    scored = treated(features, "batch_z_score").filter(region="liver", feature="stat_mean")
    means = scored.group_by("batch").agg(pl.col("value").mean(), spread=pl.col("value").std())
    assert means["value"].max() - means["value"].min() < 1e-9
    assert means["spread"].max() - means["spread"].min() < 1e-9
    constant = features.with_columns(
        value=pl.when(pl.col("batch") == "scanner 1").then(2.0).otherwise("value")
    )
    scored = treated(constant, "batch_z_score").filter(batch="scanner 1")
    assert scored["reason"].unique().to_list() == ["NO_SPREAD_IN_BATCH"]
    assert scored["value"].null_count() == scored.height
