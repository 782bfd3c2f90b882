"""Lesions by SUV thresholds: SUV >= 2.5, SUV >= 4.0 and 41 % of the lesion's maximum.

Definitions: SUV 2.5: Ilyas et al., EJNMMI 2018; SUV 4.0 with 3 mL: Boellaard et al., J Nucl Med
2024;65:1343; 41 %: EANM guideline 2.0, Boellaard et al. 2015. SUV is SUVbw everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wbr_platform.imaging import Volume
from wbr_platform.imaging.morphology import BoolArray, Box, grow_box
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.components import (
    Components,
    RegionStatistics,
    as_lesions,
    connected_components,
    region_statistics,
)
from wbr_platform.segmentation.constants import (
    ISOCONTOUR_REACH_MM,
    MINIMUM_VOLUME_ML,
    MINIMUM_VOLUME_SUV_4_ML,
    PERCENT_OF_MAXIMUM,
    PRESELECTION_MINIMUM_ML,
    PRESELECTION_SUV,
)
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import Assessable, UptakePolicy, assessable


def suv_of(inputs: SegmentationInputs) -> Volume:
    """The PET in SUVbw; Refusal NO_PET or PET_NOT_SUV."""
    if inputs.pet is None:
        raise Refusal("NO_PET", "the study has no PET", "thresholds need a PET in SUVbw")
    if inputs.pet.unit != "SUVbw":
        raise Refusal("PET_NOT_SUV", f"the PET is in {inputs.pet.unit}", "convert it to SUVbw")
    return inputs.pet


@dataclass(frozen=True)
class FixedThreshold:
    """26-connected components of SUV >= ``threshold`` outside physiological uptake.

    Components below ``minimum_volume_ml`` are dropped.
    """

    threshold: float
    minimum_volume_ml: float
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    @property
    def name(self) -> str:
        """suv_2.5, suv_4.0."""
        return f"suv_{self.threshold:.1f}"

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        pet = suv_of(inputs)
        area = assessable(pet, inputs.organs, self.policy)
        hot = (pet.array >= self.threshold) & (pet.array >= area.floor)
        found = as_lesions(connected_components(hot), pet.geometry, self.minimum_volume_ml)
        notes = (
            *area.removal_notes(pet, self.threshold),
            *_volume_notes(found, self.minimum_volume_ml),
        )
        return Segmentation(found.labelmap, self.name, self.version, "pet", notes)


@dataclass(frozen=True)
class PercentOfMaximum:
    """The isocontour at ``percent`` of SUVmax of every preselected lesion.

    1. Preselection: 26-connected components of SUV >= ``preselection_suv`` outside physiological
       uptake, of at least ``preselection_minimum_ml``.
    2. For each, the voxels of SUV >= percent x its SUVmax that are 26-connected to its maximum;
       they may lie outside the preselection, up to ``reach_mm`` from its box, and never in
       physiological uptake.
    3. An isocontour that comes to the limit of its reach has leaked into the background: the
       preselected component stands in its place, with a note.
    4. Isocontours that meet are one lesion; lesions below ``minimum_volume_ml`` are dropped.
    """

    percent: float = PERCENT_OF_MAXIMUM
    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    preselection_suv: float = PRESELECTION_SUV
    preselection_minimum_ml: float = PRESELECTION_MINIMUM_ML
    reach_mm: float = ISOCONTOUR_REACH_MM
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    @property
    def name(self) -> str:
        """percent_41."""
        return f"percent_{self.percent:g}"

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        pet = suv_of(inputs)
        area = assessable(pet, inputs.organs, self.policy)
        hot = (pet.array >= self.preselection_suv) & (pet.array >= area.floor)
        seeds = as_lesions(connected_components(hot), pet.geometry, self.preselection_minimum_ml)
        drawn = np.zeros(pet.geometry.shape, dtype=bool)
        leaked = 0
        for seed in region_statistics(seeds.labelmap.array):
            inside = seeds.labelmap.array[seed.box] == seed.label
            contour = self._isocontour(pet, area, seed, inside)
            if contour is None:
                leaked += 1
                drawn[seed.box] |= inside
            else:
                box, mask = contour
                drawn[box] |= mask
        found = as_lesions(connected_components(drawn), pet.geometry, self.minimum_volume_ml)
        notes = [
            *area.removal_notes(pet, self.preselection_suv),
            f"PRESELECTION: {len(seeds.labelmap.labels)} components of SUV "
            f"{self.preselection_suv:g} and {self.preselection_minimum_ml:g} mL or more",
            *_volume_notes(found, self.minimum_volume_ml),
        ]
        if leaked:
            notes.append(
                f"ISOCONTOUR_LEAKED: {leaked} isocontours grew into the background and were "
                "replaced by their preselected component"
            )
        return Segmentation(found.labelmap, self.name, self.version, "pet", tuple(notes))

    def _isocontour(
        self, pet: Volume, area: Assessable, seed: RegionStatistics, inside: BoolArray
    ) -> tuple[Box, BoolArray] | None:
        """The box and mask of one lesion's isocontour; None when it comes to its limit."""
        maximum = float(pet.array[seed.box][inside].max())
        box = grow_box(seed.box, pet.geometry.shape, pet.geometry.spacing, self.reach_mm)
        suv = pet.array[box]
        level = (suv >= self.percent / 100.0 * maximum) & (suv >= area.floor[box])
        labels = connected_components(level)
        start = tuple(s.start - b.start for s, b in zip(seed.box, box, strict=True))
        hottest = np.argwhere(inside & (pet.array[seed.box] >= maximum)) + start
        mask = np.isin(labels, np.unique(labels[tuple(hottest.T)]))
        for axis in range(3):
            # The edge of the image is no limit, only the edge of the reach is.
            first, last = np.take(mask, 0, axis=axis), np.take(mask, -1, axis=axis)
            if (box[axis].start > 0 and first.any()) or (
                box[axis].stop < pet.geometry.shape[axis] and last.any()
            ):
                return None
        return box, mask


def _volume_notes(found: Components, minimum_ml: float) -> tuple[str, ...]:
    if not found.dropped:
        return ()
    return (
        f"BELOW_MINIMUM_VOLUME: {found.dropped} components below {minimum_ml:g} mL, "
        f"{found.dropped_ml:.1f} mL in all",
    )


SUV_2_5 = FixedThreshold(2.5, MINIMUM_VOLUME_ML)
SUV_4_0 = FixedThreshold(4.0, MINIMUM_VOLUME_SUV_4_ML)
PERCENT_41 = PercentOfMaximum()
