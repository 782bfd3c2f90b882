"""From a volume and a label map to one region at a time, on the policy's grid.

The image is interpolated once, over all regions; each region's membership on its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.crop import (
    Box,
    Margin,
    cut_padded,
    gathered,
    grown,
    label_boxes,
    tight_box,
)
from wbr_platform.radiomics.interpolation import (
    SPLINE_MARGIN,
    AxisTaps,
    interpolate,
    linear_taps,
    positions,
    spline_coefficients,
    spline_taps,
)
from wbr_platform.radiomics.local_intensity import peak_margin
from wbr_platform.radiomics.policy import FixedBinNumber, Policy
from wbr_platform.radiomics.reasons import Reason

# Memberships this close to the threshold reach it: rounding must not decide (0.4999… for 0.5).
_ROUNDING = 1e-6

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Region:
    """A region cut out with the :func:`region_margin` of its policy on every side.

    ``image``, ``morphological_mask`` and ``intensity_mask`` (the part that re-segmentation left)
    share their axes (z, y, x). Voxels beyond the image are NaN. ``box`` is the morphological
    mask's tight box, ``place`` the same box on the policy's grid; ``intensities`` (n,) are those
    of the intensity mask. ``spacing`` in mm.
    """

    image: NDArray[np.floating[Any]]
    morphological_mask: NDArray[np.bool_]
    intensity_mask: NDArray[np.bool_]
    intensities: NDArray[np.float64]
    box: Box
    place: Box
    spacing: Spacing


@dataclass(frozen=True)
class _Axis:
    """One axis of the policy's grid: where its voxels lie on the image's axis."""

    at: NDArray[np.float64]
    old_size: int

    def range_of(self, old: slice) -> slice:
        """The new voxels which some old ones can reach by linear interpolation."""
        low, high = np.searchsorted(self.at, (old.start - 1 + 1e-9, old.stop - 1e-9))
        # At the image's border the outer half voxel belongs to the outermost voxel.
        first = 0 if old.start == 0 else int(low)
        last = len(self.at) if old.stop == self.old_size else int(high)
        return slice(first, max(last, first))


class RegionSource:
    """The regions of a label map, ready for the features of one policy."""

    def __init__(self, volume: Volume, labelmap: LabelMap, policy: Policy) -> None:
        self._policy = policy
        self._labels = np.asarray(labelmap.array)
        self.labels = tuple(sorted(labelmap.labels))
        self._boxes = label_boxes(self._labels, max(labelmap.labels, default=0))
        old = volume.geometry
        self._grid = policy_grid(old, policy)
        self._resampled = self._grid is not old
        self.spacing = self._grid.spacing
        self._margin = region_margin(self.spacing, policy)
        self._axes = [
            _Axis(positions(n, s, m, t), n)
            for n, s, m, t in zip(
                old.shape, old.spacing, self._grid.shape, self._grid.spacing, strict=True
            )
        ]
        self._window = self._window_of_all()
        self._image = self._interpolated(volume.array)

    def region(self, label: int) -> Region | Reason:
        """The region of a label, or the reason why there is none."""
        old_box = self._boxes[label - 1] if 0 < label <= len(self._boxes) else None
        if old_box is None:
            return Reason.EMPTY_REGION
        mask, box = self._membership(label, old_box)
        inner = tight_box(mask) if self._resampled else _whole(mask)
        if inner is None:
            return Reason.EMPTY_REGION
        placed = [
            slice(o.start + i.start, o.start + i.stop) for o, i in zip(box, inner, strict=True)
        ]
        place = placed[0], placed[1], placed[2]
        wide = grown(place, self._margin)
        on_window = [
            slice(w.start - o.start, w.stop - o.start)
            for w, o in zip(wide, self._window, strict=True)
        ]
        image = cut_padded(self._image, (on_window[0], on_window[1], on_window[2]), np.nan)
        if self._policy.round_intensities:
            np.rint(image, out=image)
        padded = np.zeros(image.shape, dtype=np.bool_)
        core = [slice(m, n - m) for m, n in zip(self._margin, image.shape, strict=True)]
        tight = core[0], core[1], core[2]
        padded[tight] = mask[inner]
        return resegmented(image, padded, (tight, place), self.spacing, self._policy)

    def box_voxels(self, label: int) -> int:
        """Voxels of the label's box on the image's grid: how long its features will take."""
        box = self._boxes[label - 1]
        return 0 if box is None else math.prod(side.stop - side.start for side in box)

    def _membership(self, label: int, old_box: Box) -> tuple[NDArray[np.bool_], Box]:
        """The label's mask on the new grid, and the box of that grid which it fills."""
        if not self._resampled:
            return self._labels[old_box] == label, old_box
        # One voxel of margin (inside the image): beyond it the membership is nought.
        wide = [
            slice(max(side.start - 1, 0), min(side.stop + 1, axis.old_size))
            for side, axis in zip(old_box, self._axes, strict=True)
        ]
        new = self._new_box(old_box)
        taps = [
            linear_taps(axis.at[part], axis.old_size, outside_is_zero=True)
            for axis, part in zip(self._axes, new, strict=True)
        ]
        shifted = [_clipped(tap, side) for tap, side in zip(taps, wide, strict=True)]
        crop = (self._labels[tuple(wide)] == label).astype(np.float32)
        membership = interpolate(crop, (shifted[0], shifted[1], shifted[2]))
        return membership >= self._policy.mask_threshold - _ROUNDING, new

    def _new_box(self, old_box: Box) -> Box:
        sides = [axis.range_of(side) for axis, side in zip(self._axes, old_box, strict=True)]
        return sides[0], sides[1], sides[2]

    def _window_of_all(self) -> Box:
        """The part of the new grid that all regions and their margins need."""
        boxes = [self._new_box(box) for box in self._boxes if box is not None]
        sides = []
        for axis in range(3):
            size, margin = self._grid.shape[axis], self._margin[axis]
            start = min((box[axis].start for box in boxes), default=0) - margin
            stop = max((box[axis].stop for box in boxes), default=1) + margin
            sides.append(slice(max(start, 0), min(stop, size)))
        return sides[0], sides[1], sides[2]

    def _interpolated(self, array: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """The image over the window, not rounded yet."""
        image: NDArray[np.floating[Any]]
        if not self._resampled:
            image = array[self._window]
        elif self._policy.image_interpolator == "spline":
            image = self._spline(array)
        else:
            taps = [
                linear_taps(axis.at[part], axis.old_size)
                for axis, part in zip(self._axes, self._window, strict=True)
            ]
            image = interpolate(array, (taps[0], taps[1], taps[2]), "float32")
        return image

    def _spline(self, array: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        taps = [
            spline_taps(axis.at[part], axis.old_size)
            for axis, part in zip(self._axes, self._window, strict=True)
        ]
        needed = [
            slice(
                max(int(t.indices.min()) - SPLINE_MARGIN, 0), int(t.indices.max()) + SPLINE_MARGIN
            )
            for t in taps
        ]
        coefficients = spline_coefficients(array[tuple(needed)])
        shifted = [
            AxisTaps(tap.indices - side.start, tap.weights)
            for tap, side in zip(taps, needed, strict=True)
        ]
        return interpolate(coefficients, (shifted[0], shifted[1], shifted[2]))


def region_parameters(policy: Policy) -> Policy:
    """The policy with neutral values wherever they do not change the regions."""
    return Policy(
        name="regions",
        discretisation=FixedBinNumber(1),
        spacing=policy.spacing,
        image_interpolator=policy.image_interpolator,
        mask_threshold=policy.mask_threshold,
        round_intensities=policy.round_intensities,
        resegmentation_range=policy.resegmentation_range,
        outlier_sigma=policy.outlier_sigma,
        glcm_distance=max(policy.glcm_distance, policy.neighbourhood_distance),
    )


def region_margin(spacing: Spacing, policy: Policy) -> Margin:
    """How many voxels (z, y, x) round a region its features may look at."""
    least = max(1, policy.glcm_distance, policy.neighbourhood_distance)
    z, y, x = peak_margin(spacing)
    return max(least, z), max(least, y), max(least, x)


def _whole(mask: NDArray[np.bool_]) -> Box:
    sides = [slice(0, size) for size in mask.shape]
    return sides[0], sides[1], sides[2]


def _clipped(taps: AxisTaps, side: slice) -> AxisTaps:
    """Taps for a crop: voxels outside it have no weight (their membership is nought)."""
    inside = (taps.indices >= side.start) & (taps.indices < side.stop)
    indices = np.where(inside, taps.indices - side.start, 0)
    return AxisTaps(indices, np.where(inside, taps.weights, 0.0))


def policy_grid(geometry: Geometry, policy: Policy) -> Geometry:
    """The grid of the features; the very same object when the policy does not resample."""
    if policy.spacing is None:
        return geometry
    z, y, x = (new or old for new, old in zip(policy.spacing, geometry.spacing, strict=True))
    if np.allclose((z, y, x), geometry.spacing, rtol=0, atol=1e-4):
        return geometry
    return geometry.with_spacing((z, y, x))


def resegmented(
    image: NDArray[np.floating[Any]],
    mask: NDArray[np.bool_],
    boxes: tuple[Box, Box],
    spacing: Spacing,
    policy: Policy,
) -> Region | Reason:
    """A region with its intensity mask: the range and the outlier limits both hold (IBSI IF9H).

    ``boxes``: the mask's tight box in ``image``, and on the policy's grid.
    """
    intensities = gathered(image, mask)
    if not np.isfinite(intensities).all():
        return Reason.NOT_FINITE_INTENSITY
    low, high = policy.resegmentation_range or (-np.inf, np.inf)
    if policy.outlier_sigma is not None:
        mean, spread = intensities.mean(), policy.outlier_sigma * intensities.std()
        low, high = max(low, mean - spread), min(high, mean + spread)
    if np.isinf(low) and np.isinf(high):
        return Region(image, mask, mask, intensities, *boxes, spacing)
    keeps = (intensities >= low) & (intensities <= high)
    if not keeps.any():
        return Reason.EMPTY_AFTER_RESEGMENTATION
    kept = mask.copy()
    kept[mask] = keeps
    return Region(image, mask, kept, intensities[keeps], *boxes, spacing)


def regions(
    volume: Volume, labelmap: LabelMap, policy: Policy
) -> Iterator[tuple[int, str, Region | Reason]]:
    """Every label with its name and its region, in the order of the labels."""
    source = RegionSource(volume, labelmap, policy)
    for label in source.labels:
        yield label, labelmap.labels[label], source.region(label)
