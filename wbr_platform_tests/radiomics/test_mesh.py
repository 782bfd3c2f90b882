"""The surface mesh: closed, without preference for a direction, near the true body."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import eval_legendre
from skimage.measure import marching_cubes, mesh_surface_area

from wbr_platform.radiomics.morphology.ellipsoid import ellipsoid_area, ellipsoid_volume
from wbr_platform.radiomics.morphology.mesh import surface_mesh

SPACING = (3.0, 1.5, 2.0)


def random_mask(seed: int, fill: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mask = np.zeros((8, 9, 10), dtype=bool)
    mask[1:-1, 1:-1, 1:-1] = generator.random((6, 7, 8)) < fill
    mask[4, 4, 4] = True
    return mask


def ellipsoid(semi_axes: tuple[float, float, float]) -> np.ndarray:
    reach = [int(np.ceil(a / s)) + 2 for a, s in zip(semi_axes, SPACING, strict=True)]
    grid = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    parts = zip(grid, SPACING, semi_axes, strict=True)
    return sum((axis * s / a) ** 2 for axis, s, a in parts) <= 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), fill=st.floats(0.05, 0.95), shift=st.integers(1, 40))
def test_the_mesh_is_closed(seed: int, fill: float, shift: int) -> None:
    """Only a closed surface encloses the same volume wherever it lies."""
    mask = random_mask(seed, fill)
    here = surface_mesh(mask, SPACING)
    there = surface_mesh(np.pad(mask, ((shift, 0), (0, 0), (0, 0))), SPACING)
    assert there.volume == pytest.approx(here.volume, rel=1e-9)
    assert there.area == pytest.approx(here.area, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), fill=st.floats(0.05, 0.95))
def test_no_direction_is_preferred(seed: int, fill: float) -> None:
    mask = random_mask(seed, fill)
    mesh = surface_mesh(mask, SPACING)
    for axis in range(3):
        mirrored = surface_mesh(np.flip(mask, axis), SPACING)
        assert mirrored.volume == pytest.approx(mesh.volume, rel=1e-9)
        assert mirrored.area == pytest.approx(mesh.area, rel=1e-9)


def test_an_ellipsoid_is_near_the_mesh_of_another_implementation() -> None:
    mask = ellipsoid((26.0, 18.0, 21.0))
    mesh = surface_mesh(mask, SPACING)
    vertices, faces, _, _ = marching_cubes(mask.astype(np.float32), 0.5, spacing=SPACING)
    assert mesh.area == pytest.approx(mesh_surface_area(vertices, faces), rel=2e-3)
    assert mesh.volume == pytest.approx(ellipsoid_volume(26.0, 21.0, 18.0), rel=0.01)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20), fill=st.floats(0.02, 0.9))
def test_the_candidates_hold_the_whole_hull(seed: int, fill: float) -> None:
    mask = random_mask(seed, fill)
    candidates = surface_mesh(mask, SPACING).hull_candidates * (np.asarray(SPACING) / 2)
    vertices, _, _, _ = marching_cubes(mask.astype(np.float32), 0.5, spacing=SPACING)
    every, ours = ConvexHull(vertices.astype(np.float64)), ConvexHull(candidates)
    assert ours.volume == pytest.approx(every.volume, rel=1e-5)
    assert ours.area == pytest.approx(every.area, rel=1e-5)
    assert pdist(candidates).max() == pytest.approx(pdist(vertices).max(), rel=1e-5)


def test_the_ellipsoid_area_is_the_manuals_series() -> None:
    a, b, c = 5.7, 4.6, 4.2
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    argument = (alpha**2 + beta**2) / (2 * alpha * beta)
    terms = [(alpha * beta) ** n / (1 - 4 * n**2) * eval_legendre(n, argument) for n in range(21)]
    assert ellipsoid_area(a, b, c) == pytest.approx(4 * np.pi * a * b * sum(terms), rel=1e-12)


def test_the_ellipsoid_area_of_spheres_and_spheroids() -> None:
    assert ellipsoid_area(3.0, 3.0, 3.0) == pytest.approx(36 * np.pi)
    # Known deviation of the standard: both its spheroids are off the closed forms.
    excentricity = np.sqrt(1 - (2 / 3) ** 2)
    prolate = 2 * np.pi * 4 * (1 + 1.5 / excentricity * np.arcsin(excentricity))
    oblate = 2 * np.pi * 9 * (1 + (1 - excentricity**2) / excentricity * np.arctanh(excentricity))
    assert ellipsoid_area(3.0, 2.0, 2.0) == pytest.approx(0.877 * prolate, rel=1e-3)
    assert ellipsoid_area(3.0, 3.0, 2.0) == pytest.approx(1.140 * oblate, rel=1e-3)
