"""Policies: serialised without loss, hashed by their parameters, refused when senseless."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from wbr_platform.radiomics.feature_table import FEATURES_BY_NAME, NOT_COMPUTED, feature_names
from wbr_platform.radiomics.policy import PRESETS, FixedBinNumber, FixedBinSize, Policy


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_json_gives_the_same_policy(name: str) -> None:
    policy = PRESETS[name]
    assert policy.name == name
    again = Policy.from_json(policy.to_json())
    assert again == policy
    assert again.policy_hash == policy.policy_hash


def test_every_parameter_changes_the_hash_and_the_name_does_not() -> None:
    policy = PRESETS["pet_fbs_0.25"]
    changed = {
        "discretisation": FixedBinSize(0.5, origin=0.0),
        "spacing": (3.0, 3.0, 3.0),
        "image_interpolator": "spline",
        "mask_threshold": 0.4,
        "round_intensities": True,
        "resegmentation_range": (0.0, 20.0),
        "outlier_sigma": 3.0,
        "ivh_discretisation": None,
        "families": ("statistics",),
        "aggregations": ("3D_comb",),
        "glcm_distance": 2,
        "neighbourhood_distance": 2,
        "ngldm_coarseness": 1.0,
        "minimum_texture_voxels": 1,
        "autocorrelation_box_voxels": 7,
        "maximum_grey_levels": 99,
    }
    assert changed.keys() == {field.name for field in fields(Policy)} - {"name"}
    hashes = {replace(policy, **{key: value}).policy_hash for key, value in changed.items()}
    assert len(hashes - {policy.policy_hash}) == len(changed)
    assert replace(policy, name="other").policy_hash == policy.policy_hash


def test_presets_differ() -> None:
    assert len({policy.policy_hash for policy in PRESETS.values()}) == len(PRESETS)


@pytest.mark.parametrize(
    "change",
    [
        {"families": ("colour",)},
        {"aggregations": ("4D",)},
        {"spacing": (0.0, 1.0, 1.0)},
        {"mask_threshold": 0.0},
        {"discretisation": FixedBinSize(0.0)},
        {"ivh_discretisation": FixedBinNumber(0)},
        {"glcm_distance": 0},
    ],
)
def test_senseless_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        replace(PRESETS["ibsi_c"], **change)  # type: ignore[arg-type]


def test_feature_names_follow_families_and_aggregations() -> None:
    policy = replace(PRESETS["ibsi_c"], families=("statistics", "glcm"), aggregations=("3D_comb",))
    names = feature_names(policy)
    assert len(names) == 18 + 25
    assert {FEATURES_BY_NAME[name].aggregation for name in names} == {"", "3D_comb"}


def test_the_manuals_configurations_compute_all_that_is_standardised() -> None:
    presets = ("digital_phantom", "ibsi_a", "ibsi_c")
    computed = {feature for name in presets for feature in feature_names(PRESETS[name])}
    of_ibsi = {name for name, feature in FEATURES_BY_NAME.items() if feature.ibsi_code}
    assert computed == of_ibsi - NOT_COMPUTED
    everything = {feature for policy in PRESETS.values() for feature in feature_names(policy)}
    assert everything == set(FEATURES_BY_NAME) - NOT_COMPUTED
    assert not any(FEATURES_BY_NAME[name].standardised for name in NOT_COMPUTED)
