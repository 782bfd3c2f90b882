"""How much of one field lies within another."""

from __future__ import annotations

import pytest

from wbr_platform.imaging import Geometry


def test_a_field_covers_itself_and_whatever_lies_inside() -> None:
    grid = Geometry((40, 30, 20), (3.0, 4.0, 5.0), (-10.0, 3.0, 7.0))
    assert grid.covered_by(grid) == 1.0
    assert grid.cropped((5, 5, 5), (10, 10, 10)).covered_by(grid) == 1.0


def test_half_a_field_is_half_covered() -> None:
    grid = Geometry((32, 16, 16), (2.0, 2.0, 2.0))
    assert grid.covered_by(grid.cropped((16, 0, 0), (16, 16, 16))) == pytest.approx(0.5)
    assert grid.covered_by(Geometry((32, 16, 16), (2.0, 2.0, 2.0), (0, 0, 500.0))) == 0.0
