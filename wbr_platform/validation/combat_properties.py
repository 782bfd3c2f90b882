"""What ComBat has to keep and to refuse, each with a mistake that must be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.harmonize import harmonize_features
from wbr_platform.refusal import Refusal
from wbr_platform.validation.report import ValidationRow, compared_text

Array = NDArray[np.float64]

_CASE = "properties"
_BATCH = np.repeat(["A", "B", "C"], [70, 50, 40])
_PATIENTS, _FEATURES = len(_BATCH), 40
_PERMUTATION_TOLERANCE, _AFFINE_TOLERANCE = 1e-11, 1e-10


def property_rows(seed: int = 0) -> Iterator[ValidationRow]:
    """Reference batch, order of patients, units, storage, second pass, refusals."""
    rng = np.random.default_rng(seed)
    index = np.searchsorted(["A", "B", "C"], _BATCH)
    age = pl.DataFrame({"age": rng.normal(60, 10, _PATIENTS)})
    effect = 0.03 * age["age"].to_numpy()[:, None]
    shift = rng.normal(0, 1, (3, _FEATURES))
    values = effect + shift[index] + rng.normal(size=(_PATIENTS, _FEATURES))
    yield from _reference_rows(values, age)
    yield from _permutation_rows(values, age, rng)
    yield from _affine_rows(values)
    yield from _second_pass_rows(values, age)
    yield from _refusal_rows(values, age)


def _distance(ours: Array, expected: Array) -> float:
    return float((np.abs(ours - expected) / expected.std(axis=0)).max())


def _row(quantity: str, found: float, tolerance: float, note: str = "") -> ValidationRow:
    unit = "SD of the feature"
    matched = found <= tolerance
    return ValidationRow(_CASE, quantity, 0.0, found, tolerance, unit, matched, note)


def _planted(quantity: str, found: float, tolerance: float) -> ValidationRow:
    name, above = f"planted mistake: {quantity}", f"above {tolerance:.3g}"
    return ValidationRow(_CASE, name, above, round(found, 6), None, "", found > tolerance)


def _reference_rows(values: Array, age: pl.DataFrame) -> Iterator[ValidationRow]:
    rows = _BATCH == "B"
    ours = ComBat(reference_batch="B").fit_transform(values, batch=_BATCH, covariates=age)
    note = "bit-equal" if np.array_equal(ours[rows], values[rows]) else "not bit-equal"
    yield _row("reference batch is returned", _distance(ours[rows], values[rows]), 0.0, note)
    ours = ComBat().fit_transform(values, batch=_BATCH, covariates=age)
    yield _planted("no reference batch", _distance(ours[rows], values[rows]), 0.0)


def _permutation_rows(
    values: Array, age: pl.DataFrame, rng: np.random.Generator
) -> Iterator[ValidationRow]:
    order = rng.permutation(_PATIENTS)
    straight = ComBat().fit_transform(values, batch=_BATCH, covariates=age)[order]
    shuffled = ComBat().fit_transform(values[order], batch=_BATCH[order], covariates=age[order])
    bar = _PERMUTATION_TOLERANCE
    yield _row("order of patients", _distance(shuffled, straight), bar)
    forgotten = ComBat().fit_transform(values[order], batch=_BATCH, covariates=age[order])
    yield _planted("batches not reordered with the patients", _distance(forgotten, straight), bar)


def _affine_rows(values: Array) -> Iterator[ValidationRow]:
    scale, offset = np.logspace(-2, 2, _FEATURES), np.linspace(-3, 3, _FEATURES)

    def gap(**options: Any) -> float:
        positive = np.exp(values) if options else values
        plain = ComBat(**options).fit_transform(positive, batch=_BATCH)
        moved = ComBat(**options).fit_transform(positive * scale + offset + 3, batch=_BATCH)
        return _distance((moved - offset - 3) / scale, plain)

    yield _row("unit and origin of a feature", gap(), _AFFINE_TOLERANCE)
    found = gap(log="skewed")
    yield _planted("origin moved under a logarithm", found, _AFFINE_TOLERANCE)


def _second_pass_rows(values: Array, age: pl.DataFrame) -> Iterator[ValidationRow]:
    """ComBat twice is not ComBat: why a harmonised table is refused."""
    once = ComBat().fit(values, batch=_BATCH, covariates=age)
    stored = type(once.estimates_).from_json(once.estimates_.to_json())
    ours = once.transform(values, batch=_BATCH, covariates=age)
    yield _row("estimates stored and read", _distance(stored.apply(values, _BATCH, age), ours), 0.0)
    twice = ComBat().fit_transform(ours, batch=_BATCH, covariates=age)
    yield _planted("a second pass", _distance(twice, ours), _PERMUTATION_TOLERANCE)


def _code(action: Callable[[], object]) -> str:
    try:
        action()
    except Refusal as refusal:
        return refusal.reason_code
    return "none"


def _refusal_rows(values: Array, age: pl.DataFrame) -> Iterator[ValidationRow]:
    fitted = ComBat().fit(values, batch=_BATCH, covariates=age)
    single = np.where(np.arange(_PATIENTS) == 0, "single", "others")
    tissue = np.where(np.arange(_PATIENTS) % 2 == 0, "liver", "lesion")
    standardised = ComBat(empirical_bayes="none").fit_transform(values, batch=_BATCH)
    asked: list[tuple[str, str, Callable[[], object]]] = [
        (
            "a batch of one patient",
            "BATCH_TOO_SMALL",
            lambda: ComBat(minimum_per_batch=1).fit(values, batch=single),
        ),
        (
            "a batch of nine patients by default",
            "BATCH_TOO_SMALL",
            lambda: ComBat().fit(values, batch=np.where(np.arange(_PATIENTS) < 9, "A", "B")),
        ),
        (
            "an unseen batch",
            "UNSEEN_BATCH",
            lambda: fitted.transform(values, batch=["D"] * _PATIENTS, covariates=age),
        ),
        (
            "a new site with 19 patients",
            "BATCH_TOO_SMALL",
            lambda: fitted.with_new_batch(values[:19], batch="D", covariates=age[:19]),
        ),
        (
            "a covariate that is the batch",
            "CONFOUNDED",
            lambda: ComBat().fit(values, batch=_BATCH, covariates=(_BATCH == "A") * 1.0),
        ),
        (
            "mixed tissues",
            "MIXED_TISSUES",
            lambda: ComBat().fit(values, batch=_BATCH, tissue=tissue),
        ),
        (
            "estimates of another tissue",
            "OTHER_TISSUE",
            lambda: (
                ComBat()
                .fit(values, batch=_BATCH, tissue="liver")
                .transform(values, batch=_BATCH, tissue="lesion")
            ),
        ),
        (
            "values with equal means in every batch",
            "ALREADY_HARMONIZED",
            lambda: ComBat().fit(standardised, batch=_BATCH),
        ),
        (
            "a table that was harmonised",
            "ALREADY_HARMONIZED",
            lambda: harmonize_features(pl.DataFrame({"harmonized_value": [1.0]})),
        ),
    ]
    for what, code, action in asked:
        yield compared_text(_CASE, f"refusal of {what}", code, _code(action))
    sound = _code(lambda: ComBat().fit(values, batch=_BATCH, covariates=age, tissue="liver"))
    yield compared_text(_CASE, "a sound table is not refused", "none", sound)
