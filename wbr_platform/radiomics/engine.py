"""All features of all regions of an image in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.crop import grown, scattered
from wbr_platform.radiomics.discretisation import grey_levels
from wbr_platform.radiomics.feature_table import feature_names
from wbr_platform.radiomics.histogram import histogram_features
from wbr_platform.radiomics.lifex import lifex_features, log10_entropies
from wbr_platform.radiomics.local_intensity import intensity_peaks
from wbr_platform.radiomics.morphology.features import morphological_features
from wbr_platform.radiomics.policy import LIFEX_FAMILY, Policy
from wbr_platform.radiomics.reasons import Reason, Value, Values
from wbr_platform.radiomics.region import Region, RegionSource, region_parameters
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
# Values of families without grey levels, by family and the parameter on which they depend.
Shared: TypeAlias = dict[tuple[str, int], Values]
_TEXTURE_FAMILIES = {"glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm"}


def extract(volume: Volume, labelmap: LabelMap, policy: Policy, threads: int = 1) -> pl.DataFrame:
    """The policy's features of every region that the label map names.

    One row a region and feature: ``label``, ``region``, ``feature`` (a name of the feature table),
    ``value``, or ``reason`` (a :class:`Reason`) where there is no value. Regions come in the order
    of their labels, features in the order of the table, whatever the number of threads.

    Raises Refusal GRID_MISMATCH when volume and label map do not share their grid.
    """
    return extract_policies(volume, labelmap, (policy,), threads)[policy.name]


def extract_policies(
    volume: Volume, labelmap: LabelMap, policies: Sequence[Policy], threads: int = 1
) -> dict[str, pl.DataFrame]:
    """:func:`extract` for several policies in one run, by the policies' names.

    Policies that ask for the same regions, and differ for example in their discretisation, share
    the regions and what does not depend on grey levels.
    """
    if not volume.geometry.same_grid(labelmap.geometry):
        raise Refusal(
            "GRID_MISMATCH",
            "the image and the regions lie on different grids",
            "resample the regions to the image first",
        )
    if len({policy.name for policy in policies}) < len(policies):
        raise ValueError("two policies of one run have the same name")
    frames: dict[str, pl.DataFrame] = {}
    for alike in _sharing_regions(policies):
        source = RegionSource(volume, labelmap, alike[0])
        found = _of_all_regions(source, alike, threads)
        for number, policy in enumerate(alike):
            each = {label: values[number] for label, values in found.items()}
            frames[policy.name] = _frame(labelmap.labels, each, feature_names(policy))
    return {policy.name: frames[policy.name] for policy in policies}


def _sharing_regions(policies: Sequence[Policy]) -> list[list[Policy]]:
    """The policies in groups that need the same regions."""
    groups: dict[Policy, list[Policy]] = {}
    for policy in policies:
        groups.setdefault(region_parameters(policy), []).append(policy)
    return list(groups.values())


def _of_all_regions(
    source: RegionSource, policies: Sequence[Policy], threads: int
) -> dict[int, list[Values | Reason]]:
    """By label, in their order: for each policy the values of a region, or why it has none."""

    def of_region(label: int) -> list[Values | Reason]:
        region = source.region(label)
        if isinstance(region, Reason):
            return [region] * len(policies)
        shared: Shared = {}
        return [features_of(region, policy, shared) for policy in policies]

    if threads <= 1:
        return {label: of_region(label) for label in source.labels}
    largest_first = sorted(source.labels, key=source.box_voxels, reverse=True)
    with ThreadPoolExecutor(threads) as pool:
        found = dict(zip(largest_first, pool.map(of_region, largest_first), strict=True))
    return {label: found[label] for label in source.labels}


def _frame(
    names: Mapping[int, str], found: Mapping[int, Values | Reason], features: Sequence[str]
) -> pl.DataFrame:
    """Rows of all regions; what is no finite number becomes a reason."""
    values: list[float | None] = []
    reasons: list[str | None] = []
    for region in found.values():
        for feature in features:
            value = region if isinstance(region, Reason) else region[feature]
            if isinstance(value, Reason):
                values.append(None)
                reasons.append(str(value))
            elif isfinite(value):
                values.append(value)
                reasons.append(None)
            else:
                values.append(None)
                reasons.append(str(Reason.NOT_FINITE_VALUE))
    each = len(features)
    return pl.DataFrame(
        {
            "label": np.repeat(np.array(list(found), dtype=np.int64), each),
            "region": pl.Series([names[label] for label in found], dtype=pl.String).gather(
                np.repeat(np.arange(len(found)), each)
            ),
            "feature": list(features) * len(found),
            "value": values,
            "reason": reasons,
        },
        schema=SCHEMA,
    )


def features_of(region: Region, policy: Policy, shared: Shared | None = None) -> Values:
    """Every feature of one region, or its reason, by name (at least those of the policy).

    ``shared`` carries over, from policy to policy, what does not depend on grey levels.
    """
    families = set(policy.families)
    shared = {} if shared is None else shared
    values: Values = {}
    for family, limit in (
        ("morphology", policy.autocorrelation_box_voxels),
        ("local_intensity", 0),
        ("statistics", 0),
    ):
        if family in families:
            if (family, limit) not in shared:
                shared[family, limit] = _undiscretised_features(region, family, limit)
            values |= shared[family, limit]
    if "intensity_volume_histogram" in families:
        values |= volume_histogram_features(region.intensities, policy)
    if families & (_TEXTURE_FAMILIES | {"intensity_histogram"}):
        values |= _discretised_features(region, policy)
    if LIFEX_FAMILY in families:
        values |= lifex_features(region) | log10_entropies(values)
    return values


def _undiscretised_features(region: Region, family: str, autocorrelation_box: int) -> Values:
    """A family that works on intensities as they are."""
    if family == "morphology":
        return morphological_features(region, autocorrelation_box)
    if family == "statistics":
        return intensity_statistics(region.intensities)
    local_peak, global_peak = intensity_peaks(region.image, region.intensity_mask, region.spacing)
    return {"loc_peak_loc": local_peak, "loc_peak_glob": global_peak}


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
