"""A site that comes after the fit: its effect from its own patients, the fit left as it is.

The fitted cohort acts as the reference: location, covariate effects and scale are frozen, and only
the shift and scale of the new batch are estimated. Nothing but features and covariates of the new
patients is used, never an outcome.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.harmonization.estimation import BatchEffects, Shrinkage, among_all
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

# Error of new patients of a batch of 20: about 0.3 standard deviations, of 10: 0.45.
DEFAULT_MINIMUM_OF_NEW_BATCH = 20


def add_batch(
    estimates: ComBatEstimates,
    values: Array,
    batch: str,
    covariates: Any | None = None,
    *,
    tissue: ArrayLike | str | None = None,
    minimum: int = DEFAULT_MINIMUM_OF_NEW_BATCH,
    tolerance: float = 1e-4,
) -> ComBatEstimates:
    """``estimates`` with one more batch, learnt from ``values`` (patients, features).

    A feature with fewer than ``minimum`` values or without spread in the new batch has no estimate
    there: its values of that batch become NaN. Raises Refusal BATCH_TOO_SMALL,
    BATCH_ALREADY_KNOWN, NOTHING_TO_HARMONIZE, OTHER_TISSUE, MIXED_TISSUES and those of the
    covariates.
    """
    estimates.check_tissue(tissue)
    if batch in estimates.batches:
        raise Refusal(
            "BATCH_ALREADY_KNOWN", f"batch {batch} is in the fit", "apply the fit to its patients"
        )
    if len(values) < minimum:
        raise Refusal(
            "BATCH_TOO_SMALL",
            f"{len(values)} patients of batch {batch}, {minimum} are needed",
            "wait for more patients: the effect of a site cannot be guessed",
        )
    standardised, _, _ = estimates.standardised(values, covariates)
    present, raw = ~np.isnan(standardised), values[:, estimates.harmonized]
    low = np.where(present, raw, np.inf).min(axis=0)
    high = np.where(present, raw, -np.inf).max(axis=0)
    usable = (present.sum(axis=0) >= minimum) & (high > low)
    if not usable.any():
        raise Refusal("NOTHING_TO_HARMONIZE", f"no feature of batch {batch} can be harmonised")
    kind: Any = estimates.empirical_bayes
    shrinkage = Shrinkage(kind, estimates.mean_only, tolerance)
    effects = BatchEffects.of([standardised[:, usable]], None, shrinkage)
    kept = estimates.harmonized
    kept[kept] = usable
    order = np.argsort(np.array([*estimates.batches, batch]))

    def with_row(known: Array, new: Array) -> Array:
        return np.vstack([known, among_all(new, kept)])[order]

    sizes = (*estimates.patients_per_batch, len(values))
    return dataclasses.replace(
        estimates,
        batches=tuple(np.array([*estimates.batches, batch])[order].tolist()),
        patients_per_batch=tuple(sizes[k] for k in order),
        added_batches=(*estimates.added_batches, batch),
        gamma_hat=with_row(estimates.gamma_hat, effects.gamma_hat),
        gamma_star=with_row(estimates.gamma_star, effects.gamma_star),
        delta_hat=with_row(estimates.delta_hat, effects.delta_hat),
        delta_star=with_row(estimates.delta_star, effects.delta_star),
    )
