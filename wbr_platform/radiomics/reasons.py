"""Why a feature has no value. A feature is a number or one of these, never a stand-in number."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias


class Reason(StrEnum):
    """Stable reason codes of missing feature values."""

    EMPTY_REGION = "EMPTY_REGION"  # no voxel of the label, or none left after resampling
    EMPTY_AFTER_RESEGMENTATION = "EMPTY_AFTER_RESEGMENTATION"
    NOT_FINITE_INTENSITY = "NOT_FINITE_INTENSITY"  # the image holds NaN or infinity in the region
    REGION_TOO_SMALL = "REGION_TOO_SMALL"  # fewer voxels than the policy asks for textures
    REGION_TOO_LARGE = "REGION_TOO_LARGE"  # the sum over all pairs of voxels would be too long
    TOO_MANY_GREY_LEVELS = "TOO_MANY_GREY_LEVELS"  # the discretisation does not fit the unit
    FLAT_REGION = "FLAT_REGION"  # one intensity or grey level: the formula divides by nought
    NO_NEIGHBOURS = "NO_NEIGHBOURS"  # no two voxels of the region touch
    DEGENERATE_SHAPE = "DEGENERATE_SHAPE"  # a point, line or plane of voxel centres
    NOT_FINITE_VALUE = "NOT_FINITE_VALUE"  # the arithmetic overflowed
    ZERO_DENOMINATOR = "ZERO_DENOMINATOR"  # mean, quartile sum or intensity sum of nought


Value: TypeAlias = float | Reason
Values: TypeAlias = dict[str, Value]


def ratio(numerator: float, denominator: float, reason: Reason) -> Value:
    """The quotient, or the reason when the denominator is nought."""
    return numerator / denominator if denominator != 0 else reason
