"""In which region a mask lies, or which is nearest, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from wbr_platform.imaging.morphology import bounding_box
from wbr_platform.imaging.neighbourhood import Neighbour, overlap_or_nearest

SHAPE, SPACING = (20, 30, 40), (3.0, 2.0, 1.5)


def _find(
    mask: NDArray[np.bool_], regions: NDArray[np.uint8], candidates: tuple[int, ...], limit: float
) -> Neighbour | None:
    box = bounding_box(mask)
    assert box is not None
    return overlap_or_nearest(
        mask.astype(np.uint8), 1, box, regions, candidates, SPACING, limit_mm=limit
    )


def test_the_region_overlapped_most_is_chosen_and_ties_go_to_the_lower_label() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5, 5, 5:10] = True
    regions = np.zeros(SHAPE, dtype=np.uint8)
    regions[5, 5, 5:7], regions[5, 5, 7:10] = 4, 9
    assert _find(mask, regions, (4, 9), 100.0) == Neighbour(9, 0.0, 3)
    assert _find(mask, regions, (4,), 100.0) == Neighbour(4, 0.0, 2)
    regions[5, 5, 9] = 0
    assert _find(mask, regions, (4, 9), 100.0) == Neighbour(4, 0.0, 2)


@pytest.mark.parametrize("seed", range(6))
def test_the_nearest_region_agrees_with_all_distances(seed: int) -> None:
    generator = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(generator.integers(0, SHAPE, (4, 3)).T)] = True
    regions = np.zeros(SHAPE, dtype=np.uint8)
    regions[tuple(generator.integers(0, SHAPE, (12, 3)).T)] = generator.integers(1, 5, 12)
    regions[mask] = 0
    found = _find(mask, regions, (1, 2, 3, 4), 1000.0)
    here = np.argwhere(mask) * SPACING
    least = {
        label: cdist(here, np.argwhere(regions == label) * SPACING).min()
        for label in np.unique(regions)[1:]
    }
    assert found is not None
    assert found.distance_mm == pytest.approx(min(least.values()))
    assert least[found.label] == pytest.approx(found.distance_mm)
    assert found.overlap_voxels == 0


def test_nothing_near_enough_is_none() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[0, 0, 0] = True
    regions = np.zeros(SHAPE, dtype=np.uint8)
    regions[0, 0, 20] = 3
    assert _find(mask, regions, (3,), 29.0) is None
    assert _find(mask, regions, (3,), 31.0) == Neighbour(3, pytest.approx(30.0), 0)
    assert _find(mask, regions, (), 100.0) is None
