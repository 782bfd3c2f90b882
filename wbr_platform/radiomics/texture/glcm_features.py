"""Features of the grey level co-occurrence matrix (IBSI LFYI), in the manual's order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

NAMES = (
    "joint_max",
    "joint_avg",
    "joint_var",
    "joint_entr",
    "diff_avg",
    "diff_var",
    "diff_entr",
    "sum_avg",
    "sum_var",
    "sum_entr",
    "energy",
    "contrast",
    "dissimilarity",
    "inv_diff",
    "inv_diff_norm",
    "inv_diff_mom",
    "inv_diff_mom_norm",
    "inv_var",
    "corr",
    "auto_corr",
    "clust_tend",
    "clust_shade",
    "clust_prom",
    "info_corr1",
    "info_corr2",
)


@njit(cache=True, nogil=True)
def _entropy(probabilities: Any) -> float:
    total = 0.0
    for p in probabilities:
        if p > 0.0:
            total -= p * np.log2(p)
    return total


@njit(cache=True, nogil=True)
def _features(counts: Any, out: Any) -> None:
    number = counts.shape[0]
    pairs = 0.0
    for i in range(number):
        for j in range(number):
            pairs += counts[i, j]
    if pairs == 0.0:
        out[:] = np.nan
        return
    marginal, summed, differing = np.zeros(number), np.zeros(2 * number + 1), np.zeros(number)
    highest, energy, entropy, product = 0.0, 0.0, 0.0, 0.0
    for i in range(number):
        for j in range(i + 1):
            count = counts[i, j] + counts[j, i]
            if count == 0:
                continue
            # The symmetric matrix: p_ij = p_ji, each stands for `times` of its elements.
            p = 0.5 * count / pairs
            times = 1.0 if i == j else 2.0
            highest = max(highest, p)
            energy += times * p * p
            entropy -= times * p * np.log2(p)
            product += times * p * (i + 1) * (j + 1)
            marginal[i] += p
            if i != j:
                marginal[j] += p
            summed[i + j + 2] += times * p
            differing[i - j] += times * p
    mean, variance = 0.0, 0.0
    for i in range(number):
        mean += (i + 1) * marginal[i]
    for i in range(number):
        variance += (i + 1 - mean) ** 2 * marginal[i]
    out[:] = 0.0
    for k in range(number):
        p = differing[k]
        out[4] += k * p
        out[11] += k * k * p
        out[13] += p / (1.0 + k)
        out[14] += p / (1.0 + k / number)
        out[15] += p / (1.0 + k * k)
        out[16] += p / (1.0 + (k / number) ** 2)
        if k > 0:
            out[17] += p / (k * k)
    for k in range(2 * number + 1):
        deviation = k - 2.0 * mean
        out[8] += deviation**2 * summed[k]
        out[21] += deviation**3 * summed[k]
        out[22] += deviation**4 * summed[k]
    marginal_entropy = _entropy(marginal)
    out[0], out[1], out[2], out[3] = highest, mean, variance, entropy
    out[5] = max(out[11] - out[4] ** 2, 0.0)
    out[6] = _entropy(differing)
    out[7], out[9], out[10] = 2.0 * mean, _entropy(summed), energy
    out[12], out[19], out[20] = out[4], product, out[8]
    # The marginals being equal, both HXY1 and HXY2 of the manual are twice their entropy.
    gain = max(2.0 * marginal_entropy - entropy, 0.0)
    out[24] = np.sqrt(1.0 - np.exp(-2.0 * gain))
    # One grey level: correlation and its information measure are nought by nought.
    flat = marginal_entropy <= 0.0
    out[18] = np.nan if flat else (product - mean * mean) / variance
    out[23] = np.nan if flat else -gain / marginal_entropy


@njit(cache=True, nogil=True)
def _table(counts: Any) -> Any:
    table = np.empty((counts.shape[0], 25))
    for d in range(counts.shape[0]):
        _features(counts[d], table[d])
    return table


def glcm_features(counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The features (matrix, 25) of matrices of counts (matrix, i, j), each made symmetric.

    NaN where the formula divides nought by nought: a matrix without any pair, or with one level.
    """
    return np.asarray(_table(counts))
