"""Intensities to grey levels 1, 2, … (IBSI section "Intensity discretisation")."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.policy import Discretisation, FixedBinSize, Policy


def bin_origin(intensities: NDArray[np.float64], method: FixedBinSize, policy: Policy) -> float:
    """Where the first grey level begins."""
    if method.origin is not None:
        return method.origin
    if policy.resegmentation_range is not None and np.isfinite(policy.resegmentation_range[0]):
        return policy.resegmentation_range[0]
    return float(intensities.min())


def grey_levels(
    intensities: NDArray[np.float64], method: Discretisation, policy: Policy
) -> NDArray[np.int64]:
    """The grey level of each intensity; at least 1, for fixed bin numbers at most their number.

    All intensities equal and a fixed bin number: all have level 1.
    """
    levels: NDArray[Any]
    if isinstance(method, FixedBinSize):
        origin = bin_origin(intensities, method, policy)
        levels = np.floor((intensities - origin) / method.width) + 1
        if method.levels is not None:
            levels = np.minimum(levels, method.levels)
    else:
        low, high = intensities.min(), intensities.max()
        if low == high:
            return np.ones(intensities.shape, dtype=np.int64)
        levels = np.floor(method.bins * (intensities - low) / (high - low)) + 1
        levels = np.minimum(levels, method.bins)
    return np.maximum(levels, 1).astype(np.int64)
