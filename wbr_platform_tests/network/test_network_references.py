"""Correlations, shrunk partial correlations and q-values against R, on real organ volumes."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from wbr_platform.network.partial_correlation import (
    benjamini_hochberg,
    shrunk_partial_correlation,
)
from wbr_platform_tests.reference_data import reference_data

pytestmark = pytest.mark.reference

ORGANS = ["spleen", "kidneys", "liver", "lungs", "brain", "heart", "stomach"]


def matrix(name: str) -> np.ndarray:
    frame = pl.read_csv(reference_data("network_ref") / f"{name}.csv")
    assert frame["organ"].to_list() == ORGANS
    return frame.select(ORGANS).to_numpy()


def values() -> np.ndarray:
    path = reference_data("network_ref") / "input_fdg_log_ml.csv"
    return pl.read_csv(path).select(ORGANS).to_numpy()


def test_pearson() -> None:
    np.testing.assert_allclose(
        shrunk_partial_correlation(values()).correlation, matrix("pearson"), atol=1e-12
    )


def test_shrunk_partial_correlation_equals_corpcor() -> None:
    fit = shrunk_partial_correlation(values())
    metrics = json.loads((reference_data("network_ref") / "graph_metrics.json").read_text())
    assert fit.shrinkage == pytest.approx(metrics["shrink_lambda"], abs=1e-12)
    np.testing.assert_allclose(fit.partial, matrix("partial_shrink"), atol=1e-12)


def test_partial_correlation_without_shrinkage() -> None:
    fit = shrunk_partial_correlation(values(), shrinkage=0.0)
    np.testing.assert_allclose(fit.partial, matrix("partial"), atol=1e-12)


def test_benjamini_hochberg_equals_p_adjust() -> None:
    upper = np.triu_indices(len(ORGANS), 1)
    ours = benjamini_hochberg(matrix("pearson_p")[upper])
    np.testing.assert_allclose(ours, matrix("pearson_p_bh")[upper], rtol=1e-12)
