"""Interpolation on IBSI's grid against scipy's, and the regions that come of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from wbr_platform.imaging import LabelMap
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.radiomics.interpolation import (
    interpolate,
    linear_taps,
    positions,
    spline_coefficients,
    spline_taps,
)
from wbr_platform.radiomics.policy import PRESETS
from wbr_platform.radiomics.region import Region, policy_grid, regions
from wbr_platform_tests.radiomics.helpers import volume_of

AXES = st.tuples(st.integers(1, 12), st.floats(0.7, 5.0), st.floats(0.7, 5.0))


@settings(max_examples=30, deadline=None)
@given(axes=st.tuples(AXES, AXES, AXES), cubic=st.booleans(), seed=st.integers(0, 99))
def test_values_are_those_of_scipy(
    axes: tuple[tuple[int, float, float], ...], cubic: bool, seed: int
) -> None:
    old = [n for n, _, _ in axes]
    array = np.random.default_rng(seed).normal(size=old)
    at = [positions(n, s, int(np.ceil(n * s / t)), t) for n, s, t in axes]
    taps = [spline_taps(p, n) if cubic else linear_taps(p, n) for p, n in zip(at, old, strict=True)]
    source = spline_coefficients(array) if cubic else array
    ours = interpolate(source, (taps[0], taps[1], taps[2]))
    inside = [np.clip(p, 0, n - 1) for p, n in zip(at, old, strict=True)]
    points = np.stack(np.meshgrid(*inside, indexing="ij"))
    theirs = ndimage.map_coordinates(array, points, order=3 if cubic else 1, mode="mirror")
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_weights_sum_to_one() -> None:
    at = positions(9, 3.27, 15, 2.0)
    for taps in (linear_taps(at, 9), spline_taps(at, 9)):
        np.testing.assert_allclose(taps.weights.sum(axis=1), 1.0)
        assert taps.indices.min() >= 0
        assert taps.indices.max() <= 8


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (4.0, 4.0, 4.0), (None, 1.5, 1.5)])
def test_masks_are_those_of_the_platforms_rule(spacing: tuple[float | None, ...]) -> None:
    generator = np.random.default_rng(2)
    mask = ndimage.gaussian_filter(generator.normal(size=(12, 14, 16)), 1.5) > 0.02
    volume = volume_of(generator.normal(size=mask.shape).astype(np.float32))
    labelmap = LabelMap(mask.astype(np.uint8), volume.geometry, {1: "region"})
    policy = replace(PRESETS["ibsi_c"], spacing=spacing, resegmentation_range=None)
    (_, _, region), *_ = regions(volume, labelmap, policy)
    assert isinstance(region, Region)
    expected = resample_labels(labelmap, policy_grid(volume.geometry, policy)).array > 0
    assert region.morphological_mask.sum() == expected.sum()
    inner = ndimage.find_objects(expected.astype(np.uint8))[0]
    outer = ndimage.find_objects(region.morphological_mask.astype(np.uint8))[0]
    np.testing.assert_array_equal(region.morphological_mask[outer], expected[inner])


@pytest.mark.parametrize("interpolator", ["linear", "spline"])
def test_a_window_of_the_image_has_the_values_of_the_whole(interpolator: str) -> None:
    generator = np.random.default_rng(4)
    volume = volume_of(generator.normal(size=(60, 20, 22)).astype(np.float32) + 5)
    labels = np.zeros((60, 20, 22), dtype=np.uint8)
    labels[28:34, 8:13, 8:13] = 1
    policy = replace(PRESETS["sts_pet"], spacing=(2.0, 2.0, 2.0), image_interpolator=interpolator)
    small = LabelMap(labels, volume.geometry, {1: "small"})
    everything = np.full_like(labels, 2)
    everything[labels == 1] = 1
    both = LabelMap(everything, volume.geometry, {1: "small", 2: "rest"})
    alone = next(regions(volume, small, policy))[2]
    in_company = next(regions(volume, both, policy))[2]
    assert isinstance(alone, Region)
    assert isinstance(in_company, Region)
    np.testing.assert_allclose(alone.intensities, in_company.intensities, atol=1e-6)
    np.testing.assert_allclose(alone.image, in_company.image, atol=1e-6)
