"""Moran's I and Geary's C against the double sum over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from wbr_platform.radiomics.morphology.autocorrelation import autocorrelation_features

SPACING = (3.0, 1.5, 2.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20), shape=st.tuples(*[st.integers(1, 7)] * 3))
def test_both_equal_their_definition(seed: int, shape: tuple[int, int, int]) -> None:
    generator = np.random.default_rng(seed)
    mask = generator.random(shape) < 0.7
    image = generator.normal(10, 3, shape)
    found = autocorrelation_features(image, mask, SPACING, 10**6)
    if mask.sum() < 2:
        assert set(found.values()) == {"REGION_TOO_SMALL"}
        return
    distance = squareform(pdist(np.argwhere(mask) * np.array(SPACING)))
    np.fill_diagonal(distance, np.inf)
    weights, x = 1 / distance, image[mask]
    deviation, number = x - x.mean(), len(x)
    moran = number / weights.sum() * (deviation @ weights @ deviation) / (deviation**2).sum()
    geary = weights * (x[:, None] - x[None, :]) ** 2
    geary_c = (number - 1) / (2 * weights.sum()) * geary.sum() / (deviation**2).sum()
    assert found["morph_moran_i"] == pytest.approx(moran, rel=1e-9, abs=1e-9)
    assert found["morph_geary_c"] == pytest.approx(geary_c, rel=1e-9)
