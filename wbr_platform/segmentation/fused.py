"""A consensus of the four threshold methods as a method of its own: STAPLE and SIMPLE."""

from __future__ import annotations

from dataclasses import dataclass, field

from wbr_platform.segmentation.consensus import fuse_masks
from wbr_platform.segmentation.constants import MINIMUM_VOLUME_ML
from wbr_platform.segmentation.scene import LesionScene
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import UptakePolicy
from wbr_platform.segmentation.votes import LOW_SUV, member_masks


@dataclass(frozen=True)
class FusedThresholds:
    """The consensus of 41 % of SUVmax, A50P, SUV 2.5 and SUV 4.0 by one of ``FUSIONS``."""

    name: str
    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV."""
        scene = LesionScene.of(inputs, self.policy)
        masks = {name: mask for name, mask, _ in member_masks(scene)}
        consensus = fuse_masks(masks, scene.pet.geometry, self.name)
        weights = ", ".join(f"{name} {value:.3f}" for name, value in consensus.weights.items())
        notes = (
            scene.preselection.note(len(scene.candidates)),
            f"CONSENSUS_WEIGHTS: {weights}",
        )
        return scene.segmentation(
            consensus.mask, self.name, self.version, self.minimum_volume_ml, LOW_SUV, notes
        )


STAPLE, SIMPLE = FusedThresholds("staple"), FusedThresholds("simple")
