"""The padded box of grey levels that all matrices read, its slabs and its directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LevelBox:
    """Grey levels of a region (uint16, 0 outside it) in a box padded on every side.

    ``levels`` (z, y, x) is padded by ``pad`` voxels of 0, so that no neighbour needs a test for
    the border. ``morphological_mask`` has the same shape. ``highest`` is the greatest grey level.
    """

    levels: NDArray[np.uint16]
    morphological_mask: NDArray[np.bool_]
    pad: int
    highest: int

    @property
    def slabs(self) -> list[tuple[int, int]]:
        """(first, last + 1) plane of each slice that holds a voxel."""
        occupied = np.flatnonzero(self.levels.any(axis=(1, 2)))
        return [(int(z), int(z) + 1) for z in occupied]

    @property
    def whole(self) -> tuple[int, int]:
        """(first, last + 1) plane of the box without its padding."""
        return self.pad, self.levels.shape[0] - self.pad

    def voxels(self, slab: tuple[int, int]) -> int:
        """How many voxels of the region lie in a slab."""
        return int(np.count_nonzero(self.levels[slab[0] : slab[1]]))


@lru_cache(maxsize=32)
def half_neighbourhood(distance: int, in_plane: bool) -> NDArray[np.int64]:
    """Offsets (n, 3) within a Chebyshev distance, one of each opposite pair."""
    reach = range(-distance, distance + 1)
    return np.array(
        [
            (z, y, x)
            for z in ((0,) if in_plane else reach)
            for y in reach
            for x in reach
            if (z, y, x) > (0, 0, 0)
        ],
        dtype=np.int64,
    )


def _flat(offsets: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    return offsets @ np.array([shape[1] * shape[2], shape[2], 1], dtype=np.int64)


def directions(box: LevelBox, in_plane: bool, distance: int = 1) -> NDArray[np.int64]:
    """The 13 directions (4 in the plane), as steps in the flattened box."""
    return _flat(distance * half_neighbourhood(1, in_plane), box.levels.shape)


def neighbours(box: LevelBox, in_plane: bool, distance: int) -> NDArray[np.int64]:
    """All voxels within a Chebyshev distance but the centre, as steps in the flattened box."""
    half = _flat(half_neighbourhood(distance, in_plane), box.levels.shape)
    return np.concatenate([-half, half])
