"""Reference regions of PERCIST: a sphere in the liver, a cylinder in the descending aorta.

The sphere (diameter 3 cm) lies in the right half of the liver, the cylinder (1 cm x 2 cm, along the
body) in the descending thoracic aorta. Both go to the deepest place that is free of disease: even
uptake (SD / mean <= 0.3, maximum <= 2 x median) that is like the rest of the organ (mean within
30 % of its median). Where no place is, the region is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, Box, bounding_box, grow_box
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.canonical import Canonical
from wbr_platform.segmentation.constants import (
    BLOOD_CYLINDER_DIAMETER_MM,
    BLOOD_CYLINDER_LENGTH_MM,
    DESCENDING_AORTA_MM,
    LIVER_SPHERE_DIAMETER_MM,
    REFERENCE_MAXIMUM_TO_MEDIAN,
    REFERENCE_MAXIMUM_VARIATION,
    REFERENCE_MEAN_TO_ORGAN,
)
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.plausibility import LIVER_SUV_MEAN_RANGE

# Regions that a segmenter without masks of liver and aorta draws itself (no organs).
LIVER_SPHERE_REGION = "other_liver_sphere"
BLOOD_POOL_REGION = "other_blood_pool"
BLOOD_SUV_MEAN_RANGE = (0.3, 4.0)

# Places tried before the organ counts as diseased.
MOST_PLACES = 30


@dataclass(frozen=True)
class ReferenceRegion:
    """A small region of normal uptake: ``mask`` (z, y, x) within ``box``, its SUV mean and SD.

    ``centre`` is LPS (x, y, z) in mm; ``tried`` counts the places that were looked at.
    """

    name: str
    box: Box
    mask: BoolArray
    mean: float
    sd: float
    centre: tuple[float, float, float]
    tried: int

    def whole(self, geometry: Geometry) -> BoolArray:
        """The mask on the whole grid."""
        mask = np.zeros(geometry.shape, dtype=bool)
        mask[self.box] = self.mask
        return mask


def liver_sphere(pet: Volume, organs: LabelMap | None) -> ReferenceRegion:
    """The 3 cm sphere in the right half of the liver.

    Raises Refusal LIVER_UNKNOWN, LIVER_TOO_SMALL or LIVER_DISEASED.
    """
    liver = organ_mask(organs, "liver", pet.geometry)
    if liver is None:
        drawn = organ_mask(organs, LIVER_SPHERE_REGION, pet.geometry)
        if drawn is not None:
            return _as_drawn("liver_sphere", pet, drawn, LIVER_SUV_MEAN_RANGE, "LIVER_DISEASED")
        raise Refusal("LIVER_UNKNOWN", "there is no mask of the liver", "run an organ segmenter")
    places = _liver_places(liver, pet.geometry)
    found = _first_normal("liver_sphere", pet, liver, places, _sphere, LIVER_SUV_MEAN_RANGE)
    if isinstance(found, ReferenceRegion):
        return found
    if found == 0:
        raise Refusal("LIVER_TOO_SMALL", "no sphere of 3 cm fits into the right half of the liver")
    raise Refusal("LIVER_DISEASED", f"no normal sphere among {found} places in the liver")


def aortic_cylinder(pet: Volume, organs: LabelMap | None) -> ReferenceRegion:
    """The cylinder in the descending thoracic aorta.

    Raises Refusal AORTA_UNKNOWN, AORTA_TOO_SMALL or BLOOD_POOL_UNEVEN.
    """
    aorta = organ_mask(organs, "aorta", pet.geometry)
    if aorta is None:
        drawn = organ_mask(organs, BLOOD_POOL_REGION, pet.geometry)
        if drawn is not None:
            return _as_drawn("blood_pool", pet, drawn, BLOOD_SUV_MEAN_RANGE, "BLOOD_POOL_UNEVEN")
        raise Refusal("AORTA_UNKNOWN", "there is no mask of the aorta", "run an organ segmenter")
    places = _aorta_places(aorta, pet.geometry)
    found = _first_normal("blood_pool", pet, aorta, places, _cylinder, BLOOD_SUV_MEAN_RANGE)
    if isinstance(found, ReferenceRegion):
        return found
    if found == 0:
        raise Refusal("AORTA_TOO_SMALL", "no cylinder of 1 cm x 2 cm fits into the aorta")
    raise Refusal("BLOOD_POOL_UNEVEN", f"no even cylinder among {found} places in the aorta")


def sphere_in(
    image: Volume, liver: BoolArray, plausible: tuple[float, float]
) -> ReferenceRegion | None:
    """The first normal sphere in any part of a mask, deepest first; None when there is none."""
    box, depth = _depth(liver, image.geometry)
    radius = LIVER_SPHERE_DIAMETER_MM / 2
    index = np.argwhere(depth >= radius) + [side.start for side in box]
    places = _apart(index, depth, box, image.geometry, radius)
    found = _first_normal("liver_sphere", image, liver, places, _sphere, plausible)
    return found if isinstance(found, ReferenceRegion) else None


def cylinder_in(
    image: Volume, aorta: BoolArray, plausible: tuple[float, float]
) -> ReferenceRegion | None:
    """The first normal cylinder in any part of a mask, deepest first; None when there is none."""
    box, depth = _depth(aorta, image.geometry)
    radius = BLOOD_CYLINDER_DIAMETER_MM / 2
    index = np.argwhere(depth >= radius) + [side.start for side in box]
    places = _apart(index, depth, box, image.geometry, radius)
    found = _first_normal("blood_pool", image, aorta, places, _cylinder, plausible)
    return found if isinstance(found, ReferenceRegion) else None


def place_by_shape(organs: LabelMap, organ: Literal["liver", "aorta"]) -> ReferenceRegion:
    """Sphere or cylinder at the deepest place that holds it, with no image to check it on.

    Its mean and SD say nothing (1 and 0). Raises the same Refusals.
    """
    uniform = Volume(np.ones(organs.geometry.shape, dtype=np.float32), organs.geometry, "SUVbw")
    return liver_sphere(uniform, organs) if organ == "liver" else aortic_cylinder(uniform, organs)


def _as_drawn(
    name: str, pet: Volume, mask: BoolArray, plausible: tuple[float, float], code: str
) -> ReferenceRegion:
    """A region that came drawn, checked as any other."""
    suv = pet.array[mask].astype(np.float64)
    if not _normal(suv, float(np.median(suv)), plausible):
        raise Refusal(code, f"the {name} that came with the organs is not normal")
    index = np.argwhere(mask)
    return _region(name, pet, index, index.mean(axis=0), tried=1)


def organ_mask(organs: LabelMap | None, name: str, geometry: Geometry) -> BoolArray | None:
    """An organ on a grid; None when it is not known or has no voxel there."""
    if organs is None or name not in organs.labels.values():
        return None
    if not organs.geometry.same_grid(geometry, SAME_GRID_MM):
        one = LabelMap(organs.mask(name).astype(np.uint8), organs.geometry, {1: name})
        mask = np.asarray(resample_labels(one, geometry).array > 0)
    else:
        mask = organs.mask(name)
    return mask if mask.any() else None


# Index offsets (n, 3) of the voxels of a region round its centre, and whether a point (x, y, z; mm)
# relative to the centre lies in it.
Offsets: TypeAlias = NDArray[np.intp]
Holds: TypeAlias = Callable[[Any, Any, Any], NDArray[np.bool_]]


def _sphere(geometry: Geometry) -> Offsets:
    radius = LIVER_SPHERE_DIAMETER_MM / 2
    return _offsets(geometry, radius, lambda x, y, z: x**2 + y**2 + z**2 <= radius**2)


def _cylinder(geometry: Geometry) -> Offsets:
    radius, half = BLOOD_CYLINDER_DIAMETER_MM / 2, BLOOD_CYLINDER_LENGTH_MM / 2
    reach = float(np.hypot(radius, half))
    return _offsets(
        geometry, reach, lambda x, y, z: (x**2 + y**2 <= radius**2) & (np.abs(z) <= half)
    )


def _offsets(geometry: Geometry, reach_mm: float, holds: Holds) -> Offsets:
    sizes = [int(reach_mm // step) for step in geometry.spacing]
    offsets = np.indices([2 * n + 1 for n in sizes]).reshape(3, -1).T - sizes
    x, y, z = (offsets[:, ::-1] @ geometry.index_to_world_matrix.T).T
    return offsets[holds(x, y, z)]


def _liver_places(liver: BoolArray, geometry: Geometry) -> Iterator[NDArray[np.intp]]:
    """Centres in the right half of the liver, deepest first, at least a radius apart."""
    box, depth = _depth(liver, geometry)
    index = np.argwhere(depth >= LIVER_SPHERE_DIAMETER_MM / 2) + [side.start for side in box]
    if not len(index):
        return
    # LPS: x falls towards the patient's right.
    x = geometry.index_to_world(index)[:, 0]
    middle = np.median(geometry.index_to_world(np.argwhere(liver))[:, 0])
    index = index[x < middle]
    yield from _apart(index, depth, box, geometry, LIVER_SPHERE_DIAMETER_MM / 2)


def _aorta_places(aorta: BoolArray, geometry: Geometry) -> Iterator[NDArray[np.intp]]:
    """Centres in the hindmost part of the aorta, in the thorax, deepest first."""
    turn = Canonical.of(geometry)
    hind = np.zeros_like(aorta)
    view = turn.turned(hind)
    planes = turn.turned(aorta)
    heights = np.flatnonzero(planes.any(axis=(1, 2)))
    top = heights[-1]
    for plane in heights:
        below = (top - plane) * turn.spacing[0]
        if not DESCENDING_AORTA_MM[0] <= below <= DESCENDING_AORTA_MM[1]:
            continue
        parts, count = ndimage.label(planes[plane], structure=np.ones((3, 3)))
        centres = ndimage.center_of_mass(planes[plane], parts, range(1, count + 1))
        hindmost = 1 + int(np.argmax([centre[0] for centre in centres]))
        view[plane] = parts == hindmost
    if not hind.any():
        return
    box, depth = _depth(hind, geometry)
    index = np.argwhere(depth >= BLOOD_CYLINDER_DIAMETER_MM / 2) + [side.start for side in box]
    yield from _apart(index, depth, box, geometry, BLOOD_CYLINDER_DIAMETER_MM / 2)


def _depth(mask: BoolArray, geometry: Geometry) -> tuple[Box, NDArray[np.float64]]:
    """A box around a mask and the depth (mm) of its voxels below the surface."""
    box = bounding_box(mask)
    if box is None:
        raise ValueError("an empty mask has no depth")
    box = grow_box(box, mask.shape, geometry.spacing, 0.0)
    # Beyond the image nothing is known: its edge counts as the surface.
    padded = np.pad(mask[box], 1)
    depth = ndimage.distance_transform_edt(padded, sampling=geometry.spacing)
    return box, np.asarray(depth[1:-1, 1:-1, 1:-1])


def _apart(
    index: NDArray[np.intp],
    depth: NDArray[np.float64],
    box: Box,
    geometry: Geometry,
    apart_mm: float,
) -> Iterator[NDArray[np.intp]]:
    """Places by decreasing depth (ties: by place in the patient), each apart from those before."""
    if not len(index):
        return
    own = depth[tuple((index - [side.start for side in box]).T)]
    points = geometry.index_to_world(index)
    rank = np.lexsort((*np.round(points.T, 3), -np.round(own, 3)))
    chosen: list[NDArray[np.float64]] = []
    for i in rank.tolist():
        if all(np.linalg.norm(points[i] - other) >= apart_mm for other in chosen):
            chosen.append(points[i])
            yield index[i]
        if len(chosen) == MOST_PLACES:
            return


def _first_normal(
    name: str,
    pet: Volume,
    organ: BoolArray,
    places: Iterator[NDArray[np.intp]],
    shape_of: Callable[[Geometry], Offsets],
    plausible: tuple[float, float],
) -> ReferenceRegion | int:
    """The first place that lies in the organ and is normal, else how many were looked at."""
    offsets = shape_of(pet.geometry)
    usual = float(np.median(pet.array[organ]))
    tried = 0
    for place in places:
        at = place + offsets
        if (at < 0).any() or (at >= pet.geometry.shape).any() or not organ[tuple(at.T)].all():
            continue
        tried += 1
        suv = pet.array[tuple(at.T)].astype(np.float64)
        if _normal(suv, usual, plausible):
            return _region(name, pet, at, place, tried)
    return tried


def _region(
    name: str, pet: Volume, at: Offsets, place: NDArray[Any], tried: int
) -> ReferenceRegion:
    """A region of the voxels ``at`` (n, 3)."""
    suv = pet.array[tuple(at.T)].astype(np.float64)
    low, high = at.min(axis=0), at.max(axis=0) + 1
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    mask = np.zeros(high - low, dtype=bool)
    mask[tuple((at - low).T)] = True
    centre = pet.geometry.index_to_world(place)[0]
    return ReferenceRegion(
        name,
        (z, y, x),
        mask,
        float(suv.mean()),
        float(suv.std(ddof=1)),
        (float(centre[0]), float(centre[1]), float(centre[2])),
        tried,
    )


def _normal(suv: NDArray[np.float64], usual: float, plausible: tuple[float, float]) -> bool:
    if suv.size < 2:
        return False
    mean = float(suv.mean())
    return bool(
        plausible[0] <= mean <= plausible[1]
        and suv.std(ddof=1) <= REFERENCE_MAXIMUM_VARIATION * mean
        and suv.max() <= REFERENCE_MAXIMUM_TO_MEDIAN * np.median(suv)
        and abs(mean - usual) <= REFERENCE_MEAN_TO_ORGAN * usual
    )
