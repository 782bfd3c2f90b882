"""PyRadiomics as a peer: the same regions through its engine, under our feature names.

It works on the image's own grid with fixed bin sizes only. Documented differences from IBSI, which
the adapter does not hide but names in :data:`DEVIATIONS`:

- bins of a fixed size begin at the region's minimum rounded down to a multiple of the width, so
  that levels (and all that depends on their values) agree only where that is our origin;
- kurtosis is not excess (3 greater);
- volumes and areas come from a mesh that is not closed for ambiguous voxel configurations;
- principal axes use the population covariance (division by n).
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.simpleitk import to_image
from wbr_platform.imaging.volume import Volume
from wbr_platform.radiomics.feature_table import FEATURES
from wbr_platform.refusal import Refusal

# Features (by the beginning of their name) that differ by definition, and why.
DEVIATIONS: Mapping[str, str] = MappingProxyType(
    {
        "stat_kurt": "not excess: 3 greater",
        "morph_volume": "mesh of another table, not closed",
        "morph_area_mesh": "mesh of another table, not closed",
        "morph_av": "mesh of another table, not closed",
        "morph_comp": "mesh of another table, not closed",
        "morph_sph": "mesh of another table, not closed",
        "morph_pca": "population covariance",
    }
)


def available() -> tuple[bool, str]:
    """Whether PyRadiomics can be imported, and if not, how to install it."""
    if importlib.util.find_spec("radiomics") is not None:
        return True, ""
    return False, (
        "PyRadiomics is not installed; its source needs numpy, setuptools, wheel and versioneer"
        " first, then pip install --no-build-isolation pyradiomics==3.0.1"
    )


def extract_with_pyradiomics(
    volume: Volume, mask: NDArray[np.bool_], bin_width: float
) -> dict[str, float]:
    """PyRadiomics' values of one region (mask (z, y, x) on the volume's grid) by our names.

    Refusal PEER_NOT_INSTALLED when the package is missing.
    """
    ok, reason = available()
    if not ok:
        raise Refusal("PEER_NOT_INSTALLED", "PyRadiomics cannot be imported", reason)
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    extractor = featureextractor.RadiomicsFeatureExtractor(
        binWidth=bin_width, additionalInfo=False, minimumROISize=1, minimumROIDimensions=1
    )
    extractor.enableAllFeatures()
    extractor.enableFeatureClassByName("shape")
    found = extractor.execute(
        to_image(np.ascontiguousarray(volume.array, dtype=np.float64), volume.geometry),
        to_image(mask.astype(np.uint8), volume.geometry),
    )
    return {
        feature.name: float(found[feature.pyradiomics_name])
        for feature in FEATURES
        if feature.pyradiomics_name in found
    }
