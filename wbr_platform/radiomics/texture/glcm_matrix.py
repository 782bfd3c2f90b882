"""Grey level co-occurrence matrix (IBSI LFYI) for any distance.

The common distance of one comes out of :mod:`.scan` with the other matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.texture.grid import LevelBox, directions


@njit(cache=True, nogil=True)
def _count_pairs(levels: Any, steps: Any, first: int, last: int, pad: int, counts: Any) -> None:
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
                    # Column 0 takes the pairs with a voxel outside; it is dropped afterwards.
                    counts[d, level, flat[p + steps[d]]] += 1


def cooccurrences(
    box: LevelBox, slab: tuple[int, int], in_plane: bool, distance: int
) -> NDArray[np.int64]:
    """How often level i has level j one step ahead: counts (direction, i - 1, j - 1)."""
    steps = directions(box, in_plane, distance)
    size = box.highest + 1
    counts = np.zeros((len(steps), size, size), dtype=np.int64)
    _count_pairs(box.levels, steps, *slab, box.pad, counts)
    return counts[:, 1:, 1:]
