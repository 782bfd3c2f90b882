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
    small to be taken at their word. Raises Refusal NOT_CONVERGED, also when an event separates the
    patients of a covariate.
    """
    names = [f"column_{k}" for k in range(len(columns))]
    frame = pd.DataFrame(values, columns=names)
    frame["duration"], frame["event"] = np.asarray(duration, float), np.asarray(event, bool)
    fitter = CoxPHFitter(penalizer=penalizer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            fitter.fit(frame, "duration", "event", fit_options=_FIT_OPTIONS)
    except (ConvergenceError, ConvergenceWarning) as error:
        raise Refusal(
            "NOT_CONVERGED",
            "the Cox model does not converge: a covariate separates events from the others, or "
            "covariates are collinear",
            "leave a covariate out or use a ridge penalty",
        ) from error
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
