"""Projections and cuts along the patient's own axes, whatever the image's direction matrix.

Everything here returns a :class:`PlaneImage` as a radiologist looks at it: head up, the patient's
right on the viewer's left (coronal, axial), the face towards the viewer's left (sagittal).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging.geometry import IDENTITY_DIRECTION, Geometry
from wbr_platform.imaging.resampling import resample, resample_labels
from wbr_platform.imaging.volume import LabelMap, Volume

Plane = Literal["coronal", "sagittal", "axial"]

# Array axis (z, y, x) along which one looks, for arrays already in the patient's axes.
VIEWING_AXIS: dict[Plane, int] = {"axial": 0, "coronal": 1, "sagittal": 2}

# Below this angle the nearest patient axis is taken as it is (half a degree moves the ends of a
# field of one metre by 4 mm, one PET voxel); above it the image is resampled first.
OBLIQUE_DEGREES = 0.5


@dataclass(frozen=True)
class PlaneImage:
    """A flat image in the patient: rows from the head (or face) down, columns to the right.

    ``array`` (rows, columns); ``extent`` = (left, right, bottom, top) of the pixel edges in LPS mm
    (matplotlib's order), so that images of different grids lie over one another.
    """

    array: NDArray[Any]
    extent: tuple[float, float, float, float]

    @property
    def pixel_size_mm(self) -> tuple[float, float]:
        """Height and width of one pixel in mm."""
        left, right, bottom, top = self.extent
        rows, columns = self.array.shape
        return abs(top - bottom) / rows, abs(right - left) / columns


def _patient_axes(geometry: Geometry) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """For the patient's (z, y, x): which array axis lies nearest to it, and its sign."""
    cosines = geometry.direction_matrix[::-1, ::-1]  # rows: patient z, y, x; columns: array z, y, x
    order = max(
        permutations(range(3)),
        key=lambda axes: sum(abs(cosines[patient, axis]) for patient, axis in enumerate(axes)),
    )
    signs = [1 if cosines[patient, axis] >= 0 else -1 for patient, axis in enumerate(order)]
    return (order[0], order[1], order[2]), (signs[0], signs[1], signs[2])


def _turned(array: NDArray[Any], geometry: Geometry) -> tuple[NDArray[Any], Geometry]:
    """A view of the array with axes (z to the head, y to the back, x to the left), and its grid."""
    order, signs = _patient_axes(geometry)
    flips = tuple(slice(None, None, sign) for sign in signs)
    turned = np.transpose(array, order)[flips]
    corner = [0, 0, 0]
    for axis, sign in zip(order, signs, strict=True):
        corner[axis] = 0 if sign > 0 else geometry.shape[axis] - 1
    origin = geometry.index_to_world(corner)[0]
    columns = geometry.direction_matrix[:, ::-1]  # column i: direction of array axis z, y, x
    direction = np.stack(
        [sign * columns[:, axis] for axis, sign in zip(order, signs, strict=True)], axis=1
    )[:, ::-1]
    spacing = (
        geometry.spacing[order[0]],
        geometry.spacing[order[1]],
        geometry.spacing[order[2]],
    )
    shape = (turned.shape[0], turned.shape[1], turned.shape[2])
    return turned, Geometry(
        shape,
        spacing,
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(float(v) for v in direction.ravel()),
    )


def _straight_grid(geometry: Geometry) -> Geometry:
    """The axis-parallel grid of the same spacing round a nearly axis-parallel one."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in geometry.shape])).reshape(3, -1).T
    points = geometry.index_to_world(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    spacing_xyz = np.asarray(geometry.spacing[::-1])
    shape = np.ceil((high - low) / spacing_xyz - 1e-6).astype(int)
    origin = (low + high - (shape - 1) * spacing_xyz) / 2
    return Geometry(
        (int(shape[2]), int(shape[1]), int(shape[0])),
        geometry.spacing,
        (float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _straightened(geometry: Geometry) -> Geometry:
    """The same grid with the patient's axes as directions, turned about its centre."""
    centre = geometry.index_to_world([(n - 1) / 2 for n in geometry.shape])[0]
    half = (np.asarray(geometry.shape[::-1]) - 1) * np.asarray(geometry.spacing[::-1]) / 2
    x, y, z = (float(v) for v in centre - half)
    return replace(geometry, origin=(x, y, z), direction=IDENTITY_DIRECTION)


def _is_oblique(geometry: Geometry) -> bool:
    return bool(np.diag(geometry.direction_matrix).min() < np.cos(np.radians(OBLIQUE_DEGREES)))


def in_patient_axes(volume: Volume) -> Volume:
    """The volume in the patient's axes: z ascends to the head, y to the back, x to the left.

    Values are untouched (a view) unless the grid is oblique by more than ``OBLIQUE_DEGREES``; then
    they are interpolated linearly on the axis-parallel grid that holds the whole field.
    """
    array, geometry = _turned(volume.array, volume.geometry)
    turned = replace(volume, array=array, geometry=geometry)
    if _is_oblique(geometry):
        return resample(turned, _straight_grid(geometry))
    return replace(turned, geometry=_straightened(geometry))


def labels_in_patient_axes(labelmap: LabelMap) -> LabelMap:
    """The label map with its axes turned to the patient's, as :func:`in_patient_axes`."""
    array, geometry = _turned(labelmap.array, labelmap.geometry)
    turned = replace(labelmap, array=array, geometry=geometry)
    if _is_oblique(geometry):
        return resample_labels(turned, _straight_grid(geometry))
    return replace(turned, geometry=_straightened(geometry))


def _edges(geometry: Geometry, axis: int) -> tuple[float, float]:
    """First and last voxel edge in LPS mm along an axis of an axis-parallel grid."""
    start = geometry.origin[2 - axis] - geometry.spacing[axis] / 2
    return start, start + geometry.shape[axis] * geometry.spacing[axis]


def as_seen(flat: NDArray[Any], geometry: Geometry, plane: Plane) -> PlaneImage:
    """A flat array of an axis-parallel grid (ascending LPS mm on both axes), as one looks at it."""
    rows, columns = (axis for axis in range(3) if axis != VIEWING_AXIS[plane])
    (first, last), (left, right) = _edges(geometry, rows), _edges(geometry, columns)
    if plane == "axial":  # the face is up: y grows downwards as it does in the array
        return PlaneImage(flat, (left, right, last, first))
    return PlaneImage(flat[::-1], (left, right, first, last))


def maximum_intensity_projection(volume: Volume, plane: Plane) -> PlaneImage:
    """Greatest value along the line of sight; NaN voxels count as absent."""
    patient = in_patient_axes(volume)
    flat = np.fmax.reduce(patient.array, axis=VIEWING_AXIS[plane])
    return as_seen(np.nan_to_num(flat), patient.geometry, plane)


def silhouettes(
    labelmap: LabelMap, plane: Plane, stride: tuple[int, int, int] = (1, 1, 1)
) -> dict[int, PlaneImage]:
    """The shadow (boolean) of each label that has a voxel, along the line of sight.

    ``labelmap`` must already lie in the patient's axes (:func:`labels_in_patient_axes`).
    ``stride`` (z, y, x) takes every n-th voxel only, for large maps whose regions are large too.
    """
    step_z, step_y, step_x = stride
    array = labelmap.array[::step_z, ::step_y, ::step_x]
    spacing = tuple(s * n for s, n in zip(labelmap.geometry.spacing, stride, strict=True))
    shape = (array.shape[0], array.shape[1], array.shape[2])
    geometry = Geometry(shape, (spacing[0], spacing[1], spacing[2]), labelmap.geometry.origin)
    axis = VIEWING_AXIS[plane]
    flat_shape = tuple(n for a, n in enumerate(shape) if a != axis)
    shadows = {}
    for index, box in enumerate(ndimage.find_objects(np.ascontiguousarray(array)), start=1):
        if box is None:
            continue
        shadow = np.zeros(flat_shape, dtype=bool)
        flat_box = tuple(part for a, part in enumerate(box) if a != axis)
        shadow[flat_box] = (array[box] == index).any(axis=axis)
        shadows[index] = as_seen(shadow, geometry, plane)
    return shadows


def cut(
    volume: Volume, plane: Plane, position_mm: float, pixel_mm: float, outside: float = 0.0
) -> PlaneImage:
    """A slice through the patient at ``position_mm`` (LPS mm along the plane's normal).

    Linear interpolation on square pixels over the whole field of the volume.
    """
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in volume.geometry.shape]))
    points = volume.geometry.index_to_world(corners.reshape(3, -1).T)
    low, high = points.min(axis=0), points.max(axis=0)
    return cut_over(volume, plane, position_mm, pixel_mm, (low, high), outside)


def cut_over(
    volume: Volume,
    plane: Plane,
    position_mm: float,
    pixel_mm: float,
    box: tuple[NDArray[np.float64], NDArray[np.float64]],
    outside: float = 0.0,
) -> PlaneImage:
    """As :func:`cut`, over a box (lowest and highest LPS point (x, y, z) in mm)."""
    low, high = (np.asarray(corner, dtype=np.float64)[::-1].copy() for corner in box)  # (z, y, x)
    axis = VIEWING_AXIS[plane]
    counts = np.maximum(np.ceil((high - low) / pixel_mm - 1e-6).astype(int), 1)
    counts[axis] = 1
    low[axis] = position_mm - pixel_mm / 2
    grid = Geometry(
        (int(counts[0]), int(counts[1]), int(counts[2])),
        (pixel_mm, pixel_mm, pixel_mm),
        (low[2] + pixel_mm / 2, low[1] + pixel_mm / 2, low[0] + pixel_mm / 2),
    )
    indices = np.indices(grid.shape).reshape(3, -1).T
    positions = volume.geometry.world_to_index(grid.index_to_world(indices))
    values = ndimage.map_coordinates(
        volume.array, positions.T, order=1, mode="constant", cval=outside, prefilter=False
    )
    flat = values.reshape(grid.shape).take(0, axis=axis)
    return as_seen(flat, grid, plane)
