"""Laws' kernels (IBSI-2 JTXT): separable filters of level, edge, spot, wave and ripple."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.filters.boundary import Boundary, convolve_axis, mean_over_box
from wbr_platform.radiomics.filters.rotations import Pooling, pooled, rotations

# Normalised to a sum of squares of one.
KERNELS = MappingProxyType(
    {
        name: np.array(weights) / np.linalg.norm(weights)
        for name, weights in {
            "L5": (1.0, 4.0, 6.0, 4.0, 1.0),
            "E5": (-1.0, -2.0, 0.0, 2.0, 1.0),
            "S5": (-1.0, 0.0, 2.0, 0.0, -1.0),
            "W5": (-1.0, 2.0, 0.0, -2.0, 1.0),
            "R5": (1.0, -4.0, 6.0, -4.0, 1.0),
            "L3": (1.0, 2.0, 1.0),
            "E3": (-1.0, 0.0, 1.0),
            "S3": (-1.0, 2.0, -1.0),
        }.items()
    }
)


def laws(
    image: NDArray[Any],
    names: Sequence[str],
    boundary: Boundary,
    rotation_pooling: Pooling | None = None,
    energy_distance: int | None = None,
) -> NDArray[np.float64]:
    """Response of an image (z, y, x) to the product of kernels along x, y (and z).

    Two names filter slice by slice, three the volume. ``energy_distance`` δ: the mean of the
    absolute response over all voxels within δ (Chebyshev distance), after pooling.
    """
    axes = [2, 1, 0][: len(names)]
    kernels = [KERNELS[name] for name in names]

    def response(turned: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        result: NDArray[Any] = image
        for kernel, axis in zip(turned, axes, strict=True):
            result = convolve_axis(result, kernel, axis, boundary)
        return result

    if rotation_pooling is None:
        found = response(kernels)
    else:
        found = pooled(map(response, rotations(kernels)), rotation_pooling)
    if energy_distance is not None:
        found = mean_over_box(np.abs(found), 2 * energy_distance + 1, axes, boundary)
    return found
