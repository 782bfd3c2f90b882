"""ComBat on simulated cohorts whose truth is known, each proof with a mistake that must be found.

A proof that cannot tell a planted mistake proves nothing: every bar stands beside a row in which
the mistake is made, and which has to miss the bar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.table import TableOptions, harmonize_table
from wbr_platform.validation.report import ValidationRow

Array = NDArray[np.float64]

_CASE = "simulated cohorts"
_FEATURES = 90
# Error of new patients of a batch of so many patients, beside three batches of 60.
TRANSFER_BARS = {20: 0.36, 30: 0.30, 50: 0.24}
_TRANSFER_COHORTS = 100
_EFFECT_COHORTS = 200
_LEAK_COHORTS = 200


def within(quantity: str, found: float, low: float, high: float, note: str) -> ValidationRow:
    """The row of a value that has to lie in an interval."""
    middle, half = (low + high) / 2, (high - low) / 2
    matched = low <= found <= high
    return ValidationRow(_CASE, quantity, middle, found, half, "1", matched, note)


def at_most(quantity: str, found: float, bar: float, note: str) -> ValidationRow:
    """The row of a value that has to stay at or below a bar."""
    limit = f"at most {bar:.3g}"
    return ValidationRow(_CASE, quantity, limit, round(found, 6), None, "", found <= bar, note)


def planted(quantity: str, found: float, low: float, high: float, note: str) -> ValidationRow:
    """The row of a planted mistake: it counts as found when the value misses the interval."""
    caught = not low <= found <= high
    return ValidationRow(
        _CASE,
        f"planted mistake: {quantity}",
        f"outside {low:.3g} to {high:.3g}",
        round(found, 6),
        None,
        "",
        caught,
        note,
    )


def simulation_rows(seed: int = 0) -> Iterator[ValidationRow]:
    """All simulated proofs, about 15 s."""
    yield from _transfer_rows(seed)
    yield from _effect_rows(seed + 1)
    yield from _leak_rows(seed + 2)
    yield from _tissue_rows(seed + 3)
    yield from _verdict_rows(seed + 4)


@dataclass(frozen=True)
class _Truth:
    """Shift and scale (batches, features) and slope (features,) of a simulated cohort."""

    shift: Array
    scale: Array
    slope: Array

    def draw(
        self, sizes: tuple[int, ...], rng: np.random.Generator
    ) -> tuple[Array, NDArray[np.intp], Array, Array]:
        """Values, batches, covariate, and the part of the values that is the patients' own."""
        batch = np.repeat(np.arange(len(sizes)), sizes)
        covariate = rng.normal(size=(len(batch), 1))
        own = rng.normal(size=(len(batch), self.shift.shape[1]))
        values = covariate * self.slope + self.shift[batch] + self.scale[batch] * own
        return values, batch, covariate, own


def _truth(sizes: tuple[int, ...], rng: np.random.Generator) -> _Truth:
    batches = len(sizes)
    shift = rng.normal(0, 0.8, (batches, 1)) + rng.normal(0, 0.2, (batches, _FEATURES))
    shift -= np.array(sizes) @ shift / sum(sizes)
    scale = np.exp(rng.normal(0, 0.3, (batches, _FEATURES)))
    return _Truth(shift, scale, rng.normal(0, 0.5, _FEATURES))


def transfer_error(patients: int, cohorts: int, seed: int) -> tuple[float, float]:
    """Error of new patients of a batch with ``patients`` in the fit, and without harmonisation.

    Root mean square, in standard deviations of the feature, over 200 new patients, the mean of
    simulated cohorts; no shrinkage.
    """
    rng = np.random.default_rng(seed)
    errors, raw = [], []
    for _ in range(cohorts):
        sizes = (60, 60, 60, patients)
        truth = _truth(sizes, rng)
        values, batch, covariate, _ = truth.draw(sizes, rng)
        combat = ComBat(empirical_bayes="none", minimum_per_batch=2)
        combat.fit(values, batch=batch, covariates=covariate)
        later, _, later_covariate, own = truth.draw((0, 0, 0, 200), rng)
        ours = combat.transform(later, batch=[3] * 200, covariates=later_covariate)
        estimates = combat.estimates_
        expected = estimates.alpha + later_covariate @ estimates.beta
        spread = np.sqrt(estimates.variance)
        errors.append(np.sqrt(np.mean(((ours - expected) / spread - own) ** 2)))
        raw.append(np.sqrt(np.mean(((later - expected) / spread - own) ** 2)))
    return float(np.mean(errors)), float(np.mean(raw))


def _transfer_rows(seed: int) -> Iterator[ValidationRow]:
    theory = "theory sqrt(1.5 / patients), no shrinkage"
    for patients, bar in TRANSFER_BARS.items():
        error, raw = transfer_error(patients, _TRANSFER_COHORTS, seed)
        name = f"error of new patients, {patients} in the batch (SD)"
        yield at_most(name, error, bar, theory)
        yield planted(f"not harmonised, {patients} in the batch", raw, 0.0, bar, "raw values")
    error, _ = transfer_error(5, _TRANSFER_COHORTS, seed)
    largest = max(TRANSFER_BARS.values())
    yield planted("5 patients in the batch", error, 0.0, largest, "why small batches are refused")


def preserved_effect(with_covariate: bool, cohorts: int, seed: int) -> float:
    """Effect of a stage (truth 1) after ComBat; 20 % and 70 % of two batches have it."""
    rng = np.random.default_rng(seed)
    batch, found = np.repeat([0, 1], 80), []
    for _ in range(cohorts):
        stage = (rng.random(160) < np.where(batch == 1, 0.7, 0.2)).astype(float)
        values = stage[:, None] + rng.normal(size=(160, 30))
        ours = ComBat().fit_transform(
            values, batch=batch, covariates=stage if with_covariate else None
        )
        found.append((ours[stage == 1].mean(axis=0) - ours[stage == 0].mean(axis=0)).mean())
    return float(np.mean(found))


def _effect_rows(seed: int) -> Iterator[ValidationRow]:
    note = "a stage that 20 % and 70 % of two batches have; truth 1"
    kept = preserved_effect(True, _EFFECT_COHORTS, seed)
    yield within("effect preserved with the covariate", kept, 0.95, 1.05, note)
    lost = preserved_effect(False, _EFFECT_COHORTS, seed)
    yield planted("effect without the covariate", lost, 0.95, 1.05, note)


Harmonised = Literal["in the fold", "whole data with the outcome", "not harmonised"]


def noise_auc(how: Harmonised, cohorts: int, seed: int) -> tuple[float, float]:
    """Cross-validated AUC on features that are noise: pooled, and mean within the centre.

    The outcome is 30 % in one centre and 70 % in the other, 60 patients each; the centres differ by
    a shift of each of the 100 features.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(cohorts):
        centre = np.repeat([0, 1], 60)
        outcome = (rng.random(120) < np.where(centre == 1, 0.7, 0.3)).astype(int)
        values = rng.normal(size=(120, 100)) + (centre == 1)[:, None] * rng.normal(0, 1, 100)
        if how == "whole data with the outcome":
            values = ComBat().fit_transform(values, batch=centre, covariates=outcome)
        risk = _cross_validated_risk(values, centre, outcome, in_fold=how == "in the fold")
        parts = [roc_auc_score(outcome[centre == k], risk[centre == k]) for k in (0, 1)]
        found.append((roc_auc_score(outcome, risk), np.mean(parts)))
    pooled, within_centre = np.mean(found, axis=0)
    return float(pooled), float(within_centre)


def _cross_validated_risk(
    values: Array, centre: NDArray[np.intp], outcome: NDArray[np.intp], *, in_fold: bool
) -> Array:
    risk = np.zeros(len(outcome))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(values, 2 * outcome + centre):
        fitted, held_out = values[train], values[test]
        if in_fold:
            combat = ComBat().fit(fitted, batch=centre[train])
            fitted = combat.transform(fitted, batch=centre[train])
            held_out = combat.transform(held_out, batch=centre[test])
        mean, spread = fitted.mean(axis=0), fitted.std(axis=0)
        model = LogisticRegression(C=0.01).fit((fitted - mean) / spread, outcome[train])
        risk[test] = model.predict_proba((held_out - mean) / spread)[:, 1]
    return risk


def _leak_rows(seed: int) -> Iterator[ValidationRow]:
    note = f"{_LEAK_COHORTS} cohorts of noise, outcome 30 % and 70 % in two centres"
    pooled, centre = noise_auc("in the fold", _LEAK_COHORTS, seed)
    yield within("AUC on noise, fitted in the fold", pooled, 0.48, 0.52, note)
    yield within("AUC on noise within the centre, fitted in the fold", centre, 0.48, 0.52, note)
    pooled, centre = noise_auc("whole data with the outcome", _LEAK_COHORTS, seed)
    leak = "ComBat on all patients with the outcome as covariate"
    yield planted("AUC on noise, outcome as covariate", pooled, 0.0, 0.55, leak)
    yield planted("AUC on noise within the centre, outcome as covariate", centre, 0.0, 0.55, leak)
    pooled, centre = noise_auc("not harmonised", _LEAK_COHORTS, seed)
    confounded = "the centre alone predicts: print the metric within the centre"
    yield planted("AUC on noise, not harmonised", pooled, 0.48, 0.52, confounded)
    yield within("AUC on noise within the centre, not harmonised", centre, 0.48, 0.52, confounded)


def tissue_error(
    harmonise: Callable[[Array, Array, Array], Array], cohorts: int, seed: int
) -> float:
    """Error in liver (in its standard deviations) of values that two scanners shift differently.

    ``harmonise`` gets values (patients, features), batch and tissue (0 liver, 1 lesion); 60
    patients a scanner. The reference is scanner 0.
    """
    rng = np.random.default_rng(seed)
    batch = np.tile(np.repeat([0, 1], 60), 2)
    tissue = np.repeat([0, 1], 120)
    mean, spread = np.where(tissue == 0, 2.0, 6.0), np.where(tissue == 0, 0.3, 2.5)
    shift, scale = np.where(tissue == 0, 0.3, 1.0), np.where(tissue == 0, 1.0, 1.5)
    errors = []
    for _ in range(cohorts):
        own = rng.normal(size=(240, 30))
        measured = np.where((batch == 1)[:, None], shift[:, None] + scale[:, None] * own, own)
        ours = harmonise(mean[:, None] + spread[:, None] * measured, batch, tissue)
        error = (ours - mean[:, None]) / spread[:, None] - own
        errors.append(np.sqrt((error[(batch == 1) & (tissue == 0)] ** 2).mean()))
    return float(np.mean(errors))


def _combat_to_first(values: Array, batch: Array) -> Array:
    return ComBat(reference_batch="0").fit_transform(values, batch=batch)


def _tissue_rows(seed: int) -> Iterator[ValidationRow]:
    def raw(values: Array, batch: Array, tissue: Array) -> Array:
        return values

    def apart(values: Array, batch: Array, tissue: Array) -> Array:
        ours = values.copy()
        for name in (0, 1):
            ours[tissue == name] = _combat_to_first(values[tissue == name], batch[tissue == name])
        return ours

    def pooled(values: Array, batch: Array, tissue: Array) -> Array:
        return _combat_to_first(values, batch)

    nothing = tissue_error(raw, 20, seed)
    note = f"liver and lesion on two scanners; not harmonised {nothing:.2f}"
    yield at_most(
        "error in liver, a fit for each tissue (SD)", tissue_error(apart, 20, seed), 0.20, note
    )
    yield planted(
        "liver and lesions in one fit (SD)", tissue_error(pooled, 20, seed), 0, nothing, note
    )


def recommended(shift: float, cohorts: int, seed: int) -> tuple[float, float]:
    """Share of features that the verdict wants harmonised; share that looks better when fitted.

    Three batches of 30, one of them shifted by so many standard deviations; 30 features a cohort.
    The second number judges on the patients of the fit: whether their batches came closer.
    """
    rng = np.random.default_rng(seed)
    batch = np.repeat(["A", "B", "C"], 30)
    applied: list[float] = []
    closer: list[float] = []
    for _ in range(cohorts):
        values = rng.normal(size=(90, 30)) + shift * (batch == "B")[:, None]
        frame = pl.DataFrame(values, schema=[f"feature_{k:02d}" for k in range(30)])
        frame = frame.with_columns(batch=pl.Series(batch))
        options = TableOptions(resamples=30, permutations=99, log="never", seed=seed)
        found = harmonize_table(frame, "batch", options=options)
        applied.append(found.verdicts.filter(verdict="apply").height / found.verdicts.height)
        ours = found.frame.select(frame.columns[:-1]).to_numpy()
        means = [
            np.array([part[batch == name].mean(axis=0) for name in "ABC"]).var(axis=0)
            for part in (values, ours)
        ]
        closer.append((means[1] < means[0]).mean())
    return float(np.mean(applied)), float(np.mean(closer))


def _verdict_rows(seed: int) -> Iterator[ValidationRow]:
    note = "three batches of 30, judged on held-out patients"
    nothing, looks_better = recommended(0.0, 6, seed)
    one_spread, _ = recommended(1.0, 6, seed)
    yield at_most("verdict to harmonise where there is no effect (share)", nothing, 0.30, note)
    yield within("verdict to harmonise a shift of 1 SD (share)", one_spread, 0.90, 1.0, note)
    tautology = "batches of the fit come closer whatever the truth: no proof"
    yield planted("no effect, judged on the patients of the fit", looks_better, 0, 0.30, tautology)
