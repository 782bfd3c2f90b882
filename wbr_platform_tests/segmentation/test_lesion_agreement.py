"""Lesions beside their partners."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.segmentation.lesion_agreement import LESION_AGREEMENT_COLUMNS, lesion_agreement
from wbr_platform_tests.segmentation.scenes import GRID, ball, label_map


def test_each_lesion_finds_its_partner() -> None:
    first, second = ball(GRID, (-30.0, 0.0, 0.0), 20.0), ball(GRID, (40.0, 10.0, 20.0), 14.0)
    smaller = ball(GRID, (-30.0, 0.0, 0.0), 15.0)
    crumb = np.zeros(GRID.shape, dtype=bool)
    crumb[tuple(np.argwhere(first & ~smaller)[0])] = True
    a = label_map({"L01": first, "L02": second})
    b = label_map({"L01": smaller, "L02": crumb})
    table = lesion_agreement(a, b)
    assert table.schema == LESION_AGREEMENT_COLUMNS
    found, missed = table.rows(named=True)
    shared, sizes = int((first & smaller).sum()), int(first.sum() + smaller.sum())
    assert (found["lesion_a"], found["lesion_b"]) == ("L01", "L01")
    assert found["dice"] == pytest.approx(2 * shared / sizes)
    assert found["iou"] == pytest.approx(shared / (sizes - shared))
    assert 3.0 <= found["assd_mm"] <= 6.5
    assert found["hd95_mm"] >= found["assd_mm"]
    assert missed["reason"] == "NOT_FOUND"
    assert (missed["dice"], missed["hd95_mm"], missed["lesion_b"]) == (0.0, None, None)


def test_nothing_to_compare() -> None:
    assert lesion_agreement(label_map({}), label_map({})).is_empty()
