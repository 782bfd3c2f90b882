"""The matrices against definitions written out slowly, one voxel and one neighbour at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.radiomics.texture.glcm_matrix import cooccurrences
from wbr_platform.radiomics.texture.grid import LevelBox
from wbr_platform.radiomics.texture.neighbourhood_matrix import neighbourhood_counts
from wbr_platform.radiomics.texture.scan import texture_counts
from wbr_platform.radiomics.texture.zone_matrix import border_distances

CASES = {
    "seed": st.integers(0, 2**20),
    "shape": st.tuples(*[st.integers(1, 6)] * 3),
    "highest": st.integers(1, 5),
    "in_plane": st.booleans(),
}


def box_of(
    seed: int, shape: tuple[int, int, int], highest: int, pad: int = 1
) -> tuple[LevelBox, NDArray[np.int64]]:
    """A box of random levels, a third of it outside; and the same levels without padding."""
    generator = np.random.default_rng(seed)
    levels = generator.integers(1, highest + 1, shape) * (generator.random(shape) < 0.7)
    levels[0, 0, 0] = highest
    wider = (levels > 0) | (generator.random(shape) < 0.5)
    padded = np.pad(levels, pad).astype(np.uint16)
    return LevelBox(padded, np.pad(wider, pad), pad, highest), levels


def reach(distance: int, in_plane: bool) -> list[tuple[int, int, int]]:
    steps = range(-distance, distance + 1)
    offsets = itertools.product((0,) if in_plane else steps, steps, steps)
    return [offset for offset in offsets if offset != (0, 0, 0)]


def level_at(levels: NDArray[np.int64], index: tuple[int, ...]) -> int:
    inside = all(0 <= i < n for i, n in zip(index, levels.shape, strict=True))
    return int(levels[index]) if inside else 0


def ahead(index: tuple[int, ...], step: tuple[int, ...], times: int = 1) -> tuple[int, ...]:
    return tuple(i + times * s for i, s in zip(index, step, strict=True))


@settings(max_examples=20, deadline=None)
@given(**CASES, distance=st.integers(1, 2))
def test_cooccurrences(
    seed: int, shape: tuple[int, int, int], highest: int, in_plane: bool, distance: int
) -> None:
    box, levels = box_of(seed, shape, highest, pad=distance)
    expected = np.zeros((highest, highest), dtype=int)
    for index in map(tuple, np.argwhere(levels)):
        for step in reach(1, in_plane):
            other = level_at(levels, ahead(index, step, distance))
            if other:
                expected[levels[index] - 1, other - 1] += 1
    counts = cooccurrences(box, box.whole, in_plane, distance)
    assert len(counts) == (4 if in_plane else 13)
    merged = counts.sum(axis=0)
    np.testing.assert_array_equal(merged + merged.T, expected)


@settings(max_examples=20, deadline=None)
@given(**CASES)
def test_runs_cover_every_voxel_once_in_each_direction(
    seed: int, shape: tuple[int, int, int], highest: int, in_plane: bool
) -> None:
    box, levels = box_of(seed, shape, highest)
    found = texture_counts(box, box.whole, in_plane)
    counts = found.runs
    assert found.longest.max() == counts.shape[2] - 1
    assert [direction.any(axis=0).nonzero()[0].max() for direction in counts] == list(found.longest)
    lengths = np.arange(counts.shape[2])
    for direction in counts:
        of_each_level = (direction * lengths).sum(axis=1)[1:]
        np.testing.assert_array_equal(of_each_level, np.bincount(levels.ravel())[1:])
    along_x: dict[tuple[int, int], int] = {}
    for row in levels.reshape(-1, levels.shape[2]):
        for level, group in itertools.groupby(row):
            if level:
                key = int(level), len(list(group))
                along_x[key] = along_x.get(key, 0) + 1
    assert along_x == {
        (int(level), int(length)): int(counts[0, level, length])
        for level, length in np.argwhere(counts[0])
    }


@settings(max_examples=20, deadline=None)
@given(**CASES)
def test_zones_and_their_distances(
    seed: int, shape: tuple[int, int, int], highest: int, in_plane: bool
) -> None:
    box, _ = box_of(seed, shape, highest)
    distances = border_distances(box, in_plane)
    cross = ndimage.generate_binary_structure(3, 1)
    touching = np.ones((3, 3, 3), dtype=bool)
    if in_plane:
        cross[[0, 2]] = touching[[0, 2]] = False
    layers, left = np.zeros(distances.shape, dtype=int), box.morphological_mask.copy()
    while left.any():
        layers += left
        left = ndimage.binary_erosion(left, cross)
    np.testing.assert_array_equal(distances, layers)
    expected = []
    for level in range(1, highest + 1):
        labels, number = ndimage.label(box.levels == level, touching)
        expected += [
            (level, int((labels == zone).sum()), int(layers[labels == zone].min()))
            for zone in range(1, number + 1)
        ]
    found = texture_counts(box, box.whole, in_plane, distances=distances).zones
    items = zip(found.levels.tolist(), found.sizes.tolist(), found.distances.tolist(), strict=True)
    assert sorted(items) == sorted(expected)


@settings(max_examples=20, deadline=None)
@given(**CASES, distance=st.integers(1, 2), coarseness=st.integers(0, 2))
def test_neighbourhoods(
    seed: int,
    shape: tuple[int, int, int],
    highest: int,
    in_plane: bool,
    distance: int,
    coarseness: int,
) -> None:
    box, levels = box_of(seed, shape, highest, pad=distance)
    found = neighbourhood_counts(box, box.whole, in_plane, distance, coarseness)
    voxels, differences = np.zeros(highest + 1), np.zeros(highest + 1)
    dependences = np.zeros_like(found.dependences)
    for index in map(tuple, np.argwhere(levels)):
        level = int(levels[index])
        around = [level_at(levels, ahead(index, step)) for step in reach(distance, in_plane)]
        inside = [other for other in around if other]
        dependences[level, 1 + sum(abs(other - level) <= coarseness for other in inside)] += 1
        if inside:
            voxels[level] += 1
            differences[level] += abs(level - np.mean(inside))
    np.testing.assert_array_equal(found.voxels, voxels)
    np.testing.assert_allclose(found.differences, differences, atol=1e-12)
    np.testing.assert_array_equal(found.dependences, dependences)


@settings(max_examples=20, deadline=None)
@given(**CASES, coarseness=st.integers(0, 2))
def test_one_pass_gives_what_each_matrix_gives_alone(
    seed: int, shape: tuple[int, int, int], highest: int, in_plane: bool, coarseness: int
) -> None:
    box, _ = box_of(seed, shape, highest)
    slab = (1, 2) if in_plane else box.whole
    found = texture_counts(box, slab, in_plane, coarseness)
    np.testing.assert_array_equal(found.pairs, cooccurrences(box, slab, in_plane, 1))
    alone = neighbourhood_counts(box, slab, in_plane, 1, coarseness)
    np.testing.assert_array_equal(found.neighbourhoods.voxels, alone.voxels)
    np.testing.assert_allclose(found.neighbourhoods.differences, alone.differences, atol=1e-12)
    np.testing.assert_array_equal(found.neighbourhoods.dependences, alone.dependences)


def test_slabs_are_the_slices_with_a_voxel() -> None:
    box, levels = box_of(3, (4, 3, 3), 2)
    box.levels[2] = 0
    assert box.slabs == [(z, z + 1) for z in (1, 3, 4) if box.levels[z].any()]
    assert sum(box.voxels(slab) for slab in box.slabs) == box.voxels(box.whole)
    assert box.voxels(box.whole) == pytest.approx((levels > 0).sum() - (levels[1] > 0).sum())
