"""Painting the anatomy and its lesions onto a voxel grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry
from wbr_platform.simulation.anatomy import (
    CAVITY,
    FAT,
    MUSCLE,
    PatientAnatomy,
    organ_labels,
    structures,
)
from wbr_platform.simulation.patient import LesionTruth
from wbr_platform.simulation.shapes import (
    Axes,
    Ellipsoid,
    Shape,
    bounding_slices,
    coverage,
)

_LABELLED_AS = {"back_muscle": MUSCLE}
CORE_WIDTH = 0.35  # share of the lesion's radius over which the core fades


def grid_axes(geometry: Geometry) -> Axes:
    """1-D coordinates (mm) of the planes, rows and columns (z, y, x) of an axis-aligned grid."""
    if not np.allclose(geometry.direction_matrix, np.eye(3)):
        raise ValueError("the phantom is painted on axis-aligned grids only")
    axes = [
        (start + step * np.arange(count)).astype(np.float32)
        for start, step, count in zip(
            geometry.origin[::-1], geometry.spacing, geometry.shape, strict=True
        )
    ]
    return axes[0], axes[1], axes[2]


def _mean_voxel(geometry: Geometry) -> float:
    return float(np.prod(geometry.spacing) ** (1.0 / 3.0))


def _boxed(
    shape: Shape, axes: Axes, voxel_mm: float
) -> tuple[tuple[slice, slice, slice], NDArray[np.float32]] | None:
    """The box of a shape in the grid and its coverage there; None when it lies outside."""
    box = bounding_slices([shape], axes, voxel_mm)
    z, y, x = (axis[part] for axis, part in zip(axes, box, strict=True))
    if min(z.size, y.size, x.size) == 0:
        return None
    open_axes = (z[:, None, None], y[None, :, None], x[None, None, :])
    return box, coverage([shape], open_axes, voxel_mm)


def paint_anatomy(
    anatomy: PatientAnatomy, geometry: Geometry, values: Mapping[str, float], outside: float
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Values (z, y, x) of every structure with soft edges, and the organs' labels.

    ``values`` gives the value of each structure by name, ``outside`` that of air. Where structures
    overlap the later one of the anatomy's table stands. Labels are those of ``organ_labels``.
    """
    axes, voxel_mm = grid_axes(geometry), _mean_voxel(geometry)
    image = np.full(geometry.shape, outside, dtype=np.float32)
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    numbers = {name: label for label, name in organ_labels().items()}
    filling = {FAT: anatomy.skin, MUSCLE: anatomy.lean, CAVITY: anatomy.cavity}
    for structure in structures():
        shapes = filling.get(structure.name) or anatomy.organs.get(structure.name, ())
        number = numbers.get(_LABELLED_AS.get(structure.name, structure.name), 0)
        for shape in shapes:
            painted = _boxed(shape, axes, voxel_mm)
            if painted is None:
                continue
            box, share = painted
            part = image[box]
            part += share * (np.float32(values[structure.name]) - part)
            labels[box][share > 0.5] = number
    return image, labels


def lesion_shape(lesion: LesionTruth) -> Ellipsoid:
    """The outline of a lesion."""
    return Ellipsoid(lesion.centre, lesion.radii)


def paint_lesions(
    image: NDArray[np.float32],
    geometry: Geometry,
    lesions: Sequence[LesionTruth],
    values: Sequence[float],
    patterned: bool,
) -> NDArray[np.uint8]:
    """Paint lesions over an image in place; returns their labels (lesion i has label i + 1).

    With ``patterned`` the value is the lesion's mean and its pattern (hot or cold core) is laid
    over it; the mean over the lesion stays the value given.
    """
    axes, voxel_mm = grid_axes(geometry), _mean_voxel(geometry)
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    for number, (lesion, value) in enumerate(zip(lesions, values, strict=True), start=1):
        painted = _boxed(lesion_shape(lesion), axes, voxel_mm)
        if painted is None:
            continue
        box, share = painted
        pattern: NDArray[np.float32] | np.float32 = np.float32(value)
        if patterned:
            pattern = np.float32(value) * _pattern(lesion, axes, box, share)
        part = image[box]
        part += share * (pattern - part)
        labels[box][share > 0.5] = number
    return labels


def _pattern(
    lesion: LesionTruth, axes: Axes, box: tuple[slice, slice, slice], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Relative uptake inside a lesion, of mean 1: from ``core`` at the centre to 1 at the rim."""
    z, y, x = (axis[part] for axis, part in zip(axes, box, strict=True))
    a, b, c = lesion.radii
    squared = (
        ((z[:, None, None] - lesion.centre[2]) / c) ** 2
        + ((y[None, :, None] - lesion.centre[1]) / b) ** 2
        + ((x[None, None, :] - lesion.centre[0]) / a) ** 2
    )
    profile = 1.0 + (lesion.core - 1.0) * np.exp(-squared / (2 * CORE_WIDTH**2))
    mean = float((profile * share).sum()) / max(float(share.sum()), 1e-6)
    return np.asarray(profile / mean, dtype=np.float32)
