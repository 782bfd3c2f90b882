"""Masks brought to one grid and painted into one label map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wbr_platform.imaging import Geometry, NamedMask
from wbr_platform.imaging.resampling import resample_mask
from wbr_platform.segmentation.painting import on_grid, paint
from wbr_platform_tests.imaging.helpers import oblique_geometry
from wbr_platform_tests.segmentation.scenes import GRID, ball, flipped

CENTRE = (0.0, 0.0, 0.0)


@pytest.mark.parametrize("radius", [3.0, 20.0, 75.0])
@pytest.mark.parametrize("kind", ["coarse", "fine", "shifted", "oblique", "flipped"])
def test_resampling_in_the_box_equals_resampling_of_the_whole(kind: str, radius: float) -> None:
    targets = {
        "coarse": GRID.with_spacing((7.0, 6.0, 5.0)),
        "fine": GRID.with_spacing((2.0, 2.5, 2.5)),
        "shifted": Geometry((40, 40, 40), (4.0, 4.0, 4.0), (-20.0, -31.0, -52.0)),
        "oblique": replace(oblique_geometry((50, 50, 50)), origin=(0.0, 0.0, 0.0)),
        "flipped": flipped(np.zeros(GRID.shape), GRID, 1)[1],
    }
    mask = NamedMask("lesion", ball(GRID, CENTRE, radius), GRID, "SEG")
    expected = resample_mask(mask, targets[kind]).mask
    assert expected.any()
    np.testing.assert_array_equal(on_grid(mask, targets[kind]), expected)


def test_a_mask_outside_the_grid_is_empty() -> None:
    far = Geometry((5, 5, 5), (1.0, 1.0, 1.0), (1000.0, 0.0, 0.0))
    mask = NamedMask("lesion", ball(GRID, CENTRE, 10.0), GRID, "SEG")
    assert not on_grid(mask, far).any()
    empty = NamedMask("lesion", np.zeros(GRID.shape, dtype=bool), GRID, "SEG")
    assert not on_grid(empty, far).any()


def test_the_smaller_mask_wins_in_any_order() -> None:
    large, small = ball(GRID, CENTRE, 30.0), ball(GRID, CENTRE, 10.0)
    for masks in ([("a", large), ("b", small)], [("b", small), ("a", large)]):
        painted = paint(masks, GRID)
        assert painted.labelmap.mask("b").sum() == small.sum()
        assert painted.labelmap.mask("a").sum() == large.sum() - small.sum()
        assert painted.overlaps == {("a", "b"): small.sum()}


def test_equal_sizes_are_settled_by_name() -> None:
    left, right = ball(GRID, (-4.0, 0.0, 0.0), 12.0), ball(GRID, (4.0, 0.0, 0.0), 12.0)
    assert left.sum() == right.sum()
    first = paint([("a", left), ("b", right)], GRID).labelmap
    second = paint([("b", right), ("a", left)], GRID).labelmap
    for name in "ab":
        np.testing.assert_array_equal(first.mask(name), second.mask(name))
