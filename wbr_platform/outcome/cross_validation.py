"""Cross-validated concordance: nothing that learns has seen the patients it is tried on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.outcome.concordance import PairCounts, comparable_pairs, pair_counts
from wbr_platform.outcome.covariates import CovariateEncoder
from wbr_platform.outcome.cox import fit_cox


def fold_numbers(event: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.intp]:
    """A fold for each patient, events shared out evenly; the same for the same seed."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(np.flatnonzero(event == value)) for value in (1, 0)])
    numbers = np.empty(len(event), dtype=np.intp)
    numbers[order] = np.arange(len(event)) % folds
    return numbers


def cross_validated_pairs(
    frame: pl.DataFrame,
    duration_col: str,
    event_col: str,
    covariates: Sequence[str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    penalizer: float,
) -> PairCounts:
    """Pairs of patients of the same fold compared by a model that saw neither.

    Imputation, encoding, scaling and the Cox model are fitted on the other folds. Patients of
    different folds are not compared: their risks come from different models. Raises Refusal
    NOT_CONVERGED when a fold's model cannot be fitted.
    """
    duration = frame[duration_col].to_numpy()
    event = frame[event_col].to_numpy().astype(bool)
    comparable = comparable_pairs(duration, event)
    nothing = np.zeros(comparable.shape)
    total = PairCounts(nothing, nothing)
    for repeat in range(repeats):
        fold = fold_numbers(event, folds, seed + repeat)
        risk = np.zeros(len(event))
        for number in range(folds):
            test = fold == number
            training = frame.filter(pl.Series(~test))
            encoder = CovariateEncoder(covariates).fit(training)
            if not encoder.columns_:  # constant in training: every risk is the same
                continue
            model = fit_cox(
                encoder.transform(training),
                encoder.columns_,
                duration[~test],
                event[~test],
                penalizer,
            )
            risk[test] = model.risk(encoder.transform(frame.filter(pl.Series(test))))
        total += pair_counts(comparable & (fold[:, None] == fold[None]), risk)
    return total
