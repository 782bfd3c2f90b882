"""Regions made from organs by rule: red marrow, blood pool, liver sphere, spleen, landmarks.

Each rule has its parameters and a validity check. A region that cannot be drawn, or that fails its
check, is left out with a reason code. Regions may overlap, so that each is a mask of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, dilate
from wbr_platform.imaging.resampling import resample
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.landmarks import ileocaecal_region, nodal_stations, thymic_bed
from wbr_platform.segmentation.marrow import red_marrow
from wbr_platform.segmentation.organ_cores import blood_pool, eroded_organ, sphere_in_liver


@dataclass(frozen=True)
class DerivationInputs:
    """Organs on the grid on which regions are drawn, and what else is known there.

    ``ct`` (HU) and ``pet`` (SUVbw) are on any grid; ``lesions`` (z, y, x) on the organs' grid are
    taken out of every region, grown by ``lesion_margin_mm``.
    """

    organs: LabelMap
    ct: Volume | None = None
    pet: Volume | None = None
    lesions: BoolArray | None = None
    lesion_margin_mm: float = 6.0

    @property
    def geometry(self) -> Geometry:
        """The grid."""
        return self.organs.geometry

    def on_grid(self, volume: Volume | None) -> Volume | None:
        """An image on the grid of the organs."""
        return None if volume is None else resample(volume, self.geometry)


@dataclass(frozen=True)
class DerivedRegion:
    """A region by rule: its mask (z, y, x), the rule's parameters and what its check found."""

    name: str
    mask: BoolArray
    geometry: Geometry
    parameters: Mapping[str, float]
    checks: tuple[str, ...] = field(default=())

    @property
    def volume_ml(self) -> float:
        """Size."""
        return int(np.count_nonzero(self.mask)) * self.geometry.voxel_volume_ml


@dataclass(frozen=True)
class Derived:
    """The regions that could be drawn, and for the others the reason code and the sentence."""

    regions: tuple[DerivedRegion, ...]
    refused: Mapping[str, Refusal]

    def region(self, name: str) -> DerivedRegion | None:
        """By name."""
        return next((region for region in self.regions if region.name == name), None)


# A rule gives mask, parameters and remarks, or raises Refusal.
Drawing = tuple[BoolArray, Mapping[str, float], tuple[str, ...]]
Rule = Callable[[LabelMap, Volume | None, Volume | None], Drawing]

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "red_marrow": lambda organs, ct, pet: red_marrow(organs, ct, pet),
        "aortic_blood_pool": lambda organs, _ct, pet: blood_pool(organs, pet),
        "liver_sphere": lambda organs, _ct, pet: sphere_in_liver(organs, pet),
        "spleen_core": lambda organs, _ct, _pet: eroded_organ(organs, "spleen"),
        "liver_core": lambda organs, _ct, _pet: eroded_organ(organs, "liver"),
        "thymic_bed": lambda organs, _ct, _pet: thymic_bed(organs),
        "ileocaecal_region": lambda organs, _ct, _pet: ileocaecal_region(organs),
    }
)


def derive_regions(inputs: DerivationInputs) -> Derived:
    """Every region by rule that the organs allow."""
    ct, pet = inputs.on_grid(inputs.ct), inputs.on_grid(inputs.pet)
    grown = None
    if inputs.lesions is not None and inputs.lesions.any():
        grown = dilate(inputs.lesions, inputs.geometry.spacing, inputs.lesion_margin_mm)
    regions: list[DerivedRegion] = []
    refused: dict[str, Refusal] = {}
    rules = dict(RULES) | _stations(inputs.organs)
    for name, rule in rules.items():
        try:
            mask, parameters, checks = rule(inputs.organs, ct, pet)
            if grown is not None:
                mask = mask & ~grown
            if not mask.any():
                raise Refusal("NOTHING_LEFT", f"nothing of {name} is left")
        except Refusal as refusal:
            refused[name] = refusal
            continue
        regions.append(DerivedRegion(name, mask, inputs.geometry, parameters, checks))
    return Derived(tuple(regions), refused)


def _stations(organs: LabelMap) -> dict[str, Rule]:
    """Nodal stations, each a rule of its own name."""
    drawn = nodal_stations(organs)

    def rule(name: str) -> Rule:
        def draw(_organs: LabelMap, _ct: Volume | None, _pet: Volume | None) -> Drawing:
            found = drawn[name]
            if isinstance(found, Refusal):
                raise found
            return found

        return draw

    return {name: rule(name) for name in drawn}
