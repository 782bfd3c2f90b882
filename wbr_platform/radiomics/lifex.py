"""Features that LIFEx has and IBSI does not.

NHOC and NHOP say how far the hottest voxel lies from the centroid and from the border, in radii of
the sphere that has the region's volume. Entropies are in log10, as LIFEx writes them beside log2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.radiomics.morphology.moments import mask_moments
from wbr_platform.radiomics.reasons import Reason, Values
from wbr_platform.radiomics.region import Region

_LOG10_OF_2 = math.log10(2.0)


def lifex_features(region: Region) -> Values:
    """The features that need no grey levels."""
    mask = region.morphological_mask
    moments = mask_moments(mask)
    volume = moments.voxels * math.prod(region.spacing)
    radius = (3 * volume / (4 * math.pi)) ** (1 / 3)
    hottest = _hottest(region)
    from_centre = np.linalg.norm((hottest - moments.centre) * np.asarray(region.spacing), axis=1)
    border = _border(mask[region.box]) + [side.start for side in region.box]
    return {
        "lifex_voxel_count": float(moments.voxels),
        "lifex_sphere_radius": radius,
        "lifex_nhoc": float(from_centre.min()) / radius,
        "lifex_nhop": _nearest(hottest, border, region.spacing) / radius,
        "lifex_tlg": float(region.intensities.mean()) * volume / 1000.0,
        "lifex_auc_civh": _area_under_histogram(region.intensities),
    }


def log10_entropies(values: Values) -> Values:
    """Entropies of the histogram and of co-occurrences from those in bits; reasons stay reasons."""
    found: Values = {}
    for name, source in (
        ("lifex_entropy_log10", "ih_entropy"),
        ("lifex_joint_entropy_log10", "cm_joint_entr_3D_avg"),
    ):
        value = values[source]
        found[name] = value if isinstance(value, Reason) else value * _LOG10_OF_2
    return found


def _hottest(region: Region) -> NDArray[np.int64]:
    """Indices (n, 3) of the voxels of highest intensity."""
    hot = region.intensity_mask & (region.image == region.intensities.max())
    return np.argwhere(hot)


def _border(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices (n, 3) of a mask's voxels that have a face outside it."""
    inner = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 1))
    return np.argwhere(mask & ~inner)


def _nearest(
    points: NDArray[np.int64], others: NDArray[np.int64], spacing: tuple[float, float, float]
) -> float:
    """The shortest distance (mm) between points of two sets."""
    shortest = math.inf
    for point in points:
        apart = (others - point) * np.asarray(spacing)
        shortest = min(shortest, float(np.square(apart).sum(axis=1).min()))
    return math.sqrt(shortest)


def _area_under_histogram(intensities: NDArray[np.float64]) -> float | Reason:
    """Area under the cumulative histogram: volume fraction against the part of the maximum.

    The mean over its range from nought to the maximum of the fraction that is hotter; for
    intensities that are not negative this is their mean divided by their maximum.
    """
    highest = float(intensities.max())
    if highest <= 0:
        return Reason.ZERO_DENOMINATOR
    return float(np.maximum(intensities, 0.0).mean()) / highest
