"""Our hull against qhull's, on points of a grid, where most are in a plane with others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull as Qhull
from scipy.spatial.distance import pdist

from wbr_platform.radiomics.morphology.convex_hull import convex_hull, diameter

SCALE = np.array([1.5, 0.5, 2.0])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**20), number=st.integers(5, 400), reach=st.sampled_from([2, 3, 6, 2000])
)
def test_volume_area_and_diameter(seed: int, number: int, reach: int) -> None:
    generator = np.random.default_rng(seed)
    points = np.unique(generator.integers(0, reach, (number, 3)), axis=0)
    assume(np.linalg.matrix_rank(points - points[0]) == 3)
    ours, reference = convex_hull(points, SCALE), Qhull(points * SCALE)
    assert ours.volume == pytest.approx(reference.volume, rel=1e-9)
    assert ours.area == pytest.approx(reference.area, rel=1e-9)
    assert diameter(ours.vertices) == pytest.approx(pdist(points * SCALE).max(), rel=1e-12)


def test_a_cube_of_full_faces() -> None:
    points = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    hull = convex_hull(points, np.ones(3))
    assert (hull.volume, hull.area) == pytest.approx((64.0, 96.0))
    assert diameter(hull.vertices) == pytest.approx(np.sqrt(48.0))
