"""Lesions by one SUV threshold for the whole image: SUV >= 2.5 and SUV >= 4.0.

Definitions: SUV 2.5: Ilyas et al., EJNMMI 2018; SUV 4.0 with 3 mL: Boellaard et al., J Nucl Med
2024;65:1343. SUV is SUVbw everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wbr_platform.segmentation.constants import MINIMUM_VOLUME_ML, MINIMUM_VOLUME_SUV_4_ML
from wbr_platform.segmentation.scene import LesionScene
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import UptakePolicy


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
        scene = LesionScene.of(inputs, self.policy)
        return scene.segmentation(
            scene.at_least(self.threshold),
            self.name,
            self.version,
            self.minimum_volume_ml,
            self.threshold,
        )


SUV_2_5 = FixedThreshold(2.5, MINIMUM_VOLUME_ML)
SUV_4_0 = FixedThreshold(4.0, MINIMUM_VOLUME_SUV_4_ML)
