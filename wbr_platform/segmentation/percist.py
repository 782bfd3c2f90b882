"""Lesions above PERCIST's threshold: 1.5 x mean + 2 SD of the liver, else from the blood pool.

PERCIST 1.0: Wahl et al., J Nucl Med 2009;50:122S; O, Lodge & Wahl, Radiology 2016;280:576. It is
defined in SUL. SUL is SUVbw times one factor a patient, and the threshold is linear in the image:
the lesions drawn in SUVbw are exactly those drawn in SUL.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.constants import (
    MINIMUM_VOLUME_ML,
    PERCIST_BLOOD_FACTOR,
    PERCIST_DEVIATIONS,
    PERCIST_LIVER_FACTOR,
)
from wbr_platform.segmentation.reference_regions import (
    ReferenceRegion,
    aortic_cylinder,
    liver_sphere,
)
from wbr_platform.segmentation.scene import LesionScene, suv_of
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.uptake import UptakePolicy


@dataclass(frozen=True)
class PercistThreshold:
    """The threshold (SUVbw), the region it came from, and why it is not the liver's."""

    suv: float
    reference: ReferenceRegion
    liver_refused: Refusal | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """The region with its mean and SD, and the threshold."""
        x, y, z = self.reference.centre
        found = (
            f"PERCIST_REFERENCE: {self.reference.name} of mean {self.reference.mean:.3f} and SD "
            f"{self.reference.sd:.3f} SUVbw at ({x:.0f}, {y:.0f}, {z:.0f}) mm; threshold SUVbw "
            f"{self.suv:.3f}"
        )
        if self.liver_refused is None:
            return (found,)
        return (
            found,
            f"PERCIST_BLOOD_POOL: the liver cannot be used ({self.liver_refused.reason_code})",
        )


def percist_threshold(pet: Volume, organs: LabelMap | None) -> PercistThreshold:
    """1.5 x mean + 2 SD of the liver; where that is refused, 2 x mean + 2 SD of the blood pool.

    Raises Refusal NO_REFERENCE_REGION when neither is to be had.
    """
    try:
        liver = liver_sphere(pet, organs)
    except Refusal as no_liver:
        try:
            blood = aortic_cylinder(pet, organs)
        except Refusal as no_blood:
            raise Refusal(
                "NO_REFERENCE_REGION",
                f"PERCIST needs the liver ({no_liver.reason_code}) or the aorta "
                f"({no_blood.reason_code})",
                "run an organ segmenter that draws them",
            ) from no_blood
        level = PERCIST_BLOOD_FACTOR * blood.mean + PERCIST_DEVIATIONS * blood.sd
        return PercistThreshold(level, blood, no_liver)
    return PercistThreshold(
        PERCIST_LIVER_FACTOR * liver.mean + PERCIST_DEVIATIONS * liver.sd, liver
    )


@dataclass(frozen=True)
class Percist:
    """Components above PERCIST's threshold, outside physiological uptake."""

    minimum_volume_ml: float = MINIMUM_VOLUME_ML
    policy: UptakePolicy = field(default_factory=UptakePolicy)
    name: str = "percist"
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("pet",)

    def available(self) -> Availability:
        """Always; it refuses studies without masks of liver and aorta."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the PET's grid; Refusal NO_PET, PET_NOT_SUV, NO_REFERENCE_REGION."""
        threshold = percist_threshold(suv_of(inputs), inputs.organs)
        scene = LesionScene.of(inputs, self.policy)
        return scene.segmentation(
            scene.at_least(threshold.suv),
            self.name,
            self.version,
            self.minimum_volume_ml,
            threshold.suv,
            threshold.notes,
        )


PERCIST = Percist()
