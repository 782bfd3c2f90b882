"""The inner parts of organs that stand for their uptake: eroded organs, sphere and cylinder."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, erode
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.plausibility import ORGAN_VOLUME_RANGES_ML
from wbr_platform.segmentation.reference_regions import (
    ReferenceRegion,
    aortic_cylinder,
    liver_sphere,
    organ_mask,
    place_by_shape,
)

EROSION_MM: Mapping[str, float] = {"spleen": 4.0, "liver": 8.0}
LEAST_CORE_ML = 2.0


def eroded_organ(
    organs: LabelMap, name: str
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    """An organ without its rim, against spill-over and motion.

    Raises Refusal ORGAN_UNKNOWN, ORGAN_IMPLAUSIBLE (a whole organ of an impossible volume),
    CORE_TOO_SMALL (less than 2 mL is left).
    """
    mask = organ_mask(organs, name, organs.geometry)
    if mask is None:
        raise Refusal("ORGAN_UNKNOWN", f"there is no mask of the {name}")
    voxel_ml = organs.geometry.voxel_volume_ml
    volume = int(np.count_nonzero(mask)) * voxel_ml
    low, high = ORGAN_VOLUME_RANGES_ML[name]
    if volume > high or (volume < low and not touches_edge(mask)):
        raise Refusal("ORGAN_IMPLAUSIBLE", f"the {name} has {volume:.0f} mL")
    depth = EROSION_MM[name]
    core = erode(mask, organs.geometry.spacing, depth)
    left = int(np.count_nonzero(core)) * voxel_ml
    if left < LEAST_CORE_ML:
        raise Refusal("CORE_TOO_SMALL", f"{left:.1f} mL of the {name} is left")
    return core, {"erosion_mm": depth}, (f"{left / volume:.0%} of {volume:.0f} mL",)


def touches_edge(mask: BoolArray) -> bool:
    """Whether a mask (z, y, x) goes up to the edge of the image."""
    return any(np.take(mask, side, axis).any() for axis in range(3) for side in (0, -1))


def sphere_in_liver(
    organs: LabelMap, pet: Volume | None
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    """PERCIST's sphere; without PET the deepest place, unchecked (said so)."""
    if pet is not None:
        return _drawn(liver_sphere(pet, organs), organs)
    return _unchecked(place_by_shape(organs, "liver"), organs)


def blood_pool(
    organs: LabelMap, pet: Volume | None
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    """PERCIST's cylinder in the descending aorta; without PET the deepest place, unchecked."""
    if pet is not None:
        return _drawn(aortic_cylinder(pet, organs), organs)
    return _unchecked(place_by_shape(organs, "aorta"), organs)


def _drawn(
    region: ReferenceRegion, organs: LabelMap
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    note = f"mean {region.mean:.2f}, SD {region.sd:.2f} SUVbw at place {region.tried}"
    parameters = {"mean_suv": region.mean, "sd_suv": region.sd}
    return region.whole(organs.geometry), parameters, (note,)


def _unchecked(
    region: ReferenceRegion, organs: LabelMap
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    return region.whole(organs.geometry), {}, ("NO_PET: evenness of uptake was not checked",)
