"""ComBat against R: sva::ComBat and neuroCombat, on synthetic and on real features."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference

# Largest difference to R in standard deviations of the feature.
TOLERANCE = 1e-10

FORTIN_CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "parametric_unadjusted": ({}, False),
    "parametric_adjusted": ({}, True),
    "parametric_unadjusted_meanonly": ({"mean_only": True}, False),
    "parametric_adjusted_meanonly": ({"mean_only": True}, True),
    "parametric_adjusted_batchref": ({"reference_batch": "1"}, True),
    "nonparametric_unadjusted": ({"empirical_bayes": "nonparametric"}, False),
    "nonparametric_adjusted": ({"empirical_bayes": "nonparametric"}, True),
    "nonparametric_unadjusted_meanonly": (
        {"empirical_bayes": "nonparametric", "mean_only": True},
        False,
    ),
    "nonparametric_adjusted_meanonly": (
        {"empirical_bayes": "nonparametric", "mean_only": True},
        True,
    ),
}

NSCLC_CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "sva_parametric_nocov": ({}, False),
    "sva_parametric_cov": ({}, True),
    "sva_parametric_cov_meanonly": ({"mean_only": True}, True),
    "sva_parametric_cov_refbatch_GE_MEDICAL_SYSTEMS": (
        {"reference_batch": "GE_MEDICAL_SYSTEMS"},
        True,
    ),
    "sva_nonparametric_cov": ({"empirical_bayes": "nonparametric"}, True),
    "neuroCombat_noeb_cov": ({"empirical_bayes": "none"}, True),
}


def difference(ours: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference in standard deviations of the reference feature."""
    assert ours.shape == reference.shape
    spread = reference.std(axis=0)
    return float((np.abs(ours - reference) / np.where(spread > 0, spread, 1)).max())


def fortin_table(name: str, has_header: bool = True) -> np.ndarray:
    """Patients × features; the files hold features × patients."""
    path = reference_data("combat_fortin") / f"{name}.csv"
    return pl.read_csv(path, has_header=has_header).to_numpy().T


@pytest.mark.parametrize("case", FORTIN_CASES)
def test_equals_neurocombat_in_r(case: str) -> None:
    options, adjusted = FORTIN_CASES[case]
    design = json.loads((reference_data("combat_fortin") / "design.json").read_text())
    covariates = pl.DataFrame({"pheno": design["covariate_pheno"]}) if adjusted else None
    combat = ComBat(minimum_per_batch=2, **options)
    ours = combat.fit_transform(
        fortin_table("testdata"), batch=design["batch"], covariates=covariates
    )
    assert difference(ours, fortin_table(f"testdata_combat_{case}_r")) < TOLERANCE


def test_equals_neurocombat_from_training() -> None:
    """Scenario 2 of the R package: covariate in the fit, its mean for the later samples."""
    design = json.loads((reference_data("combat_fortin") / "design.json").read_text())
    values, batch = fortin_table("testdata"), np.array(design["batch"])
    pheno = np.array(design["covariate_pheno"], dtype=float)
    later = [0, 1, 5, 6]
    combat = ComBat(minimum_per_batch=2).fit(values, batch=batch, covariates=pheno)
    ours = combat.transform(
        values[later], batch=batch[later], covariates=np.full(len(later), pheno.mean())
    )
    assert difference(ours, fortin_table("training_test_scenario2_r")) < TOLERANCE


def nsclc(path: str) -> tuple[pl.Series, np.ndarray]:
    """Identifiers and values (patients × features) of a file of the lung cancer table."""
    frame = pl.read_csv(
        reference_data("combat_ref_nsclc_radiogenomics") / path, infer_schema_length=None
    )
    return frame["id"], frame.drop("id").cast(pl.Float64).to_numpy()


def nsclc_design() -> pl.DataFrame:
    return pl.read_csv(reference_data("combat_ref_nsclc_radiogenomics") / "design.csv")


@pytest.mark.parametrize("case", NSCLC_CASES)
def test_equals_r_on_real_features(case: str) -> None:
    options, adjusted = NSCLC_CASES[case]
    design, (identifiers, values) = nsclc_design(), nsclc("input.csv.gz")
    assert identifiers.to_list() == design["id"].to_list()
    ours = ComBat(**options).fit_transform(
        values, batch=design["batch"], covariates=design.select("ev") if adjusted else None
    )
    assert difference(ours, nsclc(f"{case}.csv.gz")[1]) < TOLERANCE


def test_estimates_equal_neurocombat() -> None:
    folder: Path = reference_data("combat_ref_nsclc_radiogenomics")
    reference = json.loads((folder / "neuroCombat_estimates.json").read_text())
    design, (_, values) = nsclc_design(), nsclc("input.csv.gz")
    combat = ComBat().fit(values, batch=design["batch"], covariates=design.select("ev"))
    ours = combat.estimates_
    assert list(ours.batches) == reference["batches"]
    for name, attribute in [
        ("gamma_hat", ours.gamma_hat),
        ("delta_hat", ours.delta_hat),
        ("gamma_star", ours.gamma_star),
        ("delta_star", ours.delta_star),
    ]:
        np.testing.assert_allclose(
            attribute, np.array(reference[name]), rtol=1e-9, atol=1e-11, err_msg=name
        )
    np.testing.assert_allclose(ours.variance, np.ravel(reference["var_pooled"]), rtol=1e-10)


def test_held_out_patients_equal_neurocombat_from_training() -> None:
    design, (identifiers, values) = nsclc_design(), nsclc("input.csv.gz")
    train_ids, train_reference = nsclc("train_fit_nocov.csv.gz")
    test_ids, test_reference = nsclc("test_from_training_nocov.csv")
    train = identifiers.is_in(train_ids.to_list()).to_numpy()
    test = identifiers.is_in(test_ids.to_list()).to_numpy()
    assert not (train & test).any()
    batch = design["batch"].to_numpy()
    combat = ComBat()
    fitted = combat.fit_transform(values[train], batch=batch[train])
    assert difference(fitted, train_reference) < TOLERANCE
    assert difference(combat.transform(values[test], batch=batch[test]), test_reference) < TOLERANCE
