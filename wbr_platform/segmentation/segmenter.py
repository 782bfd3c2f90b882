"""What every segmenter is given, what it gives back, and how it says that it cannot run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from wbr_platform.imaging import LabelMap, NamedMask, Volume

Grid = Literal["pet", "ct"]
Target = Literal["organs", "lesions"]
Requirement = Literal["pet", "ct", "masks"]


@dataclass(frozen=True)
class SegmentationInputs:
    """All that is known of one study; a segmenter takes what it needs.

    ``pet`` is in SUVbw, ``ct`` in HU; ``masks`` came with the export, each on the grid of the
    image it was drawn on; ``organs`` is a finished organ segmentation on any grid.
    """

    pet: Volume | None = None
    ct: Volume | None = None
    masks: tuple[NamedMask, ...] = ()
    organs: LabelMap | None = None


@dataclass(frozen=True)
class RemovedUptake:
    """Uptake at or above a threshold that a lesion method left out, for a person to review.

    ``rule`` "removed": the organ's uptake is physiological whatever its height; "guarded": only
    what exceeds ``least_suv``, the organ's own level, counts as lesion. ``suv_max`` is the highest
    SUVbw left out, ``centroid`` its middle (LPS x, y, z in mm), ``reason`` a sentence.
    """

    organ: str
    rule: Literal["removed", "guarded"]
    volume_ml: float
    suv_max: float
    threshold_suv: float
    least_suv: float | None
    centroid: tuple[float, float, float]
    reason: str


@dataclass(frozen=True)
class Segmentation:
    """What one algorithm drew: regions on the grid of the PET or of the CT.

    ``notes`` are sentences that begin with a stable code ("CODE: what happened"); they hold no
    name or text of the export. ``removed`` lists the physiological uptake that was left out.
    """

    labelmap: LabelMap
    algorithm: str
    version: str
    grid: Grid
    notes: tuple[str, ...] = field(default=())
    removed: tuple[RemovedUptake, ...] = field(default=())


@dataclass(frozen=True)
class Availability:
    """Whether an algorithm can run on this machine, and the reason when it cannot."""

    ok: bool
    reason: str = ""


@runtime_checkable
class Segmenter(Protocol):
    """One algorithm for organs or for lesions.

    ``name`` is the key in the catalogue and in tables, ``version`` changes whenever results may.
    ``requires`` names the inputs without which :meth:`segment` refuses.
    """

    @property
    def name(self) -> str:
        """Key in the catalogue and in tables."""

    @property
    def version(self) -> str:
        """Changes whenever results may change."""

    @property
    def target(self) -> Target:
        """What it draws."""

    @property
    def requires(self) -> tuple[Requirement, ...]:
        """Inputs without which it refuses."""

    def available(self) -> Availability:
        """Whether it can run on this machine; looks, never loads or downloads."""

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw. Raises Refusal when the inputs do not allow it."""
