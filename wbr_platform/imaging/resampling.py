"""Resampling between grids, with one rule for labels everywhere."""

from __future__ import annotations

from typing import Literal

import numpy as np
import SimpleITK as sitk

from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.simpleitk import to_array, to_image
from wbr_platform.imaging.volume import LabelMap, NamedMask, Volume

Interpolator = Literal["nearest", "linear", "bspline"]

_INTERPOLATORS = {
    "nearest": sitk.sitkNearestNeighbor,
    "linear": sitk.sitkLinear,
    "bspline": sitk.sitkBSpline,
}


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


def resample_labels(labelmap: LabelMap, geometry: Geometry) -> LabelMap:
    """A label map on another grid, by the rule that holds everywhere in the platform.

    Each label's membership (0 or 1) is interpolated linearly at the new voxel centre and the label
    with the greatest membership wins (for a single region: membership of one half or more).
    """
    if labelmap.geometry.same_grid(geometry, tolerance_mm=1e-6):
        return LabelMap(labelmap.array, geometry, labelmap.labels)
    image = to_image(np.ascontiguousarray(labelmap.array, dtype=np.uint16), labelmap.geometry)
    resampled = _resample(image, geometry, sitk.sitkLabelLinear, 0)
    return LabelMap(to_array(resampled).astype(labelmap.array.dtype), geometry, labelmap.labels)


def resample_mask(mask: NamedMask, geometry: Geometry) -> NamedMask:
    """One mask on another grid, by the same rule as :func:`resample_labels`."""
    as_labels = LabelMap(mask.mask.astype(np.uint8), mask.geometry, {1: mask.name})
    moved = resample_labels(as_labels, geometry)
    return NamedMask(mask.name, moved.array > 0, geometry, mask.source, mask.code, mask.notes)
