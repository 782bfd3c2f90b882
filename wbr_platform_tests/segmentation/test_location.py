"""In or beside which organ a lesion lies."""

from __future__ import annotations

import numpy as np

from wbr_platform.imaging import LabelMap
from wbr_platform.segmentation.location import Location, locate_lesions
from wbr_platform_tests.segmentation.scenes import GRID, ball, flipped, label_map

LIVER = ball(GRID, (-40.0, 0.0, -20.0), 25.0)
SPLEEN = ball(GRID, (50.0, 0.0, -20.0), 15.0)
ORGANS = label_map({"liver": LIVER, "spleen": SPLEEN})


def _locate(mask: np.ndarray, organs: LabelMap | None = ORGANS) -> Location | None:
    return locate_lesions(label_map({"L01": mask}), organs)[1]


def test_the_greatest_overlap_counts() -> None:
    place = _locate(ball(GRID, (-20.0, 0.0, -20.0), 12.0))
    assert place == Location("liver", "inside", 0.0, "right")


def test_else_the_nearest_organ_with_its_distance() -> None:
    spleen, point = np.zeros(GRID.shape, dtype=bool), np.zeros(GRID.shape, dtype=bool)
    spleen[20:30, 20:30, 25:30] = True
    point[25, 25, 33] = True
    place = _locate(point, label_map({"liver": LIVER, "spleen": spleen}))
    # From voxel 29 to voxel 33 along x, 4 mm each.
    assert place == Location("spleen", "beside", 16.0, "left")


def test_the_side_of_a_named_side_is_its_own() -> None:
    organs = label_map({"kidney_right": LIVER, "spleen": SPLEEN})
    place = _locate(ball(GRID, (-40.0, 0.0, -20.0), 6.0), organs)
    assert place is not None
    assert (place.organ, place.side) == ("kidney_right", "right")


def test_structures_that_are_no_organ_are_no_place() -> None:
    organs = label_map({"other_gtv_edema": SPLEEN, "liver": LIVER})
    place = _locate(ball(GRID, (50.0, 0.0, -20.0), 6.0), organs)
    assert place is not None
    assert (place.organ, place.relation) == ("liver", "beside")


def test_unknown_without_organs_or_too_far_away() -> None:
    lesion = ball(GRID, (60.0, 60.0, 90.0), 6.0)
    assert _locate(lesion, None) is None
    tiny = np.zeros(GRID.shape, dtype=bool)
    tiny[0, 0, 0] = True
    assert _locate(lesion, label_map({"liver": tiny})) is None


def test_the_place_does_not_depend_on_axis_order() -> None:
    mask = ball(GRID, (5.0, 20.0, 30.0), 8.0)
    expected = _locate(mask)
    assert expected is not None
    for axis in range(3):
        array, geometry = flipped(mask, GRID, axis)
        organs = LabelMap(flipped(ORGANS.array, GRID, axis)[0], geometry, ORGANS.labels)
        assert locate_lesions(label_map({"L01": array}, geometry), organs)[1] == expected
