"""Posterior batch effects: ComBat's empirical Bayes, within a batch over features.

Johnson, Li, Rabinovic: Adjusting batch effects in microarray expression data using empirical Bayes
methods, Biostatistics 2007;8:118. All arrays have one entry a feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MAXIMUM_ITERATIONS = 10_000


@dataclass(frozen=True)
class BatchMoments:
    """What a batch says about each feature, from standardised values: all that is needed later."""

    count: Array
    mean: Array
    sum_of_squares: Array  # around the mean

    @classmethod
    def of(cls, standardised: Array) -> BatchMoments:
        """Moments of values (patients, features); missing cells are NaN."""
        present = ~np.isnan(standardised)
        count = present.sum(axis=0).astype(float)
        mean = np.where(present, standardised, 0.0).sum(axis=0) / count
        deviations = np.where(present, standardised - mean, 0.0)
        return cls(count, mean, (deviations**2).sum(axis=0))

    @property
    def variance(self) -> Array:
        """Unbiased variance; NaN where there is one value."""
        return self.sum_of_squares / np.where(self.count > 1, self.count - 1, np.nan)


def mean_only_posterior(gamma_hat: Array) -> Array:
    """Posterior shift with the scale left alone (one observation's weight, as sva has it)."""
    spread = gamma_hat.var(ddof=1)
    return np.asarray((spread * gamma_hat + gamma_hat.mean()) / (spread + 1))


def parametric_posterior(
    moments: BatchMoments, gamma_hat: Array, delta_hat: Array, tolerance: float
) -> tuple[Array, Array]:
    """Posterior shift and squared scale under normal and inverse gamma priors.

    The iteration stops when no value changes by more than ``tolerance``, relative to its old value.
    """
    prior_mean, prior_spread = gamma_hat.mean(), gamma_hat.var(ddof=1)
    delta_mean, delta_spread = delta_hat.mean(), delta_hat.var(ddof=1)
    equal_scales = delta_spread == 0  # the prior is then a point
    shape = 0.0 if equal_scales else (2 * delta_spread + delta_mean**2) / delta_spread
    rate = 0.0 if equal_scales else (delta_mean * delta_spread + delta_mean**3) / delta_spread
    count = moments.count
    gamma, delta = gamma_hat, delta_hat
    for _ in range(_MAXIMUM_ITERATIONS):
        new_gamma = (prior_spread * count * gamma_hat + delta * prior_mean) / (
            prior_spread * count + delta
        )
        squares = moments.sum_of_squares + count * (moments.mean - new_gamma) ** 2
        new_delta = (
            np.full_like(delta, delta_mean)
            if equal_scales
            else (0.5 * squares + rate) / (count / 2 + shape - 1)
        )
        change = max(_relative_change(new_gamma, gamma), _relative_change(new_delta, delta))
        gamma, delta = new_gamma, new_delta
        if change <= tolerance:
            return gamma, delta
    raise ArithmeticError("the empirical Bayes iteration did not converge")


def _relative_change(new: Array, old: Array) -> float:
    # Divided by the signed old value, as sva and neuroCombat do: the iteration has to stop where
    # theirs does for the results to be equal beyond the tolerance.
    moved = np.abs(new - old)
    with np.errstate(divide="ignore"):  # from exactly zero: infinite, so the iteration goes on
        return float(np.divide(moved, old, out=np.zeros_like(moved), where=moved > 0).max())


def nonparametric_posterior(
    moments: BatchMoments, gamma_hat: Array, delta_hat: Array
) -> tuple[Array, Array]:
    """Posterior shift and squared scale with the other features' estimates as the prior.

    Weights are computed as logarithms: R's product of densities underflows for large batches.
    """
    # Row f, column g: log likelihood of feature f's values under feature g's estimates.
    squares = (
        moments.sum_of_squares[:, None]
        + moments.count[:, None] * (moments.mean[:, None] - gamma_hat[None]) ** 2
    )
    log_likelihood = -0.5 * (
        moments.count[:, None] * np.log(2 * np.pi * delta_hat[None]) + squares / delta_hat[None]
    )
    np.fill_diagonal(log_likelihood, -np.inf)
    weights = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ gamma_hat, weights @ delta_hat
