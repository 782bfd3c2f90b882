"""Regions at the edge of what a feature can be: every missing value has its reason."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.radiomics.engine import SCHEMA, extract
from wbr_platform.radiomics.feature_table import feature_names
from wbr_platform.radiomics.policy import PRESETS, FixedBinNumber
from wbr_platform.refusal import Refusal
from wbr_platform_tests.radiomics.helpers import WHOLE_POLICY, as_dict, blob, features, volume_of

SHAPE = (7, 8, 9)


def region_of(*voxels: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


def ramp() -> np.ndarray:
    return np.linspace(0.5, 6.5, math.prod(SHAPE)).reshape(SHAPE).astype(np.float32)


def test_a_single_voxel() -> None:
    found = features(ramp(), region_of((3, 3, 3)))
    assert found["morph_volume"] == pytest.approx(15.0 / 6)  # an octahedron between half voxels
    assert found["morph_vol_approx"] == pytest.approx(15.0)
    assert found["morph_pca_maj_axis"] == "DEGENERATE_SHAPE"
    assert found["morph_moran_i"] == "REGION_TOO_SMALL"
    assert found["stat_mean"] == found["stat_max"] == pytest.approx(float(ramp()[3, 3, 3]))
    assert found["stat_var"] == 0.0
    assert found["stat_skew"] == "FLAT_REGION"
    assert found["cm_joint_max_3D_comb"] == "NO_NEIGHBOURS"
    assert found["ngt_coarseness_3D"] == "NO_NEIGHBOURS"
    assert found["szm_sze_3D"] == found["rlm_sre_3D_avg"] == 1.0


def test_two_voxels_that_touch_by_a_corner() -> None:
    found = features(ramp(), region_of((2, 2, 2), (3, 3, 3)))
    assert found["cm_contrast_3D_comb"] == pytest.approx(
        (math.floor(ramp()[3, 3, 3] / 0.5) - math.floor(ramp()[2, 2, 2] / 0.5)) ** 2
    )
    assert found["cm_contrast_2D_comb"] == "NO_NEIGHBOURS"  # they lie in two slices
    assert found["morph_pca_flatness"] == 0.0  # on a line
    assert found["morph_vol_dens_aee"] == "DEGENERATE_SHAPE"
    distance = math.dist((0, 0, 0), (3.0, 2.0, 2.5))
    assert float(found["morph_diam"]) > distance


def test_a_flat_region() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:5, 2:6, 2:7] = True
    found = features(np.full(SHAPE, 2.0, np.float32), mask)
    assert found["stat_var"] == 0.0
    assert found["cm_joint_max_3D_comb"] == 1.0
    undefined = ("stat_kurt", "ih_skew", "cm_corr_3D_comb", "cm_info_corr1_3D_avg")
    undefined += ("ngt_coarseness_3D", "ngt_busyness_2D", "morph_moran_i", "morph_geary_c")
    for name in undefined:
        assert found[name] == "FLAT_REGION", name
    binned = features(
        np.full(SHAPE, 2.0, np.float32),
        mask,
        replace(
            WHOLE_POLICY, discretisation=FixedBinNumber(8), ivh_discretisation=FixedBinNumber(10)
        ),
    )
    assert binned["ih_max"] == 1.0
    assert binned["ivh_v10"] == "FLAT_REGION"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_an_absent_label_has_a_row_for_every_feature(preset: str) -> None:
    policy = PRESETS[preset]
    volume = volume_of(ramp())
    labelmap = LabelMap(np.zeros(SHAPE, np.uint8), volume.geometry, {3: "spleen"})
    frame = extract(volume, labelmap, policy)
    assert frame.schema == SCHEMA
    assert frame["feature"].to_list() == list(feature_names(policy))
    assert set(frame["reason"]) == {"EMPTY_REGION"}
    assert set(frame["label"]) == {3}


def test_no_label_gives_an_empty_table() -> None:
    volume = volume_of(ramp())
    frame = extract(volume, LabelMap(np.zeros(SHAPE, np.uint8), volume.geometry, {}), WHOLE_POLICY)
    assert frame.height == 0
    assert frame.schema == SCHEMA


def test_small_regions_have_intensities_but_no_texture() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:5, 2:5, 2:5] = True
    found = features(ramp(), mask, replace(WHOLE_POLICY, minimum_texture_voxels=64))
    for name, value in found.items():
        texture = name.startswith(("cm_", "rlm_", "szm_", "dzm_", "ngt_", "ngl_"))
        assert (value == "REGION_TOO_SMALL") == texture, name


def test_resegmentation_that_leaves_nothing() -> None:
    _, mask = blob(SHAPE)
    policy = replace(WHOLE_POLICY, resegmentation_range=(100.0, 200.0))
    assert set(features(ramp(), mask, policy).values()) == {"EMPTY_AFTER_RESEGMENTATION"}


def test_voxels_that_are_no_number() -> None:
    image, mask = blob(SHAPE)
    image[tuple(np.argwhere(mask)[0])] = np.nan
    assert set(features(image, mask).values()) == {"NOT_FINITE_INTENSITY"}


def test_a_unit_that_the_bins_do_not_fit_cannot_exhaust_memory() -> None:
    image, mask = blob(SHAPE)
    found = features(image * np.float32(1e6), mask)
    assert found["cm_contrast_3D_avg"] == found["ih_mean"] == "TOO_MANY_GREY_LEVELS"
    assert found["ivh_v10"] == "TOO_MANY_GREY_LEVELS"
    assert float(found["stat_mean"]) > 1e5


def test_large_boxes_have_no_autocorrelation() -> None:
    image, mask = blob(SHAPE)
    found = features(image, mask, replace(WHOLE_POLICY, autocorrelation_box_voxels=10))
    assert found["morph_geary_c"] == "REGION_TOO_LARGE"


def test_outliers_beyond_three_sigma_leave_the_intensity_mask_only() -> None:
    image = ramp()
    image[3, 3, 3] = 500.0
    mask = np.ones(SHAPE, dtype=bool)
    found = features(image, mask, replace(WHOLE_POLICY, outlier_sigma=3.0))
    assert float(found["stat_max"]) < 7.0
    assert found["morph_vol_approx"] == pytest.approx(mask.sum() * 15.0)


def test_grids_must_be_the_same() -> None:
    volume = volume_of(ramp())
    elsewhere = Geometry(SHAPE, volume.geometry.spacing, (50.0, 0.0, 0.0))
    labelmap = LabelMap(np.ones(SHAPE, np.uint8), elsewhere, {1: "region"})
    with pytest.raises(Refusal, match="GRID_MISMATCH"):
        extract(volume, labelmap, WHOLE_POLICY)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    seed=st.integers(0, 2**20),
    fill=st.floats(0.1, 1.0),
    levels=st.integers(1, 4),
    preset=st.sampled_from(["digital_phantom", "pet_fbs_0.25", "sts_pet", "ibsi_b", "ibsi_e"]),
)
def test_any_region_gives_finite_values_or_reasons(
    shape: tuple[int, int, int], seed: int, fill: float, levels: int, preset: str
) -> None:
    generator = np.random.default_rng(seed)
    image = generator.integers(0, levels, shape).astype(np.float32)
    mask = generator.random(shape) < fill  # up to the border of the image on every side
    policy = replace(PRESETS[preset], minimum_texture_voxels=1)
    volume = volume_of(image, (4.1, 3.0, 2.2))
    labelmap = LabelMap(mask.astype(np.uint8), volume.geometry, {1: "region"})
    found = as_dict(extract(volume, labelmap, policy))
    numbers = [value for value in found.values() if not isinstance(value, str)]
    assert np.isfinite(numbers).all()
    assert bool(numbers) or set(found.values()) <= {"EMPTY_REGION", "EMPTY_AFTER_RESEGMENTATION"}
