"""Resampling between grids, with one rule for labels everywhere."""

from __future__ import annotations

from typing import Literal

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.simpleitk import to_array, to_image
from wbr_platform.imaging.volume import LabelMap, NamedMask, Volume

Interpolator = Literal["nearest", "linear", "bspline"]

_INTERPOLATORS = {
    "nearest": sitk.sitkNearestNeighbor,
    "linear": sitk.sitkLinear,
    "bspline": sitk.sitkBSpline,
}

# Memberships closer than this are equal: rounding must not decide on which side a border falls.
TIE = 1e-5


def _resample(
    image: sitk.Image, geometry: Geometry, interpolator: int, outside: float
) -> sitk.Image:
    return sitk.Resample(
        image,
        [int(n) for n in geometry.shape[::-1]],
        sitk.Transform(),
        interpolator,
        [float(v) for v in geometry.origin],
        [float(s) for s in geometry.spacing[::-1]],
        [float(v) for v in geometry.direction],
        outside,
    )


def resample(
    volume: Volume,
    geometry: Geometry,
    interpolator: Interpolator = "linear",
    outside: float | None = None,
) -> Volume:
    """A volume on another grid; ``bspline`` is the cubic B-spline.

    Voxels beyond the image get ``outside`` (default: -1024 for HU, 0 otherwise).
    """
    if volume.geometry.same_grid(geometry, tolerance_mm=1e-6):
        return Volume(volume.array, geometry, volume.unit)
    if outside is None:
        outside = -1024.0 if volume.unit == "HU" else 0.0
    image = to_image(np.ascontiguousarray(volume.array, dtype=np.float32), volume.geometry)
    resampled = _resample(image, geometry, _INTERPOLATORS[interpolator], outside)
    return Volume(to_array(resampled).astype(np.float32), geometry, volume.unit)


def _box_on(
    geometry: Geometry, source: Geometry, box: tuple[slice, ...]
) -> tuple[slice, ...] | None:
    """The part of ``geometry`` that a box of voxels of ``source`` can reach; None when nothing."""
    bounds = [(part.start - 0.5, part.stop - 0.5) for part in box]
    corners = np.array(np.meshgrid(*bounds, indexing="ij")).reshape(3, -1).T
    indices = geometry.world_to_index(source.index_to_world(corners))
    low = np.maximum(np.floor(indices.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(indices.max(axis=0)).astype(int) + 1, geometry.shape)
    if (low >= high).any():
        return None
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _crop(geometry: Geometry, box: tuple[slice, ...]) -> Geometry:
    z, y, x = box
    shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
    return geometry.cropped((z.start, y.start, x.start), shape)


def resample_labels(labelmap: LabelMap, geometry: Geometry) -> LabelMap:
    """A label map on another grid, by the rule that holds everywhere in the platform.

    Each label's membership (0 or 1) is interpolated linearly at the new voxel centre and the label
    with the greatest membership wins, the background being one of them; a tie goes to the lower
    label and never to the background. So a single region holds where its membership is one half or
    more, as IBSI asks (section "Interpolation", partially masked voxels).
    """
    if labelmap.geometry.same_grid(geometry, tolerance_mm=1e-6):
        return LabelMap(labelmap.array, geometry, labelmap.labels)
    source = labelmap.array
    winner = np.zeros(geometry.shape, dtype=source.dtype)
    greatest = np.zeros(geometry.shape, dtype=np.float32)
    total = np.zeros(geometry.shape, dtype=np.float32)
    for label, found in enumerate(ndimage.find_objects(source), start=1):
        if found is None:
            continue
        # One voxel of margin: beyond it the label's membership is nought.
        box = tuple(
            slice(max(part.start - 1, 0), min(part.stop + 1, size))
            for part, size in zip(found, source.shape, strict=True)
        )
        there = _box_on(geometry, labelmap.geometry, box)
        if there is None:
            continue
        image = to_image((source[box] == label).astype(np.float32), _crop(labelmap.geometry, box))
        resampled = _resample(image, _crop(geometry, there), sitk.sitkLinear, 0.0)
        membership = to_array(resampled)
        better = membership > greatest[there] + TIE
        winner[there][better] = label
        greatest[there][better] = membership[better]
        total[there] += membership
    winner[greatest + TIE < 1.0 - total] = 0
    return LabelMap(winner, geometry, labelmap.labels)


def resample_mask(mask: NamedMask, geometry: Geometry) -> NamedMask:
    """One mask on another grid, by the same rule as :func:`resample_labels`."""
    as_labels = LabelMap(mask.mask.astype(np.uint8), mask.geometry, {1: mask.name})
    moved = resample_labels(as_labels, geometry)
    return NamedMask(mask.name, moved.array > 0, geometry, mask.source, mask.code, mask.notes)
