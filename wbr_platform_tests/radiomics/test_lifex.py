"""What LIFEx adds to IBSI's features."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wbr_platform.radiomics.policy import PRESETS
from wbr_platform_tests.radiomics.helpers import features

POLICY = replace(PRESETS["pet_lifex"], minimum_texture_voxels=1)


def ball() -> tuple[np.ndarray, np.ndarray]:
    z, y, x = np.ogrid[-8:9, -8:9, -8:9]
    mask = z * z + y * y + x * x <= 36
    image = np.full(mask.shape, 3.0, np.float32)
    return image, mask


@pytest.mark.parametrize(("at", "nhoc", "nhop"), [(0, 0.0, 1.0), (3, 0.5, 0.5), (6, 1.0, 0.0)])
def test_where_the_hottest_voxel_lies(at: int, nhoc: float, nhop: float) -> None:
    image, mask = ball()
    image[8, 8, 8 + at] = 9.0
    found = features(image, mask, POLICY, spacing=(2.0, 2.0, 2.0))
    assert found["lifex_nhoc"] == pytest.approx(nhoc, abs=0.04)
    assert found["lifex_nhop"] == pytest.approx(nhop, abs=1 / 6)  # up to a voxel


def test_size_and_entropies() -> None:
    image, mask = ball()
    image += np.random.default_rng(3).random(image.shape, dtype=np.float32) * 25
    found = features(image, mask, POLICY, spacing=(2.0, 2.0, 2.0))
    assert found["lifex_voxel_count"] == mask.sum()
    assert found["lifex_sphere_radius"] == pytest.approx(12.0, rel=0.01)
    assert found["lifex_tlg"] == pytest.approx(
        float(found["stat_mean"]) * float(found["morph_vol_approx"]) / 1000
    )
    assert found["lifex_auc_civh"] == pytest.approx(
        float(found["stat_mean"]) / float(found["stat_max"])
    )
    for ours, bits in (
        ("lifex_entropy_log10", "ih_entropy"),
        ("lifex_joint_entropy_log10", "cm_joint_entr_3D_avg"),
    ):
        assert found[ours] == pytest.approx(float(found[bits]) * math.log10(2))
    # 64 levels up to 20 SUV, and the hotter voxels in the last.
    assert found["ih_max"] == 64.0
