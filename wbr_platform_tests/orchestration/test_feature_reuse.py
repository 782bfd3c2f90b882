"""Organs without lesions are not extracted twice, and only those."""

from __future__ import annotations

import numpy as np

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.orchestration.study.steps.features import same_regions, without


def test_only_untouched_organs_count_as_the_same() -> None:
    array = np.zeros((4, 4, 4), dtype=np.uint8)
    array[0], array[1], array[2] = 1, 2, 3
    geometry = Geometry((4, 4, 4), (1.0, 1.0, 1.0))
    organs = LabelMap(array, geometry, {1: "liver", 2: "spleen", 3: "heart", 4: "brain"})
    changed = array.copy()
    changed[0, 0, 0] = 0
    healthy = LabelMap(changed, geometry, {1: "liver", 2: "spleen", 3: "lung", 4: "brain"})
    assert same_regions(healthy, organs) == {2, 4}
    rest = without(healthy, {2, 4})
    assert dict(rest.labels) == {1: "liver", 3: "lung"}
    assert set(np.unique(rest.array)) == {0, 1, 3}
