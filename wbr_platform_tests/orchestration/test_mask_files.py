"""Masks of an export survive the way through files, overlaps included."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbr_platform.imaging import Geometry, NamedMask
from wbr_platform.orchestration.study.mask_files import read_masks, write_masks


def test_masks_come_back_as_they_were(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    geometry = Geometry((5, 7, 3), (3.0, 2.0, 2.5), (1.0, -2.0, 9.5))
    masks = [
        NamedMask("liver", generator.random((5, 7, 3)) > 0.5, geometry, "SEG", "SCT:10200004"),
        NamedMask("GTV", generator.random((5, 7, 3)) > 0.2, geometry, "RTSTRUCT", None, ("a",)),
    ]
    write_masks(masks, tmp_path)
    for before, after in zip(masks, read_masks(tmp_path), strict=True):
        assert np.array_equal(before.mask, after.mask)
        assert before.geometry == after.geometry
        assert (before.name, before.source, before.code, before.notes) == (
            after.name,
            after.source,
            after.code,
            after.notes,
        )
