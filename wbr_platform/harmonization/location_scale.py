"""The location and scale model of ComBat by least squares, with missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.harmonization.design import is_singular

Array = NDArray[np.float64]
MissingVariance = Literal["fortin", "sva"]


@dataclass(frozen=True)
class LocationScale:
    """Pooled estimates: ``alpha`` (features,), ``beta`` (covariates, features), ``variance``.

    A feature whose design is singular once its missing cells are left out has NaN everywhere.
    """

    alpha: Array
    beta: Array
    variance: Array

    def expected(self, covariates: Array) -> Array:
        """Value expected of each patient in the mean batch, shape (patients, features)."""
        return np.asarray(self.alpha + covariates @ self.beta)

    def select(self, features: NDArray[np.bool_]) -> LocationScale:
        """The estimates of some of the features."""
        return LocationScale(self.alpha[features], self.beta[:, features], self.variance[features])


def fit_location_scale(
    values: Array,
    batch: NDArray[np.intp],
    covariates: Array,
    reference: int | None,
    missing_variance: MissingVariance,
) -> LocationScale:
    """Least squares of ``values`` (patients, features; NaN missing) on batches and covariates.

    ``alpha`` is the mean of the batch means weighted by patients, or the mean of the reference
    batch; the variance is the mean squared residual (of the reference batch where there is one).
    """
    counts = np.bincount(batch)
    indicators = np.eye(len(counts))[batch]
    design = np.hstack([indicators, covariates])
    coefficients = least_squares(design, values)
    batch_means, beta = coefficients[: len(counts)], coefficients[len(counts) :]
    alpha = (counts / counts.sum()) @ batch_means if reference is None else batch_means[reference]
    residuals = values - design @ coefficients
    if reference is not None:
        residuals = residuals[batch == reference]
    present = ~np.isnan(values if reference is None else values[batch == reference])
    count = present.sum(axis=0)
    squares = np.where(present, residuals**2, 0.0).sum(axis=0)
    # sva divides by one less as soon as any cell of the table is missing, Fortin never does.
    unbiased = missing_variance == "sva" and bool(np.isnan(values).any())
    return LocationScale(alpha, beta, squares / (count - 1 if unbiased else count))


def least_squares(design: Array, values: Array) -> Array:
    """Coefficients (columns, features), each feature over its own complete rows.

    Features that miss the same cells share one factorisation.
    """
    coefficients = np.full((design.shape[1], values.shape[1]), np.nan)
    for rows, features in missing_patterns(values):
        if not is_singular(design[rows]):
            solution = np.linalg.lstsq(design[rows], values[np.ix_(rows, features)], rcond=None)
            coefficients[:, features] = solution[0]
    return coefficients


def missing_patterns(values: Array) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """For each pattern of missing cells: the complete rows (patients,) and the features with it."""
    missing = np.isnan(values)
    features_of: dict[bytes, list[int]] = {}
    for feature, pattern in enumerate(np.packbits(missing, axis=0).T.copy()):
        features_of.setdefault(pattern.tobytes(), []).append(feature)
    for features in features_of.values():
        yield ~missing[:, features[0]], np.array(features)
