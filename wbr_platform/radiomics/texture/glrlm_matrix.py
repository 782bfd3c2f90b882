"""Grey level run length matrix (IBSI TP0I)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, directions


@njit(cache=True, nogil=True)
def _count_runs(levels: Any, steps: Any, first: int, last: int, pad: int, counts: Any) -> None:
    height, width = levels.shape[1], levels.shape[2]
    flat = levels.ravel()
    for z in range(first, last):
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for p in range(start + pad, start + width - pad):
                level = flat[p]
                if level == 0:
                    continue
                for d in range(steps.shape[0]):
                    step = steps[d]
                    if flat[p - step] == level:
                        continue  # not the first voxel of its run
                    length, ahead = 1, p + step
                    while flat[ahead] == level:
                        length += 1
                        ahead += step
                    counts[d, level, length] += 1


def runs(box: LevelBox, slab: tuple[int, int], in_plane: bool) -> NDArray[np.int64]:
    """How many runs of each level and length there are: counts (direction, level, length)."""
    steps = directions(box, in_plane)
    longest = max(box.levels.shape)
    counts = np.zeros((len(steps), box.highest + 1, longest + 1), dtype=np.int64)
    _count_runs(box.levels, steps, *slab, box.pad, counts)
    return counts
