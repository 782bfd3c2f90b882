"""All features of all regions of an image in one call."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.crop import grown, scattered
from wbr_platform.radiomics.discretisation import grey_levels
from wbr_platform.radiomics.feature_table import feature_names
from wbr_platform.radiomics.histogram import histogram_features
from wbr_platform.radiomics.local_intensity import intensity_peaks
from wbr_platform.radiomics.morphology.features import morphological_features
from wbr_platform.radiomics.policy import Policy
from wbr_platform.radiomics.reasons import Reason, Value, Values
from wbr_platform.radiomics.region import Region, regions
from wbr_platform.radiomics.statistics import intensity_statistics
from wbr_platform.radiomics.texture.aggregation import texture_features
from wbr_platform.radiomics.texture.grid import LevelBox
from wbr_platform.radiomics.volume_histogram import volume_histogram_features
from wbr_platform.refusal import Refusal

SCHEMA = {
    "label": pl.Int64,
    "region": pl.String,
    "feature": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}
_TEXTURE_FAMILIES = {"glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm"}


def extract(volume: Volume, labelmap: LabelMap, policy: Policy) -> pl.DataFrame:
    """The policy's features of every region that the label map names.

    One row a region and feature: ``label``, ``region``, ``feature`` (a name of the feature table),
    ``value``, or ``reason`` (a :class:`Reason`) where there is no value. Regions come in the order
    of their labels, features in the order of the table.

    Raises Refusal GRID_MISMATCH when volume and label map do not share their grid.
    """
    if not volume.geometry.same_grid(labelmap.geometry):
        raise Refusal(
            "GRID_MISMATCH",
            "the image and the regions lie on different grids",
            "resample the regions to the image first",
        )
    names = feature_names(policy)
    columns: dict[str, list[object]] = {column: [] for column in SCHEMA}
    for label, name, region in regions(volume, labelmap, policy):
        found = region if isinstance(region, Reason) else features_of(region, policy)
        columns["label"] += [label] * len(names)
        columns["region"] += [name] * len(names)
        columns["feature"] += names
        for feature in names:
            value = found if isinstance(found, Reason) else found[feature]
            if not isinstance(value, Reason) and not math.isfinite(value):
                value = Reason.NOT_FINITE_VALUE
            missing = isinstance(value, Reason)
            columns["value"].append(None if missing else value)
            columns["reason"].append(str(value) if missing else None)
    return pl.DataFrame(columns, schema=SCHEMA)


def features_of(region: Region, policy: Policy) -> Values:
    """Every feature of one region, or its reason, by name (at least those of the policy)."""
    values: Values = {}
    families = set(policy.families)
    if "morphology" in families:
        values |= morphological_features(region, policy.autocorrelation_box_voxels)
    if "local_intensity" in families:
        local_peak, global_peak = intensity_peaks(
            region.image, region.intensity_mask, region.spacing
        )
        values |= {"loc_peak_loc": local_peak, "loc_peak_glob": global_peak}
    if "statistics" in families:
        values |= intensity_statistics(region.intensities)
    if "intensity_volume_histogram" in families:
        values |= volume_histogram_features(region.intensities, policy)
    if families & (_TEXTURE_FAMILIES | {"intensity_histogram"}):
        values |= _discretised_features(region, policy)
    return values


def _discretised_features(region: Region, policy: Policy) -> Values:
    """Histogram and textures, which work on grey levels."""
    intensities = region.intensities
    levels = grey_levels(intensities, policy.discretisation, policy)
    too_many = int(levels.max()) > policy.maximum_grey_levels
    values: Values = {}
    if "intensity_histogram" in policy.families:
        values |= (
            _all_of("ih_", policy, Reason.TOO_MANY_GREY_LEVELS)
            if too_many
            else histogram_features(levels)
        )
    reason: Reason | None = None
    if len(levels) < policy.minimum_texture_voxels:
        reason = Reason.REGION_TOO_SMALL
    elif too_many:
        reason = Reason.TOO_MANY_GREY_LEVELS
    if reason is not None:
        for prefix in ("cm_", "rlm_", "szm_", "dzm_", "ngt_", "ngl_"):
            values |= _all_of(prefix, policy, reason)
        return values
    return values | texture_features(_level_box(region, levels, policy), policy)


def _all_of(prefix: str, policy: Policy, reason: Reason) -> dict[str, Value]:
    return {name: reason for name in feature_names(policy) if name.startswith(prefix)}


def _level_box(region: Region, levels: NDArray[np.int64], policy: Policy) -> LevelBox:
    """The region's grey levels, with the margin that the matrices need."""
    pad = max(policy.glcm_distance, policy.neighbourhood_distance)
    wide = grown(region.box, (pad, pad, pad))
    return LevelBox(
        levels=scattered(region.intensity_mask[wide], levels),
        morphological_mask=region.morphological_mask[wide],
        pad=pad,
        highest=int(levels.max()),
    )
