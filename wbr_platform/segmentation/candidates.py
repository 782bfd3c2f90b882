"""One preselected lesion: its maximum, its peak and the background around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging import Volume
from wbr_platform.imaging.morphology import BoolArray, Box, Spacing, grow_box
from wbr_platform.segmentation.components import connected_components
from wbr_platform.segmentation.constants import (
    BACKGROUND_DISTANCE_MM,
    BACKGROUND_MINIMUM_VOXELS,
    BACKGROUND_SUV_ABOVE,
    BACKGROUND_SUV_BELOW,
    BACKGROUND_THICKNESS_MM,
    CORE_PERCENT,
    PEAK_VOLUME_ML,
)
from wbr_platform.segmentation.uptake import Assessable

PEAK_RADIUS_MM = 10.0 * (3.0 * PEAK_VOLUME_ML / (4.0 * math.pi)) ** (1.0 / 3.0)


@dataclass(frozen=True)
class Candidate:
    """A preselected lesion: ``inside`` (z, y, x) within ``box`` of the PET's array."""

    pet: Volume
    area: Assessable
    label: int
    box: Box
    inside: BoolArray

    @cached_property
    def maximum(self) -> float:
        """SUVmax."""
        return float(self.pet.array[self.box][self.inside].max())

    @cached_property
    def hottest(self) -> NDArray[np.intp]:
        """Indices (n, 3) in the whole array of the voxels of SUVmax."""
        start = [side.start for side in self.box]
        return np.argwhere(self.inside & (self.pet.array[self.box] >= self.maximum)) + start

    @cached_property
    def peak(self) -> float:
        """SUVpeak: the highest mean over 1 mL round any voxel of the lesion."""
        centres = np.argwhere(self.inside) + [side.start for side in self.box]
        offsets = _sphere_offsets(self.pet.geometry.spacing, PEAK_RADIUS_MM)
        total = np.zeros(len(centres))
        counted = np.zeros(len(centres))
        shape = np.array(self.pet.geometry.shape)
        for offset in offsets:
            at = centres + offset
            known = ((at >= 0) & (at < shape)).all(axis=1)
            total[known] += self.pet.array[tuple(at[known].T)]
            counted += known
        return float((total / counted).max())

    @cached_property
    def core(self) -> BoolArray:
        """The 70 % isocontour (z, y, x) in the box: what is connected to the maximum."""
        level = self.inside & (self.pet.array[self.box] >= CORE_PERCENT / 100.0 * self.maximum)
        labels = connected_components(level)
        at_maximum = self.hottest - [side.start for side in self.box]
        return np.isin(labels, np.unique(labels[tuple(at_maximum.T)]))

    @cached_property
    def core_mean(self) -> float:
        """Mean SUV of the 70 % isocontour."""
        return float(self.pet.array[self.box][self.core].mean())

    @cached_property
    def background(self) -> float | None:
        """Mean SUV of the shell around the 70 % isocontour; None when hardly a voxel counts.

        Voxels of SUV 2.5 and above, of removed organs, and of air do not count.
        """
        spacing = self.pet.geometry.spacing
        reach = BACKGROUND_DISTANCE_MM + BACKGROUND_THICKNESS_MM
        wide = grow_box(self.box, self.pet.geometry.shape, spacing, reach)
        core = np.zeros([side.stop - side.start for side in wide], dtype=bool)
        place = tuple(
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(self.box, wide, strict=True)
        )
        core[place] = self.core
        distance = ndimage.distance_transform_edt(~core, sampling=spacing)
        suv = self.pet.array[wide]
        counts = (distance >= BACKGROUND_DISTANCE_MM) & (distance <= reach)
        counts &= (suv < BACKGROUND_SUV_BELOW) & (suv > BACKGROUND_SUV_ABOVE)
        counts &= ~np.isposinf(self.area.floor[wide])
        if np.count_nonzero(counts) < BACKGROUND_MINIMUM_VOXELS:
            return None
        return float(suv[counts].mean())


def _sphere_offsets(spacing: Spacing, radius_mm: float) -> NDArray[np.intp]:
    """Index offsets (n, 3) of the voxels whose centres lie within a sphere."""
    reach = [int(radius_mm // step) for step in spacing]
    offsets = np.indices([2 * n + 1 for n in reach]).reshape(3, -1).T - reach
    return offsets[((offsets * spacing) ** 2).sum(axis=1) <= radius_mm**2]
