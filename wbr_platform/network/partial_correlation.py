"""Shrunk partial correlations and what they mean under no association."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[np.float64]

# Simulations behind an effective number of degrees of freedom; its error is then 1-2 %.
_SIMULATED_EDGES = 40_000
_SIMULATIONS = (300, 4000)


@dataclass(frozen=True)
class PartialCorrelation:
    """Correlation and partial correlation (nodes, nodes) with the shrinkage intensity."""

    correlation: Array
    partial: Array
    shrinkage: float


def shrinkage_intensity(standardised: Array) -> float:
    """Schäfer-Strimmer intensity for the correlation matrix, in 0..1.

    ``standardised`` (patients, nodes) has mean 0 and unbiased variance 1. Schäfer and Strimmer,
    Stat Appl Genet Mol Biol 2005;4:32; the same as ``corpcor::cor.shrink``.
    """
    patients, nodes = standardised.shape
    upper = np.triu_indices(nodes, 1)
    products = standardised.T @ standardised
    squares = (standardised**2).T @ standardised**2
    variance = patients / (patients - 1) ** 3 * (squares - products**2 / patients)
    correlation = products / (patients - 1)
    signal = float((correlation[upper] ** 2).sum())
    if signal == 0:
        return 1.0
    return float(np.clip(variance[upper].sum() / signal, 0, 1))


def shrunk_partial_correlation(values: Array, shrinkage: float | None = None) -> PartialCorrelation:
    """Partial correlations of ``values`` (patients, nodes; no missing cell, no constant column).

    The correlation matrix R is shrunk to (1-λ)R + λI before its inverse is taken, so that it can be
    taken with fewer patients than nodes. λ is estimated unless ``shrinkage`` gives it.
    """
    centred = values - values.mean(axis=0)
    standardised = centred / centred.std(axis=0, ddof=1)
    correlation = standardised.T @ standardised / (len(values) - 1)
    np.fill_diagonal(correlation, 1.0)
    intensity = shrinkage_intensity(standardised) if shrinkage is None else shrinkage
    shrunk = (1 - intensity) * correlation + intensity * np.eye(len(correlation))
    precision = np.linalg.inv(shrunk)
    scale = np.sqrt(np.diag(precision))
    partial = -precision / np.outer(scale, scale)
    partial = (partial + partial.T) / 2
    np.fill_diagonal(partial, 1.0)
    return PartialCorrelation(correlation, partial, intensity)


def effective_degrees_of_freedom(
    patients: int, nodes: int, shrinkage: float, seed: int = 0
) -> float:
    """Degrees of freedom κ of a shrunk partial correlation between independent nodes.

    Divided by 1-λ it follows the law of a correlation, density proportional to
    (1-r²)^((κ-3)/2), whose variance is 1/κ (Bernal et al., Bioinformatics 2019;35:5011); κ is
    found from simulated independent nodes. Without shrinkage κ = patients - nodes + 1; with full
    shrinkage nothing is left, κ = 0.
    """
    if shrinkage >= 1:
        return 0.0
    rng = np.random.default_rng(seed)
    upper = np.triu_indices(nodes, 1)
    variances = []
    for _ in range(int(np.clip(_SIMULATED_EDGES // len(upper[0]), *_SIMULATIONS))):
        fit = shrunk_partial_correlation(rng.standard_normal((patients, nodes)), shrinkage)
        variances.append((fit.partial[upper] ** 2).mean())
    return float((1 - shrinkage) ** 2 / np.mean(variances))


def partial_correlation_p_values(
    partial: Array, shrinkage: float, degrees_of_freedom: float
) -> Array:
    """Two-sided p of ``partial`` by Fisher's z with κ-2 for the number of degrees of freedom.

    An approximation: right when no node is associated with another (5 % tests reject 5-6 %, also
    with fewer patients than nodes); conservative for a missing edge between nodes that have others,
    of which the shrinkage is estimated (they reject 0.4-4 % in simulations of 20-400 patients).
    """
    if shrinkage >= 1 or degrees_of_freedom <= 2:
        return np.ones_like(partial)
    rescaled = np.clip(partial / (1 - shrinkage), -1 + 1e-12, 1 - 1e-12)
    return np.asarray(2 * norm.sf(np.abs(np.arctanh(rescaled)) * np.sqrt(degrees_of_freedom - 2)))


def benjamini_hochberg(p_values: Array) -> Array:
    """Adjusted p-values (q) of a family; the same as ``p.adjust(method = "BH")`` in R."""
    count = len(p_values)
    if count == 0:
        return np.empty(0)
    order = np.argsort(p_values)[::-1]
    adjusted = np.minimum.accumulate(p_values[order] * count / np.arange(count, 0, -1))
    result = np.empty(count)
    result[order] = np.minimum(adjusted, 1.0)
    return result
