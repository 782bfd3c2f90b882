"""PERCIST's reference regions: where they lie, when they are refused, what threshold follows."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.percist import percist_threshold
from wbr_platform.segmentation.reference_regions import aortic_cylinder, liver_sphere
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform_tests.segmentation.scenes import (
    GRID,
    ball,
    flipped,
    label_map,
    pet_with,
    points_of,
)

LIVER = ball(GRID, (-25.0, 0.0, -20.0), 45.0)
X, Y, Z = np.moveaxis(points_of(GRID), -1, 0)
# Ascending part in front, descending part behind; the arch lies at the top.
ASCENDING = (np.hypot(X - 30, Y + 30) < 14) & (Z > 20) & (Z < 80)
DESCENDING = (np.hypot(X - 30, Y - 40) < 12) & (Z > -80) & (Z < 80)
ORGANS = label_map({"liver": LIVER, "aorta": ASCENDING | DESCENDING})
LESION = ball(GRID, (40.0, 70.0, -60.0), 12.0)


def _pet(liver_sd: float = 0.2, seed: int = 0) -> Volume:
    pet = pet_with([(LIVER, 2.2), (ASCENDING | DESCENDING, 1.6), (LESION, 8.0)], background=0.6)
    noise = np.random.default_rng(seed).normal(0, liver_sd, GRID.shape)
    return Volume((pet.array + noise * (pet.array > 1)).astype(np.float32), GRID, "SUVbw")


def test_the_sphere_lies_in_the_right_half_of_the_liver() -> None:
    found = liver_sphere(_pet(), ORGANS)
    mask = found.whole(GRID)
    assert not (mask & ~LIVER).any()
    assert found.centre[0] < -25.0  # LPS: right is negative
    assert mask.sum() * GRID.voxel_volume_ml == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.1)
    assert found.mean == pytest.approx(2.2, abs=0.05)
    assert found.sd == pytest.approx(0.2, abs=0.03)


def test_the_threshold_follows_the_liver() -> None:
    pet = _pet()
    threshold = percist_threshold(pet, ORGANS)
    values = pet.array[liver_sphere(pet, ORGANS).whole(GRID)]
    expected = 1.5 * values.mean() + 2 * values.std(ddof=1)
    assert threshold.suv == pytest.approx(expected, rel=1e-6)
    found = SEGMENTERS["percist"].segment(SegmentationInputs(pet=pet, organs=ORGANS))
    np.testing.assert_array_equal(found.labelmap.array > 0, LESION)


def test_a_lesion_in_the_liver_is_avoided() -> None:
    pet = _pet()
    clean = liver_sphere(pet, ORGANS)
    metastasis = ball(GRID, clean.centre, 9.0)
    with_one = Volume(np.where(metastasis, np.float32(9.0), pet.array), GRID, "SUVbw")
    found = liver_sphere(with_one, ORGANS)
    assert found.tried > 1
    assert not (found.whole(GRID) & metastasis).any()
    assert found.mean == pytest.approx(2.2, abs=0.1)


def test_a_diseased_liver_gives_way_to_the_blood_pool() -> None:
    pet = _pet()
    spots = (np.indices(GRID.shape) // 4).sum(axis=0) % 2 == 0
    diseased = Volume(np.where(LIVER & spots, np.float32(7.0), pet.array), GRID, "SUVbw")
    with pytest.raises(Refusal) as refused:
        liver_sphere(diseased, ORGANS)
    assert refused.value.reason_code == "LIVER_DISEASED"
    threshold = percist_threshold(diseased, ORGANS)
    blood = aortic_cylinder(diseased, ORGANS)
    assert threshold.reference.name == "blood_pool"
    assert threshold.suv == pytest.approx(2 * blood.mean + 2 * blood.sd)
    assert any("LIVER_DISEASED" in note for note in threshold.notes)


def test_the_cylinder_lies_in_the_descending_thoracic_aorta() -> None:
    found = aortic_cylinder(_pet(), ORGANS)
    mask = found.whole(GRID)
    assert not (mask & ~DESCENDING).any()
    assert -60.0 <= found.centre[2] <= 40.0
    assert found.mean == pytest.approx(1.6, abs=0.1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_storage_does_not_matter(axis: int) -> None:
    pet = _pet()
    array, geometry = flipped(pet.array, GRID, axis)
    organs = LabelMap(flipped(ORGANS.array, GRID, axis)[0], geometry, ORGANS.labels)
    turned = Volume(array, geometry, "SUVbw")
    for region in (liver_sphere, aortic_cylinder):
        here, there = region(pet, ORGANS), region(turned, organs)
        np.testing.assert_allclose(here.centre, there.centre, atol=1e-6)
        assert here.mean == pytest.approx(there.mean)


def test_without_liver_and_aorta_percist_is_refused() -> None:
    for organs in (
        None,
        label_map({"spleen": LIVER}),
        label_map({"liver": ball(GRID, (0, 0, 0), 8)}),
    ):
        with pytest.raises(Refusal) as refused:
            SEGMENTERS["percist"].segment(SegmentationInputs(pet=_pet(), organs=organs))
        assert refused.value.reason_code == "NO_REFERENCE_REGION"
