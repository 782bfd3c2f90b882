"""Votes among threshold methods, and the rule that chooses a method for each lesion.

The members are 41 % of SUVmax, A50P, SUV 2.5 and SUV 4.0, drawn without a minimum volume; MV2 and
MV3 are the voxels that at least two or three of them hold (Burggraaff et al., EJNMMI Res
2020;10:56; Kolinger et al., EJNMMI Res 2019). The lesion-adaptive rule takes SUV 4.0 where
SUVpeak > 8, else MV3 where the local background > 0.8, else MV2 (HOVON-84).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray, Box, bounding_box
from wbr_platform.segmentation.candidates import Candidate
from wbr_platform.segmentation.components import connected_components, region_statistics
from wbr_platform.segmentation.constants import (
    ADAPTIVE_BACKGROUND_SUV,
    ADAPTIVE_PEAK_SUV,
    MINIMUM_VOLUME_ML,
    PERCENT_OF_MAXIMUM,
)
from wbr_platform.segmentation.isocontours import a50p, draw_isocontours, share_of_maximum
from wbr_platform.segmentation.scene import LesionScene
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import UptakePolicy

LOW_SUV, HIGH_SUV = 2.5, 4.0
MEMBERS = ("percent_41", "a50p", "suv_2.5", "suv_4.0")


def member_masks(scene: LesionScene) -> Iterator[tuple[str, BoolArray, tuple[str, ...]]]:
    """Name, mask (z, y, x) and notes of each member, one at a time."""
    yield "percent_41", *draw_isocontours(scene, share_of_maximum(PERCENT_OF_MAXIMUM))
    yield "a50p", *draw_isocontours(scene, a50p)
    yield "suv_2.5", scene.at_least(LOW_SUV), ()
    yield "suv_4.0", scene.at_least(HIGH_SUV), ()


def count_votes(scene: LesionScene) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """How many members hold each voxel (z, y, x), and their notes."""
    votes = np.zeros(scene.pet.geometry.shape, dtype=np.uint8)
    notes: list[str] = []
    for name, mask, remarks in member_masks(scene):
        votes += mask
        notes += [f"{remark} ({name})" for remark in remarks]
    return votes, tuple(notes)


@dataclass(frozen=True)
class MajorityVote:
    """Voxels that at least ``votes`` of the four members hold."""

    votes: int
    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    @property
    def name(self) -> str:
        """mv2, mv3."""
        return f"mv{self.votes}"

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        scene = LesionScene.of(inputs, self.policy)
        votes, notes = count_votes(scene)
        notes = (scene.preselection.note(len(scene.candidates)), *notes)
        return scene.segmentation(
            votes >= self.votes, self.name, self.version, self.minimum_volume_ml, LOW_SUV, notes
        )


@dataclass(frozen=True)
class LesionAdaptive:
    """SUV 4.0, MV3 or MV2 for each candidate, by its peak and its background.

    Where candidates lie in one component of the votes, each of its voxels follows the rule of the
    nearest candidate. A component without a candidate (no SUV of 4.0 in 0.3 mL) is no lesion. A
    lesion without a background counts as one of low background.
    """

    peak_suv: float = ADAPTIVE_PEAK_SUV
    background_suv: float = ADAPTIVE_BACKGROUND_SUV
    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    name: str = "lesion_adaptive"
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def method_of(self, candidate: Candidate) -> str:
        """suv_4.0, mv3 or mv2."""
        if candidate.peak > self.peak_suv:
            return "suv_4.0"
        background = candidate.background
        return "mv3" if background is not None and background > self.background_suv else "mv2"

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        scene = LesionScene.of(inputs, self.policy)
        votes, notes = count_votes(scene)
        methods = {one.label: self.method_of(one) for one in scene.candidates}
        drawn = self._draw(scene, votes, methods)
        chosen = sorted(methods.values())
        counts = ", ".join(f"{name} for {chosen.count(name)}" for name in dict.fromkeys(chosen))
        notes = (
            scene.preselection.note(len(methods)),
            *notes,
            *([f"LESION_ADAPTIVE: {counts}"] if counts else []),
        )
        return scene.segmentation(
            drawn, self.name, self.version, self.minimum_volume_ml, LOW_SUV, notes
        )

    def _draw(
        self, scene: LesionScene, votes: NDArray[np.uint8], methods: dict[int, str]
    ) -> BoolArray:
        """MV2 holds MV3 and SUV 4.0 (which is in SUV 2.5), so its components hold everything."""
        seeds = np.zeros(votes.shape, dtype=np.uint32)
        for candidate in scene.candidates:
            seeds[candidate.box][candidate.inside] = candidate.label
        drawn = np.zeros(votes.shape, dtype=bool)
        components = connected_components(votes >= 2)
        for component in region_statistics(components):
            box = component.box
            inside = components[box] == component.label
            nearest = _nearest_seed(np.where(inside, seeds[box], 0), scene, box)
            for label in np.unique(nearest[inside]).tolist():
                mine = inside & (nearest == label)
                if methods.get(label) == "suv_4.0":
                    mine &= scene.pet.array[box] >= HIGH_SUV
                elif methods.get(label) == "mv3":
                    mine &= votes[box] >= 3
                elif label == 0:
                    continue
                drawn[box] |= mine
        return drawn


def _nearest_seed(seeds: NDArray[np.uint32], scene: LesionScene, box: Box) -> NDArray[np.uint32]:
    """For each voxel of a box the label of the nearest candidate; 0 when there is none."""
    present = np.unique(seeds[seeds > 0])
    if present.size < 2 or bounding_box(seeds > 0) is None:
        return np.full(seeds.shape, present[0] if present.size else 0, dtype=np.uint32)
    indices = ndimage.distance_transform_edt(
        seeds == 0,
        sampling=scene.pet.geometry.spacing,
        return_distances=False,
        return_indices=True,
    )
    return np.asarray(seeds[tuple(indices)])


MV2, MV3 = MajorityVote(2), MajorityVote(3)
LESION_ADAPTIVE = LesionAdaptive()
