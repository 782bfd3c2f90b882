"""One PET with what lesion methods ask of it: where lesions may be, and the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wbr_platform.imaging import Volume
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.candidates import Candidate
from wbr_platform.segmentation.components import (
    Components,
    as_lesions,
    connected_components,
    region_statistics,
)
from wbr_platform.segmentation.constants import PRESELECTION_MINIMUM_ML, PRESELECTION_SUV
from wbr_platform.segmentation.segmenter import Segmentation, SegmentationInputs
from wbr_platform.segmentation.uptake import Assessable, UptakePolicy, assessable


def suv_of(inputs: SegmentationInputs) -> Volume:
    """The PET in SUVbw; Refusal NO_PET or PET_NOT_SUV."""
    if inputs.pet is None:
        raise Refusal("NO_PET", "the study has no PET", "thresholds need a PET in SUVbw")
    if inputs.pet.unit != "SUVbw":
        raise Refusal("PET_NOT_SUV", f"the PET is in {inputs.pet.unit}", "convert it to SUVbw")
    return inputs.pet


@dataclass(frozen=True)
class Preselection:
    """Candidates: components of SUV >= ``suv`` outside physiological uptake, of this size on."""

    suv: float = PRESELECTION_SUV
    minimum_ml: float = PRESELECTION_MINIMUM_ML

    def note(self, count: int) -> str:
        """How many there are."""
        return (
            f"PRESELECTION: {count} components of SUV {self.suv:g} and {self.minimum_ml:g} mL "
            "or more"
        )


@dataclass(frozen=True)
class LesionScene:
    """A PET in SUVbw, where on it lesions may be, and its candidates (found when first asked)."""

    pet: Volume
    area: Assessable
    preselection: Preselection

    @classmethod
    def of(
        cls,
        inputs: SegmentationInputs,
        policy: UptakePolicy,
        preselection: Preselection | None = None,
    ) -> LesionScene:
        """Refusal NO_PET, PET_NOT_SUV."""
        pet = suv_of(inputs)
        area = assessable(pet, inputs.organs, policy)
        return cls(pet, area, preselection or Preselection())

    def at_least(self, suv: float) -> BoolArray:
        """Voxels (z, y, x) at or above a threshold where lesions may be."""
        return np.asarray((self.pet.array >= suv) & (self.pet.array >= self.area.floor))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The preselected lesions, the largest first."""
        hot = connected_components(self.at_least(self.preselection.suv))
        seeds = as_lesions(hot, self.pet.geometry, self.preselection.minimum_ml).labelmap.array
        return tuple(
            Candidate(self.pet, self.area, seed.label, seed.box, seeds[seed.box] == seed.label)
            for seed in region_statistics(seeds)
        )

    def segmentation(
        self,
        mask: BoolArray,
        algorithm: str,
        version: str,
        minimum_ml: float,
        threshold: float,
        notes: Sequence[str] = (),
    ) -> Segmentation:
        """The components of a mask as lesions, with the account of what was left out.

        ``threshold`` is the SUV from which on removed uptake is accounted for.
        """
        found = as_lesions(connected_components(mask), self.pet.geometry, minimum_ml)
        return Segmentation(
            found.labelmap,
            algorithm,
            version,
            "pet",
            (
                *self.area.removal_notes(self.pet, threshold),
                *notes,
                *_volume_notes(found, minimum_ml),
            ),
            self.area.removed(self.pet, threshold),
        )


def _volume_notes(found: Components, minimum_ml: float) -> tuple[str, ...]:
    if not found.dropped:
        return ()
    return (
        f"BELOW_MINIMUM_VOLUME: {found.dropped} components below {minimum_ml:g} mL, "
        f"{found.dropped_ml:.1f} mL in all",
    )
