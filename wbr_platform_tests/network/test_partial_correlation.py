"""Shrunk partial correlation: what its p-values mean under no association."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from wbr_platform.network.partial_correlation import (
    benjamini_hochberg,
    effective_degrees_of_freedom,
    partial_correlation_p_values,
    shrunk_partial_correlation,
)

COHORTS = 30


def rejections(covariance: np.ndarray, missing: np.ndarray, patients: int, seed: int) -> float:
    """Share of p < 0.05 among the edges that are missing, over simulated cohorts.

    Cohorts that are shrunk fully have p = 1 everywhere and are not counted.
    """
    rng = np.random.default_rng(seed)
    nodes = len(covariance)
    root = np.linalg.cholesky(covariance)
    share: list[float] = []
    while len(share) < COHORTS:
        fit = shrunk_partial_correlation(rng.standard_normal((patients, nodes)) @ root.T)
        if fit.shrinkage >= 1:
            continue
        degrees = effective_degrees_of_freedom(patients, nodes, fit.shrinkage)
        p_values = partial_correlation_p_values(fit.partial[missing], fit.shrinkage, degrees)
        share.append((p_values < 0.05).mean())
    return float(np.mean(share))


@pytest.mark.parametrize("patients", [15, 60])
def test_independent_organs_are_rejected_at_the_nominal_rate(patients: int) -> None:
    """Also with fewer patients than organs. Standard error of 30 cohorts: about 0.004."""
    missing = np.triu(np.ones((20, 20), bool), 1)
    assert rejections(np.eye(20), missing, patients, seed=11) == pytest.approx(0.055, abs=0.012)


def test_missing_edges_between_connected_organs_are_not_rejected_too_often() -> None:
    module = np.arange(20) // 5
    covariance = np.where(module[:, None] == module, 0.5, 0.0)
    np.fill_diagonal(covariance, 1.0)
    missing = np.triu(module[:, None] != module, 1)
    assert rejections(covariance, missing, 60, seed=12) < 0.05


def test_a_true_edge_is_found() -> None:
    rng = np.random.default_rng(13)
    values = rng.standard_normal((120, 10))
    values[:, 1] += values[:, 0]
    fit = shrunk_partial_correlation(values)
    degrees = effective_degrees_of_freedom(120, 10, fit.shrinkage)
    p_values = partial_correlation_p_values(fit.partial, fit.shrinkage, degrees)
    assert p_values[0, 1] < 1e-6


def test_degrees_of_freedom_without_shrinkage_are_the_known_ones() -> None:
    """κ = patients - 1 - (nodes - 2); the simulation knows it to about 1 %."""
    assert effective_degrees_of_freedom(60, 20, 0.0) == pytest.approx(41, rel=0.03)


def test_full_shrinkage_says_nothing() -> None:
    assert partial_correlation_p_values(np.zeros(3), 1.0, 10.0).tolist() == [1.0, 1.0, 1.0]


def test_unit_and_offset_do_not_matter() -> None:
    values = np.random.default_rng(14).standard_normal((30, 6))
    other = shrunk_partial_correlation(values * np.logspace(-3, 3, 6) + 5)
    np.testing.assert_allclose(other.partial, shrunk_partial_correlation(values).partial, atol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_is_that_of_scipy(p_values: list[float]) -> None:
    np.testing.assert_allclose(
        benjamini_hochberg(np.array(p_values)), false_discovery_control(p_values), atol=1e-12
    )


def test_benjamini_hochberg_of_nothing() -> None:
    assert benjamini_hochberg(np.empty(0)).size == 0
