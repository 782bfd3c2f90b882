"""Volumes and label maps check themselves."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.imaging import Geometry, LabelMap, NamedMask, Volume

GEOMETRY = Geometry((2, 2, 2), (1.0, 1.0, 1.0))


@pytest.fixture
def labelmap() -> LabelMap:
    array = np.zeros((2, 2, 2), dtype=np.uint8)
    array[0, 0] = 1, 2
    return LabelMap(array, GEOMETRY, {1: "liver", 2: "spleen", 3: "thymus"})


def test_arrays_must_fit_their_grid() -> None:
    flat = np.zeros((2, 2, 1))
    with pytest.raises(ValueError, match="shape"):
        Volume(flat.astype(np.float32), GEOMETRY, "HU")
    with pytest.raises(ValueError, match="shape"):
        LabelMap(flat.astype(np.uint8), GEOMETRY, {})
    with pytest.raises(ValueError, match="shape"):
        NamedMask("tumour", flat.astype(bool), GEOMETRY, "SEG")


def test_the_background_has_no_name() -> None:
    with pytest.raises(ValueError, match="background"):
        LabelMap(np.zeros((2, 2, 2), dtype=np.uint8), GEOMETRY, {0: "background"})


def test_masks_by_name_and_by_label_agree(labelmap: LabelMap) -> None:
    np.testing.assert_array_equal(labelmap.mask("spleen"), labelmap.mask(2))
    assert labelmap.mask("spleen").sum() == 1


def test_a_known_region_without_a_voxel_is_empty_and_an_unknown_one_is_an_error(
    labelmap: LabelMap,
) -> None:
    assert not labelmap.mask("thymus").any()
    with pytest.raises(KeyError, match="pancreas"):
        labelmap.mask("pancreas")
    with pytest.raises(KeyError, match="no label 9"):
        labelmap.mask(9)
    with pytest.raises(KeyError):
        labelmap.mask(0)
