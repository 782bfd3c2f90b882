"""Centres and covariances of masks, from their projections on two axes at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def centre(weights: NDArray[Any]) -> NDArray[np.float64]:
    """Weighted mean index (3,) in (z, y, x) of an array of weights whose sum is not nought."""
    plane = weights.sum(axis=2, dtype=np.float64)
    marginals = (plane.sum(axis=1), plane.sum(axis=0), weights.sum(axis=(0, 1), dtype=np.float64))
    total = plane.sum()
    return np.array([(m @ np.arange(len(m))) / total for m in marginals])


def sample_covariance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Covariance (3, 3) of the indices of a mask's voxels, divided by n - 1; n at least 2."""
    middle = centre(mask)
    z, y, x = (np.arange(n) - m for n, m in zip(mask.shape, middle, strict=True))
    zy, zx, yx = (mask.sum(axis=axis) for axis in (2, 1, 0))
    covariance = np.array(
        [
            [zy.sum(axis=1) @ (z * z), z @ zy @ y, z @ zx @ x],
            [z @ zy @ y, zy.sum(axis=0) @ (y * y), y @ yx @ x],
            [z @ zx @ x, y @ yx @ x, zx.sum(axis=0) @ (x * x)],
        ]
    )
    return covariance / (zy.sum() - 1)
