"""Intensity-volume histogram: which fraction of the region is at least so intense (IBSI P88C)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.discretisation import bin_origin, grey_levels
from wbr_platform.radiomics.policy import FixedBinNumber, Policy
from wbr_platform.radiomics.reasons import Reason, Values

_NAMES = ("v10", "v90", "i10", "i90", "diff_v10_v90", "diff_i10_i90", "auc")
# Beyond any calibrated unit's range: Bq/mL in steps of one, for example.
_MOST_STEPS = 1_000_000


def volume_histogram_features(intensities: NDArray[np.float64], policy: Policy) -> Values:
    """The seven features of a region's intensities (n,).

    The intensity axis (manual, section "Intensity-volume histogram"): for calibrated discrete
    units the units themselves; for fixed bin sizes the middles of the bins; for fixed bin numbers
    their numbers. It spans the re-segmentation range where there is one (not for bin numbers),
    else from the origin of the bins (the region's minimum where none is given) to its maximum.
    """
    steps, first, width, last_step = _axis(intensities, policy)
    if last_step < 1:
        return {f"ivh_{name}": Reason.FLAT_REGION for name in _NAMES}
    if last_step > _MOST_STEPS:
        return {f"ivh_{name}": Reason.TOO_MANY_GREY_LEVELS for name in _NAMES}
    counts = np.bincount(steps, minlength=last_step + 1)
    at_least = counts[::-1].cumsum()[::-1] / len(intensities)  # fraction with this step or more
    fraction = np.arange(last_step + 1) / last_step  # of the intensity axis
    volume = {q: float(at_least[np.argmax(fraction >= q - 1e-12)]) for q in (0.1, 0.9)}
    intensity = {q: first + width * _first_at_most(at_least, q) for q in (0.1, 0.9)}
    return {
        "ivh_v10": volume[0.1],
        "ivh_v90": volume[0.9],
        "ivh_i10": intensity[0.1],
        "ivh_i90": intensity[0.9],
        "ivh_diff_v10_v90": volume[0.1] - volume[0.9],
        "ivh_diff_i10_i90": intensity[0.1] - intensity[0.9],
        "ivh_auc": float(np.trapezoid(at_least, fraction)),
    }


def _first_at_most(at_least: NDArray[np.float64], fraction: float) -> int:
    """The lowest step that at most a fraction of the voxels reaches; beyond the axis if none."""
    found = np.flatnonzero(at_least <= fraction + 1e-12)
    return int(found[0]) if len(found) else len(at_least)


def _axis(
    intensities: NDArray[np.float64], policy: Policy
) -> tuple[NDArray[np.int64], float, float, int]:
    """Step of each voxel, intensity of step 0, width of a step, the last step of the axis."""
    method, bounds = policy.ivh_discretisation, policy.resegmentation_range
    low, high = float(intensities.min()), float(intensities.max())
    if isinstance(method, FixedBinNumber):
        levels = grey_levels(intensities, method, policy)
        return levels - 1, 1.0, 1.0, method.bins - 1 if high > low else 0
    if method is None:
        first, last = (bounds[0], bounds[1]) if bounds else (low, high)
        steps = np.floor(intensities - first + 1e-9).astype(np.int64)
        return steps, first, 1.0, int(last - first)
    origin = bin_origin(intensities, method, policy)
    steps = grey_levels(intensities, method, policy) - 1
    last_step = round((bounds[1] - origin) / method.width) - 1 if bounds else int(steps.max())
    return np.minimum(steps, last_step), origin + method.width / 2, method.width, last_step
