"""Small scenes with a known truth, and the ways in which their storage may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry, LabelMap, NamedMask, Volume

GRID = Geometry((60, 50, 40), (3.0, 4.0, 4.0), (-80.0, -100.0, -90.0))


def points_of(geometry: Geometry) -> NDArray[np.float64]:
    """LPS mm (x, y, z) of every voxel centre: (z, y, x, 3)."""
    indices = np.indices(geometry.shape).reshape(3, -1).T
    return geometry.index_to_world(indices).reshape(*geometry.shape, 3)


def ball(geometry: Geometry, centre: Sequence[float], radius_mm: float) -> NDArray[np.bool_]:
    """Voxels whose centre lies within a radius of a point (LPS x, y, z)."""
    distance = np.linalg.norm(points_of(geometry) - np.asarray(centre), axis=-1)
    return np.asarray(distance <= radius_mm)


def pet_with(
    hot: Sequence[tuple[NDArray[np.bool_], float]],
    background: float = 0.5,
    geometry: Geometry = GRID,
) -> Volume:
    """A PET in SUVbw with uniform regions painted one after the other."""
    array = np.full(geometry.shape, background, dtype=np.float32)
    for mask, suv in hot:
        array[mask] = suv
    return Volume(array, geometry, "SUVbw")


def label_map(
    regions: Mapping[str, NDArray[np.bool_]], geometry: Geometry = GRID, first: int = 1
) -> LabelMap:
    """Regions painted in order, labels counted from ``first``."""
    array = np.zeros(geometry.shape, dtype=np.uint16)
    for label, mask in enumerate(regions.values(), start=first):
        array[mask] = label
    return LabelMap(array, geometry, dict(enumerate(regions, start=first)))


def named(
    name: str,
    mask: NDArray[np.bool_],
    source: Literal["SEG", "RTSTRUCT", "NIfTI"] = "SEG",
    code: str | None = None,
    geometry: Geometry = GRID,
) -> NamedMask:
    """A mask as it comes from an export."""
    return NamedMask(name, mask, geometry, source, code)


def flipped(array: NDArray[Any], geometry: Geometry, axis: int) -> tuple[NDArray[Any], Geometry]:
    """The same voxels in the same places of the patient, one array axis stored backwards."""
    last = [0, 0, 0]
    last[axis] = geometry.shape[axis] - 1
    origin = geometry.index_to_world(last)[0]
    direction = geometry.direction_matrix.copy()
    direction[:, 2 - axis] *= -1
    turned = Geometry(
        geometry.shape,
        geometry.spacing,
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(float(v) for v in direction.ravel()),
    )
    return np.ascontiguousarray(np.flip(array, axis)), turned


def cropped(array: NDArray[Any], geometry: Geometry, cut: int) -> tuple[NDArray[Any], Geometry]:
    """The image without ``cut`` voxels on every side."""
    shape = tuple(n - 2 * cut for n in geometry.shape)
    inner = array[cut:-cut, cut:-cut, cut:-cut]
    return np.ascontiguousarray(inner), geometry.cropped(
        (cut, cut, cut), (shape[0], shape[1], shape[2])
    )
