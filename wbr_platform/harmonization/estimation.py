"""ComBat's estimates of one table: location and scale, then batch effects, plain or bootstrapped.

Bootstrap (B-ComBat): Da-Ano et al., Sci Rep 2020;10:10248. Every estimate is the mean of those of
resampled cohorts.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.harmonization.design import is_singular
from wbr_platform.harmonization.empirical_bayes import (
    BatchMoments,
    mean_only_posterior,
    nonparametric_posterior,
    parametric_posterior,
)
from wbr_platform.harmonization.location_scale import (
    LocationScale,
    MissingVariance,
    fit_location_scale,
)
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]
EmpiricalBayes = Literal["parametric", "nonparametric", "none"]

# Draws for each resample that is wanted: a draw may miss a level of a covariate.
_DRAWS_PER_RESAMPLE = 20


@dataclass(frozen=True)
class Shrinkage:
    """How raw batch effects become posterior ones."""

    empirical_bayes: EmpiricalBayes = "parametric"
    mean_only: bool = False
    tolerance: float = 1e-4

    def kind(self, features: int) -> EmpiricalBayes:
        """What is applied: a single feature has nothing to be shrunk towards."""
        return "none" if features == 1 else self.empirical_bayes

    def posterior(
        self, moments: BatchMoments, gamma_hat: Array, delta_hat: Array
    ) -> tuple[Array, Array]:
        """Posterior shift and squared scale of one batch, each (features,)."""
        kind = self.kind(len(gamma_hat))
        if kind == "none":
            return gamma_hat, delta_hat
        if kind == "nonparametric":
            return nonparametric_posterior(moments, gamma_hat, delta_hat)
        if self.mean_only:
            return mean_only_posterior(gamma_hat), delta_hat
        return parametric_posterior(moments, gamma_hat, delta_hat, self.tolerance)


@dataclass(frozen=True)
class BatchEffects:
    """Raw and posterior effects of batches, each (batches, features)."""

    gamma_hat: Array
    gamma_star: Array
    delta_hat: Array
    delta_star: Array

    @classmethod
    def of(cls, batches: list[Array], reference: int | None, shrinkage: Shrinkage) -> BatchEffects:
        """Effects of the standardised values (patients, features) of every batch."""
        moments = [BatchMoments.of(values) for values in batches]
        gamma_hat = np.array([batch.mean for batch in moments])
        delta_hat = (
            np.ones_like(gamma_hat)
            if shrinkage.mean_only
            else np.array([batch.variance for batch in moments])
        )
        gamma_star, delta_star = gamma_hat.copy(), delta_hat.copy()
        for k, batch in enumerate(moments):
            gamma_star[k], delta_star[k] = shrinkage.posterior(batch, gamma_hat[k], delta_hat[k])
        if reference is not None:
            gamma_star[reference], delta_star[reference] = 0.0, 1.0
        return cls(gamma_hat, gamma_star, delta_hat, delta_star)


@dataclass(frozen=True)
class Estimation:
    """How to estimate; ``reference`` is the index of the reference batch."""

    shrinkage: Shrinkage
    reference: int | None = None
    missing_variance: MissingVariance = "fortin"

    def location_scale(
        self, values: Array, batch: NDArray[np.intp], covariates: Array
    ) -> LocationScale:
        """Location and scale of ``values`` (patients, features); NaN where there is no fit."""
        return fit_location_scale(values, batch, covariates, self.reference, self.missing_variance)

    def effects(
        self, values: Array, batch: NDArray[np.intp], covariates: Array, model: LocationScale
    ) -> BatchEffects:
        """Batch effects of ``values`` under a model that fits every feature."""
        standardised = (values - model.expected(covariates)) / np.sqrt(model.variance)
        batches = [standardised[batch == k] for k in range(int(batch.max()) + 1)]
        return BatchEffects.of(batches, self.reference, self.shrinkage)

    def bootstrap(
        self,
        values: Array,
        batch: NDArray[np.intp],
        covariates: Array,
        n_boot: int,
        seed: int,
    ) -> tuple[LocationScale, BatchEffects]:
        """Mean estimates of ``n_boot`` cohorts resampled within the batches.

        A feature is left out of a resample in which it is constant in a batch. Raises Refusal
        BOOTSTRAP_FAILED when resamples keep losing a level of a covariate, or a feature has no
        estimate in most of them.
        """
        generator = np.random.default_rng(seed)
        members = [np.flatnonzero(batch == k) for k in range(int(batch.max()) + 1)]
        design = np.hstack([np.eye(len(members))[batch], covariates])
        found: list[tuple[Array, ...]] = []
        for _ in range(_DRAWS_PER_RESAMPLE * n_boot):
            rows = np.concatenate([generator.choice(rows, len(rows)) for rows in members])
            if not is_singular(design[rows]):
                found.append(self._resample(values[rows], batch[rows], covariates[rows]))
            if len(found) == n_boot:
                break
        stacks = [np.array(parts) for parts in zip(*found, strict=True)]
        estimated = np.isfinite(stacks[0]).sum(axis=0) if found else np.zeros(1)
        if len(found) < n_boot or (estimated <= n_boot / 2).any():
            raise Refusal(
                "BOOTSTRAP_FAILED",
                "resampled cohorts lose a level of a covariate or the spread of a feature",
                "leave rare levels and features out, or set n_boot to 0",
            )
        alpha, beta, variance, *effects = (np.nanmean(stack, axis=0) for stack in stacks)
        return LocationScale(alpha, beta, variance), BatchEffects(*effects)

    def _resample(
        self, values: Array, batch: NDArray[np.intp], covariates: Array
    ) -> tuple[Array, ...]:
        """alpha, beta, variance and the four effects; NaN for a feature without estimates."""
        features = values.shape[1]
        model = self.location_scale(values, batch, covariates)
        with warnings.catch_warnings():
            # A batch of missing cells alone: the feature is left out below.
            warnings.simplefilter("ignore", RuntimeWarning)
            spread = np.array(
                [
                    np.nanmax(values[batch == k], axis=0) - np.nanmin(values[batch == k], axis=0)
                    for k in range(int(batch.max()) + 1)
                ]
            )
        varies = (model.variance > 0) & ((spread > 0).all(axis=0) | self.shrinkage.mean_only)
        varies &= np.isfinite(spread).all(axis=0)
        model = model.select(varies)
        arrays = [model.alpha, model.beta, model.variance]
        if varies.any():
            effects = self.effects(values[:, varies], batch, covariates, model)
            arrays += [getattr(effects, field.name) for field in dataclasses.fields(effects)]
        else:
            arrays += [np.zeros((len(spread), 0))] * 4
        return tuple(among_all(array, varies) for array in arrays if features)


def among_all(array: Array, kept: NDArray[np.bool_]) -> Array:
    """Columns of the kept features put among all features, NaN elsewhere."""
    result = np.full((*array.shape[:-1], len(kept)), np.nan)
    result[..., kept] = array
    return result
