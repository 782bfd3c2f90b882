"""Putting one frame of a SEG object onto the voxels of an image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wbr_platform.dicom.seg_frames import FrameDescription
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.refusal import Refusal

# Planes of real SEG objects lie some 0.04 mm off the planes of their PET.
OFFSET_TOLERANCE_MM = 0.06
OFFSET_TOLERANCE = 0.05  # of a voxel
STEP_TOLERANCE = 0.1  # of a voxel, over the whole frame
MAX_INDEX = 1e6
_ACTION = "give the segmentation together with the image that it was drawn on"


def place_frame(
    inside: NDArray[np.bool_],
    description: FrameDescription,
    geometry: Geometry,
    plane_of: Mapping[str, int],
    mask: NDArray[np.bool_],
) -> bool:
    """Add the voxels of a frame (rows, columns) to ``mask`` (z, y, x), in place.

    Returns False when some of them lie outside the image. Raises Refusal SEG_OTHER_GRID when the
    frame's voxels are not voxels of the image, SEG_PLANE_CONTRADICTION when the image that it names
    as its source lies elsewhere.
    """
    if not inside.any():
        return True
    named = None if description.source is None else plane_of.get(description.source)
    if description.position is None or description.across is None or description.down is None:
        if named is None or inside.shape != geometry.shape[1:]:
            raise Refusal("SEG_OTHER_GRID", "a frame does not say where it lies", _ACTION)
        mask[named] |= inside
        return True
    origin = geometry.world_to_index([description.position])[0]
    to_index = np.linalg.inv(geometry.index_to_world_matrix)
    down = (to_index @ description.down)[::-1]
    across = (to_index @ description.across)[::-1]
    axis_down = _axis(down, inside.shape[0])
    axis_across = _axis(across, inside.shape[1])
    if axis_down == axis_across:
        raise Refusal("SEG_OTHER_GRID", "the rows and columns of a frame are parallel", _ACTION)
    start = _start(origin, geometry, named if {axis_down, axis_across} == {1, 2} else None)

    normal = 3 - axis_down - axis_across
    steps = {axis_down: round(down[axis_down]), axis_across: round(across[axis_across])}
    frame = inside if axis_down < axis_across else inside.T
    first, second = sorted(steps)
    frame = frame[:: steps[first], :: steps[second]]
    low = {
        axis: start[axis] - (frame.shape[i] - 1 if steps[axis] < 0 else 0)
        for i, axis in enumerate((first, second))
    }
    plane = start[normal]
    if not 0 <= plane < geometry.shape[normal]:
        return False
    target = np.moveaxis(mask, normal, 0)[plane]
    (rows_to, rows_from), (columns_to, columns_from) = (
        _overlap(low[axis], size, geometry.shape[axis])
        for axis, size in zip((first, second), frame.shape, strict=True)
    )
    target[rows_to, columns_to] |= frame[rows_from, columns_from]
    return bool(frame[rows_from, columns_from].sum() == frame.sum())


def _axis(step: NDArray[np.float64], size: int) -> int:
    """The array axis along which a step goes, which must be one voxel and straight."""
    axis = int(np.argmax(np.abs(step)))
    ideal = np.zeros(3)
    ideal[axis] = np.copysign(1.0, step[axis])
    if np.abs(step - ideal).max() * max(size - 1, 1) > STEP_TOLERANCE:
        raise Refusal(
            "SEG_OTHER_GRID",
            "the segmentation has another voxel size or orientation than the image",
            _ACTION,
        )
    return axis


def _start(origin: NDArray[np.float64], geometry: Geometry, named: int | None) -> list[int]:
    """The voxel (z, y, x) of the frame's first voxel; a named source decides the plane."""
    if np.abs(origin).max() > MAX_INDEX:
        raise Refusal("SEG_OTHER_GRID", "the segmentation lies far away from the image", _ACTION)
    start = [round(value) for value in origin]
    offset = np.abs(origin - start)
    allowed = np.maximum(OFFSET_TOLERANCE, OFFSET_TOLERANCE_MM / np.asarray(geometry.spacing))
    if named is not None:
        if abs(origin[0] - named) > 0.5:
            raise Refusal(
                "SEG_PLANE_CONTRADICTION",
                "a frame names the image of another plane than the one where it lies",
                "export image and segmentation again, from one system",
            )
        start[0], offset[0] = named, 0.0
    if (offset > np.minimum(allowed, 0.25)).any():
        raise Refusal(
            "SEG_OTHER_GRID",
            f"the segmentation lies {(offset * geometry.spacing).max():.2f} mm beside the voxels",
            _ACTION,
        )
    return start


def _overlap(low: int, size: int, length: int) -> tuple[slice, slice]:
    """Where ``size`` voxels from ``low`` on meet an axis: slices of the axis and of the frame."""
    begin, end = max(low, 0), min(low + size, length)
    if end <= begin:
        return slice(0, 0), slice(0, 0)
    return slice(begin, end), slice(begin - low, end - low)
