"""Boxes between landmarks: thymic bed, nodal stations, ileocaecal region.

These rules place a region where an anatomist would look; they do not outline a structure. Where an
organ is at hand that settles a border it does (lungs, heart, aorta, spleen, bones), elsewhere
distances in mm do. A region holds what is not one of the drawn organs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import LabelMap
from wbr_platform.imaging.morphology import BoolArray, dilate
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.canonical import Canonical

Drawing = tuple[BoolArray, Mapping[str, float], tuple[str, ...]]

LUNGS = (
    "lungs",
    "lung_left",
    "lung_right",
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
)
HEART = ("heart", "heart_myocardium", "heart_atrium_left", "heart_ventricle_left")
THYMIC_HALF_WIDTH_MM = 30.0
THYMIC_HEIGHT_MM = 70.0
THYMIC_DEPTH_MM = 35.0
MEDIASTINAL_HALF_WIDTH_MM = 45.0
AORTIC_MARGIN_MM = 15.0
SPLENIC_HILUM_MM = 20.0
ILIAC_MARGIN_MM = 12.0
ILEOCAECAL_RADIUS_MM = 35.0
LEAST_ML = 1.0


@dataclass(frozen=True)
class Landmarks:
    """Organs in canonical arrays (head, back, left), with coordinates in mm."""

    organs: LabelMap
    turn: Canonical

    @classmethod
    def of(cls, organs: LabelMap) -> Landmarks:
        """Of a label map."""
        return cls(organs, Canonical.of(organs.geometry))

    def mask(self, names: Iterable[str]) -> BoolArray:
        """All organs of these names; Refusal ORGAN_UNKNOWN when none has a voxel."""
        wanted = [label for label, name in self.organs.labels.items() if name in set(names)]
        found = np.isin(self.turn.turned(self.organs.array), wanted)
        if not found.any():
            raise Refusal("ORGAN_UNKNOWN", f"there is no mask of {next(iter(names))}")
        return np.asarray(found)

    def bounds(self, mask: BoolArray, axis: int) -> tuple[int, int]:
        """First and last index of a mask along head, back or left."""
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        return int(occupied[0]), int(occupied[-1])

    def box(
        self,
        z: tuple[float, float] | None = None,
        y: tuple[float, float] | None = None,
        x: tuple[float, float] | None = None,
    ) -> BoolArray:
        """Voxels between canonical indices (both ends in) along the given axes."""
        shape = self.turn.grid.shape
        inside = np.ones(shape, dtype=bool)
        for axis, limits in enumerate((z, y, x)):
            if limits is not None:
                index = np.arange(shape[axis])
                kept = (index >= limits[0]) & (index <= limits[1])
                inside &= np.expand_dims(kept, tuple(a for a in range(3) if a != axis))
        return inside

    def near(self, mask: BoolArray, radius_mm: float) -> BoolArray:
        """A mask grown by a radius."""
        return dilate(mask, self.turn.spacing, radius_mm)

    def steps(self, axis: int, millimetres: float) -> float:
        """A length along an axis in voxels."""
        return millimetres / self.turn.spacing[axis]

    def finish(self, mask: BoolArray, parameters: Mapping[str, float], remark: str) -> Drawing:
        """A canonical mask without the organs, on the organs' grid; Refusal REGION_TOO_SMALL."""
        free = mask & (self.turn.turned(self.organs.array) == 0)
        volume = int(np.count_nonzero(free)) * self.organs.geometry.voxel_volume_ml
        if volume < LEAST_ML:
            raise Refusal("REGION_TOO_SMALL", f"{volume:.1f} mL is left between the organs")
        return np.ascontiguousarray(self.turn.back(free)), parameters, (remark,)


def thymic_bed(organs: LabelMap) -> Drawing:
    """In front of the heart's upper part and the great vessels, between the lungs.

    From 20 mm below the heart's top up to 70 mm higher, 30 mm to both sides of the lungs' middle,
    and no further back than 35 mm behind the front of the space between the lungs.
    Raises Refusal ORGAN_UNKNOWN, REGION_TOO_SMALL, LANDMARKS_CONTRADICT (the heart's top does not
    lie beside the lungs).
    """
    marks = Landmarks.of(organs)
    lungs, heart = marks.mask(LUNGS), marks.mask(HEART)
    middle = _middle(lungs)
    top = marks.bounds(heart, 0)[1]
    low, high = marks.bounds(lungs, 0)
    if not low <= top <= high:
        raise Refusal("LANDMARKS_CONTRADICT", "the heart's top does not lie beside the lungs")
    half = marks.steps(2, THYMIC_HALF_WIDTH_MM)
    box = marks.box(
        (top - marks.steps(0, 20.0), min(high, top + marks.steps(0, THYMIC_HEIGHT_MM - 20.0))),
        None,
        (middle - half, middle + half),
    )
    bed = box & _between(lungs)
    # In each plane only what lies near the front of the space between the lungs.
    rows = np.arange(bed.shape[1])
    front = np.where(bed.any(axis=2), rows, bed.shape[1]).min(axis=1)
    depth = rows[None, :] - front[:, None]
    bed &= (depth <= marks.steps(1, THYMIC_DEPTH_MM))[:, :, None]
    parameters = {
        "half_width_mm": THYMIC_HALF_WIDTH_MM,
        "height_mm": THYMIC_HEIGHT_MM,
        "depth_mm": THYMIC_DEPTH_MM,
    }
    return marks.finish(bed, parameters, "between the lungs, above the heart")


def ileocaecal_region(organs: LabelMap) -> Drawing:
    """A sphere of 35 mm round the caecum: the lowest part of the colon on the right.

    Needs the colon, and hip bones for the check: the place lies on the right, at or above the
    hip joint. Colon and small bowel stay in the region. Raises Refusal ORGAN_UNKNOWN,
    LANDMARKS_CONTRADICT.
    """
    marks = Landmarks.of(organs)
    colon = marks.mask(("colon",))
    bones = marks.mask(("hip_left", "hip_right", "hips", "sacrum"))
    middle = _middle(bones)
    right = colon & marks.box(x=(0, middle - marks.steps(2, 25.0)))
    if not right.any():
        raise Refusal("LANDMARKS_CONTRADICT", "no part of the colon lies on the right")
    low = marks.bounds(right, 0)[0]
    tip = right & marks.box(z=(low, low + marks.steps(0, 30.0)))
    bottom, crest = marks.bounds(bones, 0)
    centre = np.argwhere(tip).mean(axis=0)
    if not bottom <= centre[0] <= crest + marks.steps(0, 40.0):
        raise Refusal("LANDMARKS_CONTRADICT", "the lowest colon on the right is not by the ilium")
    z, y, x = (
        (np.arange(size) - place) * step
        for size, place, step in zip(colon.shape, centre, marks.turn.spacing, strict=True)
    )
    squared = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2
    sphere = squared <= ILEOCAECAL_RADIUS_MM**2
    kept = [
        label for label, name in organs.labels.items() if name in ("colon", "small_bowel", "bowel")
    ]
    array: NDArray[Any] = marks.turn.turned(organs.array)
    mask = sphere & ((array == 0) | np.isin(array, kept))
    return (
        np.ascontiguousarray(marks.turn.back(mask)),
        {"radius_mm": ILEOCAECAL_RADIUS_MM},
        ("round the lowest colon on the right",),
    )


def nodal_stations(organs: LabelMap) -> dict[str, Drawing | Refusal]:
    """Stations by landmark: mediastinal, paraaortic, splenic hilar, iliac of both sides."""
    rules = {
        "nodes_mediastinal": _mediastinal,
        "nodes_paraaortic": _paraaortic,
        "nodes_splenic_hilar": _splenic_hilar,
        "nodes_iliac_left": lambda marks: _iliac(marks, "left"),
        "nodes_iliac_right": lambda marks: _iliac(marks, "right"),
    }
    marks = Landmarks.of(organs)
    found: dict[str, Drawing | Refusal] = {}
    for name, rule in rules.items():
        try:
            found[name] = rule(marks)
        except Refusal as refusal:
            found[name] = refusal
    return found


def _mediastinal(marks: Landmarks) -> Drawing:
    """Between the lungs, from the lungs' top to the heart's middle, 45 mm to both sides."""
    lungs, heart = marks.mask(LUNGS), marks.mask(HEART)
    low, top = marks.bounds(heart, 0)
    high = marks.bounds(lungs, 0)[1]
    half = marks.steps(2, MEDIASTINAL_HALF_WIDTH_MM)
    middle = _middle(lungs)
    box = marks.box(((low + top) / 2, high), None, (middle - half, middle + half))
    return marks.finish(
        box & _between(lungs),
        {"half_width_mm": MEDIASTINAL_HALF_WIDTH_MM},
        "between the lungs, above the middle of the heart",
    )


def _paraaortic(marks: Landmarks) -> Drawing:
    """Within 15 mm of the aorta, below the kidneys' top."""
    aorta = marks.mask(("aorta",))
    kidneys = marks.mask(("kidneys", "kidney_left", "kidney_right"))
    low, high = marks.bounds(kidneys, 0)[1], marks.bounds(aorta, 0)
    if not high[0] <= low <= high[1]:
        raise Refusal("LANDMARKS_CONTRADICT", "the aorta does not pass the kidneys")
    near = marks.near(aorta, AORTIC_MARGIN_MM) & marks.box((high[0], low))
    return marks.finish(near, {"margin_mm": AORTIC_MARGIN_MM}, "along the aorta under the kidneys")


def _splenic_hilar(marks: Landmarks) -> Drawing:
    """Within 20 mm of the spleen, on its side towards the spine and the front."""
    spleen = marks.mask(("spleen",))
    centre = np.argwhere(spleen).mean(axis=0)
    rows = marks.bounds(spleen, 1)
    side = marks.box(None, (0, rows[1]), (0, float(centre[2])))
    near = marks.near(spleen, SPLENIC_HILUM_MM) & side
    return marks.finish(near, {"margin_mm": SPLENIC_HILUM_MM}, "medial of the spleen")


def _iliac(marks: Landmarks, side: str) -> Drawing:
    """Along the iliac vessels where drawn: within 12 mm of them."""
    vessels = marks.mask((f"iliac_artery_{side}", f"iliac_vena_{side}"))
    near = marks.near(vessels, ILIAC_MARGIN_MM)
    return marks.finish(near, {"margin_mm": ILIAC_MARGIN_MM}, f"along the {side} iliac vessels")


def _middle(mask: BoolArray) -> float:
    """The middle column of a paired organ."""
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    return float(columns[0] + columns[-1]) / 2


def _between(lungs: BoolArray) -> BoolArray:
    """Voxels with lung to their left and to their right in the same row and plane."""
    before = np.maximum.accumulate(lungs, axis=2)
    after = np.flip(np.maximum.accumulate(np.flip(lungs, 2), axis=2), 2)
    return np.asarray(before & after & ~lungs)
