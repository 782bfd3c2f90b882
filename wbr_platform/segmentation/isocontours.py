"""Isocontours: every candidate gets its own threshold, by a rule.

1. Candidates: 26-connected components of SUV >= 4.0 outside physiological uptake, of 0.3 mL on.
2. For each, the voxels at or above its threshold that are 26-connected to its maximum; they may
   lie outside the preselection, up to a reach from its box, and never in physiological uptake.
3. An isocontour that comes to the limit of its reach has leaked into the background, and a rule may
   have no answer: the preselected component then stands in its place, with a note.
4. Isocontours that meet are one lesion; lesions below a minimum volume are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from wbr_platform.imaging.morphology import BoolArray, Box, grow_box
from wbr_platform.segmentation.candidates import Candidate
from wbr_platform.segmentation.components import connected_components
from wbr_platform.segmentation.constants import (
    A50P_SHARE,
    ISOCONTOUR_REACH_MM,
    MINIMUM_VOLUME_ML,
    NESTLE_SHARE,
    PERCENT_OF_MAXIMUM,
    PRESELECTION_MINIMUM_ML,
    PRESELECTION_SUV,
)
from wbr_platform.segmentation.scene import LesionScene, Preselection
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import UptakePolicy

# The SUV at which a candidate's isocontour lies; None when it cannot be told.
LevelRule: TypeAlias = Callable[[Candidate], float | None]


def share_of_maximum(percent: float) -> LevelRule:
    """percent / 100 x SUVmax."""
    return lambda candidate: percent / 100.0 * candidate.maximum


def a50p(candidate: Candidate) -> float | None:
    """0.5 x (SUVpeak + background); None without a background."""
    if candidate.background is None:
        return None
    return A50P_SHARE * (candidate.peak + candidate.background)


def nestle(candidate: Candidate) -> float | None:
    """0.15 x mean of the 70 % isocontour + background; None without a background."""
    if candidate.background is None:
        return None
    return NESTLE_SHARE * candidate.core_mean + candidate.background


def draw_isocontours(
    scene: LesionScene, rule: LevelRule, reach_mm: float = ISOCONTOUR_REACH_MM
) -> tuple[BoolArray, tuple[str, ...]]:
    """All isocontours of a scene as one mask (z, y, x), and notes on those that were replaced."""
    drawn = np.zeros(scene.pet.geometry.shape, dtype=bool)
    leaked = unknown = 0
    for candidate in scene.candidates:
        level = rule(candidate)
        contour = None if level is None else _isocontour(candidate, level, reach_mm)
        if contour is not None:
            box, mask = contour
            drawn[box] |= mask
            continue
        drawn[candidate.box] |= candidate.inside
        unknown += level is None
        leaked += level is not None
    notes = []
    if leaked:
        notes.append(
            f"ISOCONTOUR_LEAKED: {leaked} isocontours grew into the background and were "
            "replaced by their preselected component"
        )
    if unknown:
        notes.append(
            f"BACKGROUND_UNKNOWN: {unknown} lesions without a background are drawn as their "
            "preselected component"
        )
    return drawn, tuple(notes)


def _isocontour(
    candidate: Candidate, level: float, reach_mm: float
) -> tuple[Box, BoolArray] | None:
    """The box and mask of one isocontour; None when it comes to its limit."""
    geometry = candidate.pet.geometry
    box = grow_box(candidate.box, geometry.shape, geometry.spacing, reach_mm)
    suv = candidate.pet.array[box]
    labels = connected_components((suv >= level) & (suv >= candidate.area.floor[box]))
    hottest = candidate.hottest - [side.start for side in box]
    mask = np.isin(labels, np.unique(labels[tuple(hottest.T)]))
    for axis in range(3):
        # The edge of the image is no limit, only the edge of the reach is.
        first, last = np.take(mask, 0, axis=axis), np.take(mask, -1, axis=axis)
        if (box[axis].start > 0 and first.any()) or (
            box[axis].stop < geometry.shape[axis] and last.any()
        ):
            return None
    return box, mask


@dataclass(frozen=True)
class AdaptedIsocontour:
    """Isocontours at a threshold that a rule finds for each lesion."""

    name: str
    rule: LevelRule
    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    preselection: Preselection = field(default_factory=Preselection)
    reach_mm: float = ISOCONTOUR_REACH_MM
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        scene = LesionScene.of(inputs, self.policy, self.preselection)
        drawn, notes = draw_isocontours(scene, self.rule, self.reach_mm)
        return scene.segmentation(
            drawn,
            self.name,
            self.version,
            self.minimum_volume_ml,
            self.preselection.suv,
            (self.preselection.note(len(scene.candidates)), *notes),
        )


@dataclass(frozen=True)
class PercentOfMaximum:
    """The isocontour at ``percent`` of SUVmax of every candidate."""

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
        return AdaptedIsocontour(
            self.name,
            share_of_maximum(self.percent),
            self.minimum_volume_ml,
            Preselection(self.preselection_suv, self.preselection_minimum_ml),
            self.reach_mm,
            self.policy,
            self.version,
        ).segment(inputs)


PERCENT_41 = PercentOfMaximum()
PERCENT_50 = PercentOfMaximum(50.0)
A50P = AdaptedIsocontour("a50p", a50p)
NESTLE = AdaptedIsocontour("nestle", nestle)
