"""Perturbations, their intraclass correlation, and negative controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.radiomics.robustness import (
    DEFAULT_PERTURBATIONS,
    Perturbation,
    intraclass_correlation,
    negative_control,
    perturbed,
    robustness,
)
from wbr_platform_tests.radiomics.helpers import WHOLE_POLICY, as_dict, extract, volume_of

POLICY = replace(
    WHOLE_POLICY, families=("morphology", "statistics", "glcm"), aggregations=("3D_comb",)
)


def case() -> tuple[Volume, LabelMap]:
    """Four balls of different sizes and intensities in a smooth image."""
    generator = np.random.default_rng(4)
    image = ndimage.gaussian_filter(generator.normal(size=(20, 44, 44)), 1.5) * 8 + 3
    labels = np.zeros(image.shape, np.uint8)
    z, y, x = np.indices(image.shape)
    for label, (cy, cx, radius) in enumerate(
        ((11, 11, 4), (11, 32, 6), (32, 11, 7), (32, 32, 8)), 1
    ):
        inside = (z - 10) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
        labels[inside] = label
        image[inside] += 2.0 * label
    volume = volume_of(image.astype(np.float32), (2.0, 2.0, 2.0))
    return volume, LabelMap(labels, volume.geometry, {k: f"ball {k}" for k in (1, 2, 3, 4)})


def test_no_perturbation_changes_nothing() -> None:
    volume, labelmap = case()
    same, mask = perturbed(volume, labelmap.mask(2), Perturbation(), 0)
    np.testing.assert_array_equal(same.array, volume.array)
    np.testing.assert_array_equal(mask, labelmap.mask(2))


@pytest.mark.parametrize("growth", [-0.2, 0.1])
def test_growth_is_what_was_asked_for(growth: float) -> None:
    volume, labelmap = case()
    before = labelmap.mask(3)
    _, mask = perturbed(volume, before, Perturbation(growth=growth), 0)
    assert mask.sum() == round(before.sum() * (1 + growth))
    assert (mask & before).sum() == min(mask.sum(), before.sum())


def test_perturbations_keep_the_region_in_place() -> None:
    volume, labelmap = case()
    before = labelmap.mask(4)
    for perturbation in DEFAULT_PERTURBATIONS:
        _, mask = perturbed(volume, before, perturbation, 1)
        assert 2 * (mask & before).sum() / (mask.sum() + before.sum()) > 0.75, perturbation


def test_icc_of_shrout_and_fleiss() -> None:
    """The example of Shrout and Fleiss (1979): ICC(1, 1) = 0.17."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    agreement = intraclass_correlation(np.array(table, dtype=float))
    assert agreement is not None
    assert agreement.icc == pytest.approx(0.1657, abs=1e-4)
    assert (agreement.lower, agreement.upper) == pytest.approx((-0.1329, 0.7226), abs=1e-3)
    assert intraclass_correlation(np.ones((4, 3))) is None
    assert intraclass_correlation(np.ones((1, 3))) is None


def test_means_and_volumes_are_robust() -> None:
    volume, labelmap = case()
    table = robustness(volume, labelmap, POLICY)
    rows = {row["feature"]: row for row in table.iter_rows(named=True)}
    for feature in ("stat_mean", "morph_volume"):
        assert rows[feature]["regions"] == 4
        assert rows[feature]["lower"] > 0.75
        assert rows[feature]["lower"] <= rows[feature]["icc"] <= rows[feature]["upper"]


def test_shuffling_keeps_the_histogram_and_destroys_texture() -> None:
    volume, labelmap = case()
    before = as_dict(extract(volume, labelmap, POLICY).filter(label=4))
    shuffled = negative_control(volume, labelmap, "shuffled", seed=2)
    after = as_dict(extract(shuffled, labelmap, POLICY).filter(label=4))
    assert after["stat_var"] == pytest.approx(before["stat_var"], rel=1e-6)
    assert float(before["cm_corr_3D_comb"]) > 0.5
    assert abs(float(after["cm_corr_3D_comb"])) < 0.1
    outside = labelmap.array == 0
    np.testing.assert_array_equal(shuffled.array[outside], volume.array[outside])
    sampled = negative_control(volume, labelmap, "sampled", seed=2)
    assert set(sampled.array[labelmap.mask(1)]) <= set(volume.array[labelmap.mask(1)])
