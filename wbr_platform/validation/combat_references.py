"""ComBat against R: sva::ComBat, neuroCombat and a location and scale model by lm()."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.refusal import Refusal
from wbr_platform.validation.report import ValidationRow, compared_text, failed

Array = NDArray[np.float64]

FORTIN = "combat_fortin"
NSCLC = "combat_ref_nsclc_radiogenomics"
# Cases with missing cells, constant features, small and single batches: beside the data sets.
R_CASES = ("reference", "combat")

# Largest difference in standard deviations of the reference feature.
TOLERANCE = 1e-10
_UNIT = "SD of the feature"


@dataclass(frozen=True)
class Case:
    """One call in R: our options for it, and which covariates it had."""

    options: Mapping[str, Any] = field(default_factory=dict)
    adjusted: bool = False


_NONPARAMETRIC = {"empirical_bayes": "nonparametric"}
_NO_SHRINKAGE = {"empirical_bayes": "none"}
_MEAN_ONLY = {"mean_only": True}
# neuroCombat in Matlab stops its iteration earlier than in R.
_MATLAB = {"tolerance": 1e-3}

_FORTIN_CASES: Mapping[str, Case] = {
    **{
        f"testdata_combat_{name}_{adjusted}{ending}": Case({**options, **more}, adjusted[0] == "a")
        for name, options in (("parametric", {}), ("nonparametric", _NONPARAMETRIC))
        for adjusted in ("unadjusted", "adjusted")
        for ending, more in (("_r", {}), ("_meanonly_r", _MEAN_ONLY), ("_matlab", _MATLAB))
    },
    "testdata_combat_parametric_adjusted_batchref_r": Case({"reference_batch": "1"}, True),
}
_NSCLC_CASES: Mapping[str, Case] = {
    "sva_parametric_nocov": Case(),
    "sva_parametric_cov": Case(adjusted=True),
    "sva_parametric_cov_meanonly": Case(_MEAN_ONLY, adjusted=True),
    "sva_parametric_cov_refbatch_GE_MEDICAL_SYSTEMS": Case(
        {"reference_batch": "GE_MEDICAL_SYSTEMS"}, adjusted=True
    ),
    "sva_nonparametric_cov": Case(_NONPARAMETRIC, adjusted=True),
    "neuroCombat_noeb_cov": Case(_NO_SHRINKAGE, adjusted=True),
}
_R_OPTIONS: Mapping[str, Case] = {
    "par": Case(),
    "par_cov": Case(adjusted=True),
    "par_cov_ref": Case({"reference_batch": "A"}, adjusted=True),
    "nonpar_cov": Case(_NONPARAMETRIC, adjusted=True),
    "meanonly_cov": Case(_MEAN_ONLY, adjusted=True),
    "noeb": Case(_NO_SHRINKAGE),
    "noeb_cov": Case(_NO_SHRINKAGE, adjusted=True),
    "noeb_cov_ref": Case({**_NO_SHRINKAGE, "reference_batch": "A"}, adjusted=True),
}
_ESTIMATES = {
    "gamma.hat": "gamma_hat",
    "gamma.star": "gamma_star",
    "delta.hat": "delta_hat",
    "delta.star": "delta_star",
    "var.pooled": "variance",
}


def difference(ours: Array, reference: Array) -> float | None:
    """Largest difference in standard deviations of the feature; None where cells or shape differ.

    Both are (patients, features); missing cells have to be the same.
    """
    if ours.shape != reference.shape or (np.isnan(ours) != np.isnan(reference)).any():
        return None
    present = ~np.isnan(reference)
    spread = np.array(
        [column[keep].std() for column, keep in zip(reference.T, present.T, strict=True)]
    )
    gap = np.abs(ours - reference) / np.where(spread > 0, spread, 1)
    return float(np.where(present, gap, 0.0).max())


def compared_values(case: str, quantity: str, ours: Array, reference: Array) -> ValidationRow:
    """The row of two tables: the largest difference, which should be 0."""
    found = difference(ours, reference)
    note = "not the same missing cells" if found is None else f"{reference.size} values"
    matched = found is not None and found <= TOLERANCE
    return ValidationRow(case, quantity, 0.0, found, TOLERANCE, _UNIT, matched, note)


def fortin_rows(folder: Path) -> Iterator[ValidationRow]:
    """200 features of 10 samples: neuroCombat in R and Matlab, fit and transfer."""
    if not (folder / "testdata.csv").is_file():
        yield failed(FORTIN, "harmonised values", "testdata.csv is absent")
        return
    design = json.loads((folder / "design.json").read_text(encoding="utf-8"))
    values, batch = _features_by_samples(folder / "testdata.csv"), np.array(design["batch"])
    pheno = np.array(design["covariate_pheno"], dtype=float)
    for name, case in _FORTIN_CASES.items():
        combat = ComBat(minimum_per_batch=2, **case.options)
        ours = combat.fit_transform(
            values, batch=batch, covariates=pheno if case.adjusted else None
        )
        reference = _features_by_samples(folder / f"{name}.csv", header="_matlab" not in name)
        yield compared_values(f"{FORTIN}: {name}", "harmonised values", ours, reference)
    # Scenario 2: a covariate in the fit, its mean for the later samples.
    later = [0, 1, 5, 6]
    fitted = ComBat(minimum_per_batch=2).fit(values, batch=batch, covariates=pheno)
    ours = fitted.transform(
        values[later], batch=batch[later], covariates=np.full(len(later), pheno.mean())
    )
    reference = _features_by_samples(folder / "training_test_scenario2_r.csv")
    yield compared_values(f"{FORTIN}: training_test_scenario2_r", "later samples", ours, reference)


def nsclc_rows(folder: Path) -> Iterator[ValidationRow]:
    """102 CT features of 161 real patients on two makes of scanner: fit, estimates, transfer."""
    if not (folder / "input.csv.gz").is_file():
        yield failed(NSCLC, "harmonised values", "input.csv.gz is absent")
        return
    design = pl.read_csv(folder / "design.csv")
    identifiers, values = _by_identifier(folder / "input.csv.gz")
    batch, event = design["batch"], design.select("ev")
    for name, case in _NSCLC_CASES.items():
        ours = ComBat(**case.options).fit_transform(
            values, batch=batch, covariates=event if case.adjusted else None
        )
        reference = _by_identifier(folder / f"{name}.csv.gz")[1]
        yield compared_values(f"{NSCLC}: {name}", "harmonised values", ours, reference)
    fitted = ComBat().fit(values, batch=batch, covariates=event).estimates_
    stored = json.loads((folder / "neuroCombat_estimates.json").read_text(encoding="utf-8"))
    named = {name.replace("_", "."): value for name, value in stored.items()}
    yield _estimates_row(f"{NSCLC}: neuroCombat_estimates", fitted, named)
    train_ids, train_reference = _by_identifier(folder / "train_fit_nocov.csv.gz")
    test_ids, test_reference = _by_identifier(folder / "test_from_training_nocov.csv")
    train = identifiers.is_in(train_ids.to_list()).to_numpy()
    test = identifiers.is_in(test_ids.to_list()).to_numpy()
    combat = ComBat()
    ours = combat.fit_transform(values[train], batch=batch.filter(train))
    yield compared_values(f"{NSCLC}: train_fit_nocov", "patients of the fit", ours, train_reference)
    ours = combat.transform(values[test], batch=batch.filter(test))
    yield compared_values(f"{NSCLC}: test_from_training", "held-out patients", ours, test_reference)


def r_case_rows(folder: Path) -> Iterator[ValidationRow]:
    """Six synthetic inputs times up to eight calls of each program, skewed features, transfer."""
    for path in sorted((folder / "expected").glob("*.csv")):
        program, source, *rest = path.stem.split("_")
        options = "_".join(rest)
        if source == "new":
            yield _transfer_row(folder, path)
        elif source == "single" and options != "meanonly_cov":
            yield from _single_rows(folder, path, options)
        else:
            yield from _r_rows(folder, path, program, source, _R_OPTIONS[options])


def _r_rows(
    folder: Path, path: Path, program: str, source: str, case: Case
) -> Iterator[ValidationRow]:
    values, batch, covariates = _r_input(folder, source.removesuffix("log"))
    logarithms = source.endswith("log")
    combat = ComBat(
        **case.options,
        minimum_per_batch=1 if case.options.get("mean_only") else 2,
        missing_variance="sva" if program == "sva" else "fortin",
        log=[f"x{k}" for k in range(values.shape[1])] if logarithms else "never",
    )
    adjustment = covariates if case.adjusted else None
    ours = combat.fit_transform(values, batch=batch, covariates=adjustment)
    ours = np.log(ours) if logarithms else ours
    yield compared_values(path.stem, "harmonised values", ours, _r_expected(path))
    stored = path.with_name(f"{path.stem}_estimates.json")
    if stored.is_file():
        reference = json.loads(stored.read_text(encoding="utf-8"))
        yield _estimates_row(path.stem, combat.estimates_, reference)


def _single_rows(folder: Path, path: Path, options: str) -> Iterator[ValidationRow]:
    """A batch of one patient: R falls back on the mean alone with a message, we refuse.

    Asked for the mean alone, we give what R gives.
    """
    values, batch, covariates = _r_input(folder, "single")
    case = _R_OPTIONS[options]
    adjustment = covariates if case.adjusted else None
    try:
        ComBat(minimum_per_batch=1, **case.options).fit(values, batch=batch, covariates=adjustment)
        code = "none"
    except Refusal as refusal:
        code = refusal.reason_code
    yield compared_text(path.stem, "refusal of a batch of one patient", "BATCH_TOO_SMALL", code)
    combat = ComBat(**{**case.options, "mean_only": True, "minimum_per_batch": 1})
    ours = combat.fit_transform(values, batch=batch, covariates=adjustment)
    yield compared_values(path.stem, "harmonised values, mean only", ours, _r_expected(path))


def _transfer_row(folder: Path, path: Path) -> ValidationRow:
    options: Mapping[str, Any] = _NO_SHRINKAGE if path.stem.endswith("noeb") else {}
    values, batch, _ = _r_input(folder, "train")
    later, later_batch, _ = _r_input(folder, "new")
    ours = ComBat(**options).fit(values, batch=batch).transform(later, batch=later_batch)
    return compared_values(path.stem, "held-out patients", ours, _r_expected(path))


def _estimates_row(case: str, ours: ComBatEstimates, reference: Mapping[str, Any]) -> ValidationRow:
    """gamma, delta and pooled variance, relative to the size of each kind of estimate.

    R writes its estimates with 15 digits.
    """
    worst = 0.0
    for name, attribute in _ESTIMATES.items():
        theirs = np.array(reference[name], dtype=float)
        found = getattr(ours, attribute)
        if attribute == "variance":
            theirs = theirs.ravel()
        # A mean-only call has no scale in R.
        if theirs.size != found.size:
            continue
        size = np.maximum(np.abs(theirs), np.median(np.abs(theirs)))
        worst = max(worst, float((np.abs(found - theirs) / np.where(size > 0, size, 1)).max()))
    matched = worst <= TOLERANCE
    return ValidationRow(
        case, "estimates (gamma, delta, variance)", 0.0, worst, TOLERANCE, "1", matched
    )


def _features_by_samples(path: Path, *, header: bool = True) -> Array:
    """Samples × features; the files hold features × samples."""
    return pl.read_csv(path, has_header=header).cast(pl.Float64).to_numpy().T


def _by_identifier(path: Path) -> tuple[pl.Series, Array]:
    frame = pl.read_csv(path, infer_schema_length=None)
    return frame["id"], frame.drop("id").cast(pl.Float64).to_numpy()


def _r_input(folder: Path, name: str) -> tuple[Array, pl.Series, pl.DataFrame]:
    """Values, batches and covariates (age, sex, stage)."""
    frame = pl.read_csv(folder / "inputs" / f"{name}.csv", infer_schema_length=None)
    features = [column for column in frame.columns if column.startswith("f")]
    values = frame.select(pl.col(features).cast(pl.Float64, strict=False)).to_numpy()
    return values.copy(), frame["batch"], frame.select("age", "sex", "stage")


def _r_expected(path: Path) -> Array:
    frame = pl.read_csv(path, infer_schema_length=None)
    numbers = frame[:, 1:].select(pl.all().cast(pl.Float64, strict=False))
    return numbers.fill_nan(None).to_numpy().astype(float)
