"""The CT made small enough to reason about: canonical, in voxels of some 3 mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging import Geometry, Volume
from wbr_platform.imaging.morphology import BoolArray, bounding_box, grow_box
from wbr_platform.imaging.resampling import resample
from wbr_platform.segmentation.canonical import Canonical

WORKING_MM = 3.0


@dataclass(frozen=True)
class WorkingScan:
    """``hu`` (z, y, x): block means of the CT, growing to head, back and left.

    ``suv`` is the PET on the same grid (None: no PET). ``factors`` are voxels of the CT in one of
    these, along each canonical axis.
    """

    hu: NDArray[np.float32]
    suv: NDArray[np.float32] | None
    geometry: Geometry
    turn: Canonical
    factors: tuple[int, int, int]

    @classmethod
    def of(cls, ct: Volume, pet: Volume | None) -> WorkingScan:
        """Voxels wider than 3 mm stay as they are."""
        turn = Canonical.of(ct.geometry)
        fine = turn.turned(ct.array)
        factors = tuple(
            max(1, min(round(WORKING_MM / step), size))
            for step, size in zip(turn.spacing, fine.shape, strict=True)
        )
        geometry = _coarse(turn.grid, (factors[0], factors[1], factors[2]))
        kept = fine[tuple(slice(0, n * f) for n, f in zip(geometry.shape, factors, strict=True))]
        hu = kept
        for axis, factor in enumerate(factors):
            hu = np.add.reduceat(hu, np.arange(0, hu.shape[axis], factor), axis=axis)
        hu = np.asarray(hu / np.float32(np.prod(factors)), dtype=np.float32)
        suv = None if pet is None else resample(pet, geometry).array
        return cls(hu, suv, geometry, turn, (factors[0], factors[1], factors[2]))

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm (z, y, x)."""
        return self.geometry.spacing

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return self.geometry.voxel_volume_ml

    def fine(self, mask: NDArray[Any]) -> NDArray[Any]:
        """A mask or map of this grid on the canonical grid of the CT, each voxel repeated."""
        for axis, (factor, size) in enumerate(zip(self.factors, self.turn.grid.shape, strict=True)):
            index = np.minimum(np.arange(size) // factor, mask.shape[axis] - 1)
            mask = np.take(mask, index, axis=axis)
        return mask

    def distance_to(self, mask: BoolArray) -> NDArray[np.float32]:
        """Squared mm from each voxel to the nearest voxel of a mask that is not empty."""
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(self.spacing[::-1])
        signed = sitk.SignedMaurerDistanceMap(image, False, True, True)
        return np.maximum(sitk.GetArrayFromImage(signed), 0.0)

    def grown(self, mask: BoolArray, radius_mm: float) -> BoolArray:
        """A mask grown by a radius."""
        tight = bounding_box(mask)
        if tight is None:
            return mask
        box = grow_box(tight, mask.shape, self.spacing, radius_mm)
        grown = mask.copy()
        grown[box] |= self.distance_to(mask[box]) <= radius_mm**2
        return grown

    def shrunk(self, mask: BoolArray, radius_mm: float) -> BoolArray:
        """A mask shrunk by a radius; beyond the image it goes on."""
        tight = bounding_box(mask)
        if tight is None or mask.all():
            return mask
        box = grow_box(tight, mask.shape, self.spacing, 0.0)
        shrunk = mask.copy()
        if not mask[box].all():
            shrunk[box] &= self.distance_to(~mask[box]) > radius_mm**2
        return shrunk

    def closed(self, mask: BoolArray, radius_mm: float) -> BoolArray:
        """Grown and shrunk again, without a loss at the image's edge."""
        return self.shrunk(self.grown(mask, radius_mm), radius_mm) | mask

    def opened(self, mask: BoolArray, radius_mm: float) -> BoolArray:
        """Shrunk and grown again."""
        return self.grown(self.shrunk(mask, radius_mm), radius_mm) & mask

    def largest(self, mask: BoolArray, share: float = 1.0) -> BoolArray:
        """The largest component (faces) and those of at least ``share`` of its size."""
        labels, count = ndimage.label(mask)
        if not count:
            return mask
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        return np.isin(labels, np.flatnonzero(sizes >= share * sizes.max()))


def _coarse(grid: Geometry, factors: tuple[int, int, int]) -> Geometry:
    sizes = [max(1, n // f) for n, f in zip(grid.shape, factors, strict=True)]
    z, y, x = (step * factor for step, factor in zip(grid.spacing, factors, strict=True))
    origin = grid.index_to_world([(f - 1) / 2 for f in factors])[0]
    return Geometry(
        (sizes[0], sizes[1], sizes[2]),
        (z, y, x),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        grid.direction,
    )


def filled_planes(mask: BoolArray) -> BoolArray:
    """A mask with the holes of each axial plane filled."""
    filled = np.empty_like(mask)
    for plane, source in zip(filled, mask, strict=True):
        plane[...] = ndimage.binary_fill_holes(source) if source.any() else source
    return filled
