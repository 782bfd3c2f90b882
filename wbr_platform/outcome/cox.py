"""Cox's proportional hazards model on standardised columns (lifelines, Efron's ties)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError, ConvergenceWarning
from numpy.typing import ArrayLike, NDArray

from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

# lifelines stops at 1e-7 by default, which leaves coefficients 1e-6 away from R's.
_FIT_OPTIONS = {"precision": 1e-12}
# A log hazard ratio per standard deviation, or its error, beyond this has no finite estimate.
_BEYOND_ESTIMATE = 10.0


@dataclass(frozen=True)
class CoxFit:
    """Log hazard ratios with standard errors, Wald p and 95 % limits, one entry a column."""

    columns: tuple[str, ...]
    coefficients: Array
    standard_errors: Array
    p_values: Array
    low: Array
    high: Array
    log_likelihood: float

    @property
    def separated(self) -> bool:
        """Whether a covariate separates the events, so that its estimate would be infinite."""
        greatest = np.maximum(np.abs(self.coefficients), self.standard_errors)
        return not bool((greatest <= _BEYOND_ESTIMATE).all())  # NaN counts as beyond

    def risk(self, values: Array) -> Array:
        """Linear predictor of ``values`` (patients, columns)."""
        return np.asarray(values @ self.coefficients)


def fit_cox(
    values: Array,
    columns: Sequence[str],
    duration: ArrayLike,
    event: ArrayLike,
    penalizer: float = 0.0,
) -> CoxFit:
    """Fit on ``values`` (patients, columns); ``penalizer`` is lifelines' ridge penalty.

    With a penalty, standard errors and p-values are those of the penalised likelihood and are too
    small to be taken at their word. A model whose covariate separates the events comes back with
    ``separated``: its risks can still be ranked. Raises Refusal NOT_CONVERGED.
    """
    names = [f"column_{k}" for k in range(len(columns))]
    frame = pd.DataFrame(values, columns=names)
    frame["duration"], frame["event"] = np.asarray(duration, float), np.asarray(event, bool)
    fitter = CoxPHFitter(penalizer=penalizer)
    try:
        with warnings.catch_warnings():
            # lifelines' warning about separation is a guess from variances; see ``separated``.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitter.fit(frame, "duration", "event", fit_options=_FIT_OPTIONS)
    except ConvergenceError as error:
        raise not_converged() from error
    summary = fitter.summary
    return CoxFit(
        columns=tuple(columns),
        coefficients=summary["coef"].to_numpy(),
        standard_errors=summary["se(coef)"].to_numpy(),
        p_values=summary["p"].to_numpy(),
        low=summary["coef lower 95%"].to_numpy(),
        high=summary["coef upper 95%"].to_numpy(),
        log_likelihood=float(fitter.log_likelihood_),
    )


def not_converged() -> Refusal:
    """The refusal of a model that has no finite estimate."""
    return Refusal(
        "NOT_CONVERGED",
        "the Cox model has no finite estimate: a covariate separates the events, or covariates are "
        "collinear",
        "leave a covariate out or use a ridge penalty",
    )
