"""Harmonising a cohort's long table: tissues apart, reasons for everything left alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.harmonize import Harmonization, harmonize_features
from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES

NAMES = ("stat_mean", "stat_var", "cm_joint_entr_3D_comb")


def cohort(per_scanner: dict[str, int], regions: tuple[tuple[str, str], ...]) -> pl.DataFrame:
    """Long features of studies on scanners, each with its own shift in each region."""
    rng = np.random.default_rng(5)
    scanners = [name for name, size in per_scanner.items() for _ in range(size)]
    shift = {key: rng.normal(0, 2) for key in product(per_scanner, regions, NAMES)}
    return pl.DataFrame(
        [
            {
                "study_key": f"s{number:03d}",
                "kind": region[0],
                "region": region[1],
                "modality": "PT",
                "policy": "pet_fbs_0.25",
                "feature": feature,
                "value": rng.normal() + shift[scanner, region, feature],
                "batch": scanner,
            }
            for number, scanner in enumerate(scanners)
            for region in regions
            for feature in NAMES
        ]
    )


ORGANS = (("healthy_organ", "liver"), ("healthy_organ", "spleen"))
TWO_SCANNERS = cohort({"GE Discovery": 25, "Siemens Vision": 30}, ORGANS)


def reasons(harmonization: Harmonization) -> set[str | None]:
    return set(harmonization.features["reason"].unique())


def test_columns_are_those_of_the_table_and_no_row_is_lost() -> None:
    result = harmonize_features(TWO_SCANNERS)
    schema = TABLES["harmonized_features"].polars_schema()
    assert dict(result.features.schema) == schema
    assert result.features.height == TWO_SCANNERS.height
    assert reasons(result) == {None}


def test_each_region_has_its_own_fit() -> None:
    result = harmonize_features(TWO_SCANNERS)
    assert [fit.group["region"] for fit in result.fits] == ["liver", "spleen"]
    for region in ("liver", "spleen"):
        wide = TWO_SCANNERS.filter(region=region).pivot(
            on="feature", index=["study_key", "batch"], values="value"
        )
        expected = ComBat().fit_transform(wide.select(NAMES).to_numpy(), batch=wide["batch"])
        ours = result.features.filter(region=region).pivot(
            on="feature", index="study_key", values="harmonized_value"
        )
        ours = wide.select("study_key").join(ours, on="study_key", maintain_order="left")
        np.testing.assert_allclose(ours.select(NAMES).to_numpy(), expected, atol=1e-12)


def test_families_are_fitted_apart() -> None:
    family = pl.when(pl.col("feature").str.starts_with("stat")).then(pl.lit("intensity"))
    table = TWO_SCANNERS.with_columns(family=family.otherwise(pl.lit("texture")))
    result = harmonize_features(table)
    assert len(result.fits) == len(result.ledger) == 4
    assert result.fits[0].estimates.features == ("stat_mean", "stat_var")


def test_only_the_largest_lesion_is_harmonised() -> None:
    kinds = (("lesion", "L01"), ("lesion", "L02"), ("tumour_burden", "tumour"))
    result = harmonize_features(cohort({"A": 20, "B": 20}, kinds)).features
    second = result.filter(region="L02")
    assert second["reason"].unique().to_list() == ["NOT_LARGEST_LESION"]
    assert second["harmonized_value"].null_count() == second.height
    assert result.filter(pl.col("region") != "L02")["harmonized_value"].null_count() == 0


def test_small_batches_are_refused_by_default() -> None:
    """Eight patients on each of three scanners: too few for the default minimum."""
    table = cohort({"A": 8, "B": 8, "C": 8}, ORGANS)
    result = harmonize_features(table)
    assert reasons(result) == {"BATCH_TOO_SMALL"}
    assert result.features["harmonized_value"].null_count() == table.height
    assert {row["status"] for row in result.ledger} == {"refused"}
    assert {row["reason_code"] for row in result.ledger} == {"BATCH_TOO_SMALL"}
    assert "A: 8, B: 8, C: 8" in result.ledger[0]["result"]


def test_a_lower_minimum_harmonises_with_a_warning() -> None:
    result = harmonize_features(cohort({"A": 8, "B": 8, "C": 8}, ORGANS), minimum_per_batch=8)
    assert reasons(result) == {None}
    assert all("Warning: fewer than 20" in row["result"] for row in result.ledger)
    assert not any("Warning" in row["result"] for row in harmonize_features(TWO_SCANNERS).ledger)


def test_a_small_batch_does_not_keep_the_others_from_it() -> None:
    result = harmonize_features(cohort({"A": 20, "B": 3, "C": 20}, ORGANS))
    small = result.features.filter(batch="B")
    assert small["reason"].unique().to_list() == ["BATCH_TOO_SMALL"]
    others = result.features.filter(pl.col("batch") != "B")
    assert others["reason"].null_count() == others.height
    assert "3 BATCH_TOO_SMALL" in result.ledger[0]["result"]


def test_one_batch() -> None:
    result = harmonize_features(cohort({"A": 20, "B": 3}, ORGANS))
    assert result.features.filter(batch="A")["reason"].unique().to_list() == ["ONE_BATCH"]
    assert result.features.filter(batch="B")["reason"].unique().to_list() == ["BATCH_TOO_SMALL"]


def test_missing_cells_constant_features_and_missing_batches() -> None:
    table = TWO_SCANNERS.with_columns(
        value=pl.when(pl.col("feature") == "stat_var")
        .then(1.0)
        .when(pl.col("study_key") == "s001")
        .then(float("nan"))
        .otherwise("value"),
        batch=pl.when(pl.col("study_key") != "s002").then("batch"),
    )
    result = harmonize_features(table).features

    def reason(**row: str) -> list[str | None]:
        return result.filter(**row)["reason"].unique().to_list()

    assert reason(study_key="s001", feature="stat_mean") == ["MISSING_VALUE"]
    assert result.filter(study_key="s001", feature="stat_mean")["value"].null_count() == 2
    assert reason(study_key="s010", feature="stat_var") == ["CONSTANT"]
    assert reason(study_key="s002") == ["MISSING_BATCH"]
    assert reason(study_key="s010", feature="stat_mean") == [None]


def test_null_value_and_reason_exclude_each_other() -> None:
    table = TWO_SCANNERS.with_columns(value=pl.when(pl.int_range(pl.len()) % 7 != 0).then("value"))
    result = harmonize_features(table).features
    harmonised = pl.col("harmonized_value").is_not_null()
    assert result.select((harmonised == pl.col("reason").is_null()).all()).item()


def test_studies_without_covariates_are_left_out() -> None:
    keys = TWO_SCANNERS["study_key"].unique(maintain_order=True)
    ages = np.random.default_rng(0).normal(60, 9, len(keys))
    covariates = pl.DataFrame({"study_key": keys, "age_years": ages})[1:]
    result = harmonize_features(TWO_SCANNERS, covariates)
    first = result.features.filter(study_key=keys[0])
    assert first["reason"].unique().to_list() == ["MISSING_COVARIATE"]
    assert result.features["reason"].drop_nulls().len() == first.height
    assert result.fits[0].estimates.covariates.names == ("age_years",)


def test_confounded_covariate_is_a_reason() -> None:
    studies = TWO_SCANNERS.select("study_key", "batch").unique()
    result = harmonize_features(TWO_SCANNERS, studies.rename({"batch": "centre"}))
    assert reasons(result) == {"CONFOUNDED"}
    assert result.ledger[0]["status"] == "refused"


def test_harmonised_table_is_refused() -> None:
    result = harmonize_features(TWO_SCANNERS)
    with pytest.raises(Refusal, match=r"^ALREADY_HARMONIZED:"):
        harmonize_features(result.features)


def test_two_values_of_a_study_are_refused() -> None:
    with pytest.raises(Refusal, match=r"^DUPLICATE_VALUE:"):
        harmonize_features(pl.concat([TWO_SCANNERS, TWO_SCANNERS[:1]]))
    other = TWO_SCANNERS.with_columns(
        batch=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("C")).otherwise("batch")
    )
    with pytest.raises(Refusal, match=r"^DUPLICATE_VALUE:"):
        harmonize_features(other)


def test_missing_column_is_refused() -> None:
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:.*batch"):
        harmonize_features(TWO_SCANNERS.drop("batch"))


def test_order_of_rows_does_not_matter() -> None:
    straight = harmonize_features(TWO_SCANNERS)
    shuffled = harmonize_features(TWO_SCANNERS.sample(fraction=1, shuffle=True, seed=1))
    assert shuffled.features.equals(straight.features)
    assert shuffled.ledger == straight.ledger


def test_no_features_give_an_empty_table() -> None:
    result = harmonize_features(TWO_SCANNERS.clear())
    assert result.features.is_empty()
    assert dict(result.features.schema) == TABLES["harmonized_features"].polars_schema()
