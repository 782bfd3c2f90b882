"""Whether the batches of a feature differ by a shift and a scale alone, as ComBat assumes.

Orlhac et al., J Nucl Med 2022;63:172: where the distributions have another shape in each batch,
ComBat should not be used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbr_platform.harmonization.log_rule import standardise_by_batch

Array = NDArray[np.float64]


def form_difference(
    values: Array, batch: NDArray[np.intp], *, permutations: int = 199, seed: int = 0
) -> tuple[Array, Array]:
    """Largest Kolmogorov-Smirnov distance of a batch to the others once shift and scale are gone.

    ``values`` (patients, features; NaN missing) without covariate effects, ``batch`` (patients,)
    numbers from 0. Returns the distance and its permutation p-value, each (features,); NaN where a
    batch has no spread. Permuted batches are standardised again, as the true ones were.
    """
    standardised = standardise_by_batch(values, batch)
    observed = _distance(standardised, batch)
    exceeded = np.ones(values.shape[1])
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        shuffled = rng.permutation(batch)
        distance = _distance(standardise_by_batch(standardised, shuffled), shuffled)
        exceeded += ~(distance < observed)
    p_value = exceeded / (permutations + 1)
    return observed, np.where(np.isnan(observed), np.nan, p_value)


def _distance(standardised: Array, batch: NDArray[np.intp]) -> Array:
    """Greatest over batches of the distance to the pooled others, shape (features,)."""
    order = np.argsort(standardised, axis=0)  # missing cells last
    present = ~np.isnan(np.take_along_axis(standardised, order, axis=0))
    sorted_batch = batch[order]
    total = present.sum(axis=0)
    everyone = np.cumsum(present, axis=0)
    result = np.zeros(standardised.shape[1])
    for k in range(int(batch.max()) + 1):
        inside = np.cumsum(present & (sorted_batch == k), axis=0)
        size = inside[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.abs(inside / size - (everyone - inside) / (total - size))
        result = np.maximum(result, np.where(present, gap, 0.0).max(axis=0))
        result[(size < 2) | (total - size < 2)] = np.nan
    return result
