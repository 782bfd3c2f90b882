"""Physiological uptake: taken out before any threshold, by organ masks, and accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, dilate_crop
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.constants import (
    GUARD_DEVIATIONS,
    GUARD_FACTOR,
    PHYSIOLOGICAL_DILATION_MM,
)
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.segmenter import RemovedUptake
from wbr_platform.segmentation.vocabulary import Uptake, is_organ, organs

# A robust standard deviation from the median absolute deviation of normal values.
_MAD_TO_SD = 1.4826
# Groups of organs without which much physiological FDG uptake stays in the image.
_EXPECTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("brain", ("brain",)),
    ("heart", ("heart", "heart_myocardium")),
    ("kidneys", ("kidneys", "kidney_left", "kidney_right")),
    ("urinary_bladder", ("urinary_bladder",)),
    ("stomach", ("stomach",)),
    ("bowel", ("bowel", "colon", "small_bowel")),
)


def _named(uptake: Uptake) -> frozenset[str]:
    return frozenset(o.name for o in organs().values() if o.physiological_uptake == uptake)


@dataclass(frozen=True)
class UptakePolicy:
    """What is done with the uptake of each organ; defaults are those of ``organs.csv`` (FDG).

    ``removed``: the organ's mask, grown by ``dilation_mm``, is taken out of the image. Lesions in
    such an organ are not assessed. ``guarded``: in the grown mask only voxels count that exceed
    1.5 x median + 2 x SD (robust) of the organ itself, whatever the threshold.
    """

    removed: frozenset[str] = field(default_factory=lambda: _named("removed"))
    guarded: frozenset[str] = field(default_factory=lambda: _named("guarded"))
    dilation_mm: float = PHYSIOLOGICAL_DILATION_MM


@dataclass(frozen=True)
class Assessable:
    """Where lesions may be: ``floor`` is the least SUV (z, y, x) that counts, infinite in removed
    organs; ``cause`` numbers the organ that raised it (0: none), named in ``causes`` with the level
    it raised it to in ``levels``."""

    floor: NDArray[np.float32]
    cause: NDArray[np.uint16]
    causes: tuple[str, ...]
    levels: tuple[float, ...]
    notes: tuple[str, ...]

    def removed(self, pet: Volume, threshold: float) -> tuple[RemovedUptake, ...]:
        """What the policy took from the voxels at or above a threshold: one row an organ, the
        largest volume first."""
        lost = (pet.array >= threshold) & (pet.array < self.floor)
        where = np.argwhere(lost)
        causes, suv = self.cause[lost], pet.array[lost]
        rows = [
            self._removed(number, where[causes == number], suv[causes == number], pet, threshold)
            for number in np.unique(causes).tolist()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.volume_ml, row.organ)))

    def _removed(
        self,
        number: int,
        where: NDArray[np.intp],
        suv: NDArray[np.float32],
        pet: Volume,
        threshold: float,
    ) -> RemovedUptake:
        organ, level = self.causes[number - 1], self.levels[number - 1]
        x, y, z = pet.geometry.index_to_world(where.mean(axis=0))[0]
        whole = bool(np.isposinf(level))
        reason = (
            "uptake in and around this organ is physiological"
            if whole
            else "uptake does not exceed the organ's own level"
        )
        return RemovedUptake(
            organ,
            "removed" if whole else "guarded",
            len(suv) * pet.geometry.voxel_volume_ml,
            float(suv.max()),
            threshold,
            None if whole else level,
            (float(x), float(y), float(z)),
            reason,
        )

    def removal_notes(self, pet: Volume, threshold: float) -> tuple[str, ...]:
        """What the policy took from the voxels at or above a threshold, in mL an organ."""
        lost = (pet.array >= threshold) & (pet.array < self.floor)
        counts = np.bincount(self.cause[lost], minlength=len(self.causes) + 1)[1:]
        voxel_ml = pet.geometry.voxel_volume_ml
        parts = [
            f"{name} {count * voxel_ml:.1f} mL"
            for name, count in zip(self.causes, counts, strict=True)
            if count
        ]
        if not parts:
            return self.notes
        total = counts.sum() * voxel_ml
        removed = (
            f"PHYSIOLOGICAL_UPTAKE_REMOVED: {total:.1f} mL at or above SUV {threshold:g} "
            f"in {', '.join(parts)}"
        )
        return (*self.notes, removed)


def assessable(pet: Volume, labelmap: LabelMap | None, policy: UptakePolicy) -> Assessable:
    """Where on the PET lesions may be, given the organs (on any grid; None: not known)."""
    floor = np.full(pet.geometry.shape, -np.inf, dtype=np.float32)
    cause = np.zeros(pet.geometry.shape, dtype=np.uint16)
    if labelmap is None or not any(map(is_organ, labelmap.labels.values())):
        note = (
            "PHYSIOLOGICAL_UPTAKE_NOT_REMOVED: no organ masks, so uptake of brain, heart, "
            "kidneys, bladder and bowel may count as tumour"
        )
        return Assessable(floor, cause, (), (), (note,))
    if not labelmap.geometry.same_grid(pet.geometry, SAME_GRID_MM):
        labelmap = resample_labels(labelmap, pet.geometry)
    causes: list[str] = []
    levels: list[float] = []
    for name, mask, least in _raised(pet, labelmap, policy):
        box, grown = dilate_crop(mask, pet.geometry.spacing, policy.dilation_mm)
        higher = grown & (floor[box] < least)
        floor[box][higher] = least
        causes.append(name)
        levels.append(least)
        cause[box][higher] = len(causes)
    excluded = np.count_nonzero(np.isposinf(floor)) * pet.geometry.voxel_volume_ml
    notes = [*_missing_note(labelmap)]
    if excluded:
        notes.append(f"NOT_ASSESSED: {excluded:.1f} mL in and around organs of normal uptake")
    return Assessable(floor, cause, tuple(causes), tuple(levels), tuple(notes))


def _raised(
    pet: Volume, labelmap: LabelMap, policy: UptakePolicy
) -> Iterator[tuple[str, BoolArray, float]]:
    """Organs with a rule (name, mask, least SUV that counts), guarded ones first."""
    present = np.flatnonzero(np.bincount(labelmap.array.ravel()))
    named = {labelmap.labels[int(i)]: int(i) for i in present if int(i) in labelmap.labels}
    for name in sorted(named):
        if name in policy.guarded:
            mask = labelmap.array == named[name]
            yield name, mask, guard_level(pet.array[mask])
    for name in sorted(named):
        if name in policy.removed:
            yield name, labelmap.array == named[name], float("inf")


def guard_level(values: NDArray[np.float32]) -> float:
    """1.5 x median + 2 x SD of an organ's SUV, the SD from the median absolute deviation.

    Both estimates stand lesions in less than half of the organ.
    """
    median = float(np.median(values))
    deviation = _MAD_TO_SD * float(np.median(np.abs(values - median)))
    return GUARD_FACTOR * median + GUARD_DEVIATIONS * deviation


def _missing_note(labelmap: LabelMap) -> Iterator[str]:
    names = set(labelmap.labels.values())
    missing = [group for group, members in _EXPECTED if names.isdisjoint(members)]
    if missing:
        yield (
            "PHYSIOLOGICAL_UPTAKE_PARTLY_REMOVED: no mask of "
            f"{', '.join(missing)}, whose uptake may count as tumour"
        )
