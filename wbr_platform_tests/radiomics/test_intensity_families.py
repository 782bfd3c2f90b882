"""Statistics, histogram and intensity-volume histogram against numpy, scipy and small examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wbr_platform.radiomics.discretisation import grey_levels
from wbr_platform.radiomics.histogram import histogram_features
from wbr_platform.radiomics.policy import PRESETS, FixedBinNumber, FixedBinSize
from wbr_platform.radiomics.statistics import intensity_statistics
from wbr_platform.radiomics.volume_histogram import volume_histogram_features

POLICY = PRESETS["pet_fbs_0.25"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), number=st.integers(3, 200))
def test_statistics(seed: int, number: int) -> None:
    x = np.random.default_rng(seed).gamma(2.0, 1.5, number)
    found = intensity_statistics(x)
    low, quarter, median, three, high = np.percentile(x, [10, 25, 50, 75, 90])
    inner = x[(x >= low) & (x <= high)]
    expected = {
        "mean": x.mean(),
        "var": x.var(),
        "skew": stats.skew(x),
        "kurt": stats.kurtosis(x),
        "median": median,
        "p10": low,
        "p90": high,
        "min": x.min(),
        "max": x.max(),
        "range": np.ptp(x),
        "iqr": three - quarter,
        "mad": np.abs(x - x.mean()).mean(),
        "rmad": np.abs(inner - inner.mean()).mean(),
        "medad": np.abs(x - median).mean(),
        "cov": x.std() / x.mean(),
        "qcod": (three - quarter) / (three + quarter),
        "energy": (x**2).sum(),
        "rms": np.sqrt((x**2).mean()),
    }
    assert found.keys() == {f"stat_{name}" for name in expected}
    for name, value in expected.items():
        assert found[f"stat_{name}"] == pytest.approx(value, rel=1e-9), name


def test_a_mean_of_nought_has_no_coefficient_of_variation() -> None:
    found = intensity_statistics(np.array([-2.0, -1.0, 1.0, 2.0]))
    assert found["stat_cov"] == found["stat_qcod"] == "ZERO_DENOMINATOR"


def test_the_mode_is_the_nearest_to_the_mean_then_the_lower() -> None:
    assert histogram_features(np.array([1, 1, 5, 5, 6]))["ih_mode"] == 5
    assert histogram_features(np.array([2, 2, 4, 4]))["ih_mode"] == 2


def test_histogram_gradients() -> None:
    found = histogram_features(np.repeat([1, 2, 3, 4], [2, 10, 4, 1]))
    assert found["ih_max_grad"] == 8  # from 2 to 10 at the edge
    assert found["ih_max_grad_g"] == 1
    assert found["ih_min_grad"] == -4.5
    assert found["ih_min_grad_g"] == 3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), bins=st.integers(1, 64))
def test_fixed_bin_numbers_span_the_region(seed: int, bins: int) -> None:
    x = np.random.default_rng(seed).normal(size=50)
    levels = grey_levels(x, FixedBinNumber(bins), POLICY)
    assert levels.min() == 1
    assert levels.max() == bins
    assert (np.diff(levels[np.argsort(x)]) >= 0).all()


def test_fixed_bin_sizes_begin_where_they_should() -> None:
    x = np.array([-0.1, 0.0, 0.24, 0.25, 1.0])
    np.testing.assert_array_equal(grey_levels(x, FixedBinSize(0.25, 0.0), POLICY), [1, 1, 1, 2, 5])
    ranged = replace(POLICY, resegmentation_range=(-1.0, 2.0))
    np.testing.assert_array_equal(grey_levels(x, FixedBinSize(0.25), ranged), [4, 5, 5, 6, 9])
    assert grey_levels(x, FixedBinSize(0.25), POLICY).min() == 1


def test_the_volume_histogram_of_a_uniform_region() -> None:
    x = np.linspace(0.05, 9.95, 100)  # one voxel in each bin of 0.1
    found = volume_histogram_features(x, POLICY)
    assert found["ivh_v10"] == pytest.approx(0.9)
    assert found["ivh_v90"] == pytest.approx(0.1)
    assert found["ivh_i10"] == pytest.approx(9.05)
    assert found["ivh_i90"] == pytest.approx(1.05)
    assert found["ivh_diff_i10_i90"] == pytest.approx(8.0)
    assert found["ivh_auc"] == pytest.approx(0.505, abs=1e-3)
