"""What must not change a feature: where a region lies, its label, its neighbours, its mirror."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.imaging import LabelMap
from wbr_platform.radiomics.engine import extract, extract_policies
from wbr_platform.radiomics.policy import PRESETS, FixedBinNumber, FixedBinSize
from wbr_platform_tests.radiomics.helpers import (
    WHOLE_POLICY,
    as_dict,
    assert_same,
    blob,
    features,
    volume_of,
)

SEEDS = st.integers(min_value=0, max_value=2**20)
# The peak looks beyond the region, at voxels which moving or cropping replaces.
PEAKS = ("loc_peak_loc", "loc_peak_glob")


def without_peaks(found: dict[str, float | str]) -> dict[str, float | str]:
    return {name: value for name, value in found.items() if name not in PEAKS}


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, shift=st.tuples(*[st.integers(0, 5)] * 3))
def test_translation_changes_nothing(seed: int, shift: tuple[int, int, int]) -> None:
    image, mask = blob(seed=seed)
    pads = [(n, 5 - n) for n in shift]
    moved_image, moved_mask = np.pad(image, pads, mode="edge"), np.pad(mask, pads)
    moved = features(moved_image, moved_mask)
    assert_same(without_peaks(features(image, mask)), without_peaks(moved))


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, fill=st.floats(0.05, 0.95))
def test_cropping_to_the_border_changes_nothing(seed: int, fill: float) -> None:
    image, mask = blob(seed=seed, fill=fill)
    inside = (slice(1, -1),) * 3
    if mask.any():
        assert_same(
            without_peaks(features(image, mask)),
            without_peaks(features(image[inside], mask[inside])),
        )


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, axis=st.integers(0, 2))
def test_a_mirror_image_has_the_same_features(seed: int, axis: int) -> None:
    image, mask = blob(seed=seed)
    assert_same(features(image, mask), features(np.flip(image, axis), np.flip(mask, axis)))


def test_features_in_3d_do_not_know_the_order_of_the_axes() -> None:
    image, mask = blob(seed=3)
    policy = PRESETS["digital_phantom"]
    same = (2.0, 2.0, 2.0)
    first = features(image, mask, policy, same)
    second = features(image.transpose(2, 0, 1), mask.transpose(2, 0, 1), policy, same)
    in_3d = [name for name in first if "_2" not in name.split("_", 1)[1]]
    assert len(in_3d) > 150
    assert_same({n: first[n] for n in in_3d}, {n: second[n] for n in in_3d})


@pytest.mark.parametrize("preset", ["pet_fbs_0.25", "ct_fbs_25"])
def test_regions_do_not_depend_on_labels_or_on_each_other(preset: str) -> None:
    generator = np.random.default_rng(1)
    image = (generator.random((14, 15, 16)) * 5).astype(np.float32)
    labels = np.zeros(image.shape, dtype=np.int16)
    labels[2:9, 2:9, 2:8] = 4
    labels[2:9, 9:14, 3:12] = 7
    labels[9:12, 3:12, 3:12] = 2
    volume = volume_of(image)
    names = {2: "spleen", 4: "liver", 7: "lesion"}
    together = extract(volume, LabelMap(labels, volume.geometry, names), PRESETS[preset])
    assert together["region"].unique(maintain_order=True).to_list() == ["spleen", "liver", "lesion"]
    for label, name in names.items():
        renamed = np.where(labels == label, 1, 0).astype(np.uint8)
        alone = extract(volume, LabelMap(renamed, volume.geometry, {1: name}), PRESETS[preset])
        in_company = together.filter(together["region"] == name)
        # The spline and the window differ by rounding at most; linear resampling not at all.
        assert_same(as_dict(in_company), as_dict(alone))


def test_the_same_call_twice_gives_the_same_bits() -> None:
    image, mask = blob(seed=9)
    assert features(image, mask) == features(image, mask)


def test_volumes_by_voxels_add_up() -> None:
    image, mask = blob(seed=5)
    upper = mask.copy()
    upper[:4] = False
    lower = mask & ~upper
    whole, parts = features(image, mask), [features(image, part) for part in (upper, lower)]
    total = sum(float(part["morph_vol_approx"]) for part in parts)
    assert total == pytest.approx(float(whole["morph_vol_approx"]))
    energy = sum(float(part["stat_energy"]) for part in parts)
    assert energy == pytest.approx(float(whole["stat_energy"]))


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, factor=st.floats(0.25, 8))
def test_scaling_intensities_and_bins_together_keeps_textures(seed: int, factor: float) -> None:
    image, mask = blob(seed=seed)
    levels = np.round(image * 2) / 2 + np.float32(0.25)  # amid the bins of 0.5
    scaled_policy = replace(WHOLE_POLICY, discretisation=FixedBinSize(0.5 * factor, origin=0.0))
    first = features(levels, mask)
    second = features(levels * np.float32(factor), mask, scaled_policy)
    textures = [n for n in first if n.startswith(("cm_", "rlm_", "szm_", "dzm_", "ngt_", "ngl_"))]
    assert_same({n: first[n] for n in textures}, {n: second[n] for n in textures})


def test_threads_change_nothing() -> None:
    image, _ = blob((12, 13, 14), seed=5)
    labels = np.random.default_rng(1).integers(0, 6, image.shape).astype(np.uint8)
    volume = volume_of(image)
    labelmap = LabelMap(labels, volume.geometry, {k: f"region {k}" for k in (5, 3, 1, 2, 4, 9)})
    alone = extract(volume, labelmap, WHOLE_POLICY)
    assert alone["label"].unique(maintain_order=True).to_list() == [1, 2, 3, 4, 5, 9]
    assert extract(volume, labelmap, WHOLE_POLICY, threads=3).equals(alone)


def test_several_policies_in_one_run_give_what_each_gives_alone() -> None:
    image, mask = blob(seed=6)
    volume = volume_of(image)
    labelmap = LabelMap(mask.astype(np.uint8), volume.geometry, {1: "region"})
    policies = (
        WHOLE_POLICY,
        replace(WHOLE_POLICY, name="bins", discretisation=FixedBinNumber(16)),
        replace(WHOLE_POLICY, name="resampled", spacing=(2.0, 2.0, 2.0)),
        replace(WHOLE_POLICY, name="no moran", autocorrelation_box_voxels=1),
    )
    found = extract_policies(volume, labelmap, policies)
    assert list(found) == [policy.name for policy in policies]
    for policy in policies:
        assert found[policy.name].equals(extract(volume, labelmap, policy)), policy.name
    with pytest.raises(ValueError, match="same name"):
        extract_policies(volume, labelmap, (WHOLE_POLICY, WHOLE_POLICY))
