"""Texture features of a region in every aggregation that is asked for.

IBSI's names: ``2D`` works slice by slice and averages the features, ``2_5D`` merges the slices'
matrices first, ``3D`` takes the volume; for matrices that have directions ``avg`` averages the
features of the directions and ``comb`` merges their matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.radiomics.policy import Policy
from wbr_platform.radiomics.reasons import Reason, Values
from wbr_platform.radiomics.texture import glcm_features as glcm
from wbr_platform.radiomics.texture import ngtdm_features as ngtdm
from wbr_platform.radiomics.texture import size_features as size
from wbr_platform.radiomics.texture.glcm_matrix import cooccurrences
from wbr_platform.radiomics.texture.grid import LevelBox
from wbr_platform.radiomics.texture.neighbourhood_matrix import neighbourhood_counts
from wbr_platform.radiomics.texture.scan import TextureCounts, texture_counts
from wbr_platform.radiomics.texture.zone_matrix import border_distances

Slab = tuple[int, int]
Table = NDArray[np.float64]  # (matrix, feature), NaN where undefined
DIRECTIONAL = ("3D_avg", "3D_comb", "2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb")


def texture_features(box: LevelBox, policy: Policy) -> Values:
    """All texture features of the policy for one region."""
    values: Values = {}
    wanted = set(policy.aggregations)
    if any(name.startswith("3D") for name in wanted):
        values |= _volume_features(_counts(box, box.whole, False, policy), box, policy)
    if any(name.startswith("2") for name in wanted):
        values |= _slice_features(box, policy)
    return values


def _counts(
    box: LevelBox,
    slab: Slab,
    in_plane: bool,
    policy: Policy,
    distances: NDArray[np.int32] | None = None,
) -> TextureCounts:
    """All matrices of a slab, at the policy's distances."""
    if distances is None and "gldzm" in policy.families:
        distances = border_distances(box, in_plane)
    counts = texture_counts(box, slab, in_plane, policy.ngldm_coarseness, distances)
    if policy.glcm_distance != 1:
        counts = replace(counts, pairs=cooccurrences(box, slab, in_plane, policy.glcm_distance))
    if policy.neighbourhood_distance != 1:
        around = neighbourhood_counts(
            box, slab, in_plane, policy.neighbourhood_distance, policy.ngldm_coarseness
        )
        counts = replace(counts, neighbourhoods=around)
    return counts


def _volume_features(counts: TextureCounts, box: LevelBox, policy: Policy) -> Values:
    """The aggregations 3D, 3D_avg and 3D_comb."""
    values: Values = {}
    wanted, families = set(policy.aggregations), set(policy.families)
    voxels = box.voxels(box.whole)
    if "glcm" in families:
        if "3D_avg" in wanted:
            values |= _named("cm", glcm.NAMES, "3D_avg", glcm.glcm_features(counts.pairs))
        if "3D_comb" in wanted:
            values |= _named("cm", glcm.NAMES, "3D_comb", glcm.glcm_features(_sum(counts.pairs)))
    if "glrlm" in families:
        if "3D_avg" in wanted:
            table = size.matrix_features(counts.runs, voxels, counts.longest)
            values |= _named("rlm", size.GLRLM_NAMES, "3D_avg", table)
        if "3D_comb" in wanted:
            table = size.matrix_features(_sum(counts.runs), voxels * len(counts.runs))
            values |= _named("rlm", size.GLRLM_NAMES, "3D_comb", table)
    if "3D" in wanted:
        zones, around = counts.zones, counts.neighbourhoods
        if "glszm" in families:
            table = size.item_features(zones.levels, zones.sizes, voxels)[None]
            values |= _named("szm", size.GLSZM_NAMES, "3D", table)
        if "gldzm" in families:
            table = size.item_features(zones.levels, zones.distances, voxels)[None]
            values |= _named("dzm", size.GLDZM_NAMES, "3D", table)
        if "ngtdm" in families:
            table = ngtdm.ngtdm_features(around.voxels, around.differences)[None]
            values |= _named("ngt", ngtdm.NAMES, "3D", table)
        if "ngldm" in families:
            table = size.matrix_features(around.dependences[None], voxels)
            values |= _named("ngl", size.NGLDM_NAMES, "3D", table)
    return values


def _slice_features(box: LevelBox, policy: Policy) -> Values:
    """The aggregations that work in slices."""
    families = set(policy.families)
    distances = border_distances(box, True) if "gldzm" in families else None
    slabs = box.slabs
    counts = [_counts(box, slab, True, policy, distances) for slab in slabs]
    voxels = [box.voxels(slab) for slab in slabs]
    values: Values = {}
    if "glcm" in families:
        values |= _slice_pairs([one.pairs for one in counts])
    if "glrlm" in families:
        values |= _slice_runs(counts, voxels)
    for family, names, items in (
        ("szm", size.GLSZM_NAMES, [(one.zones.levels, one.zones.sizes) for one in counts]),
        ("dzm", size.GLDZM_NAMES, [(one.zones.levels, one.zones.distances) for one in counts]),
    ):
        if f"gl{family}" not in families:
            continue
        each = [
            size.item_features(*item, number) for item, number in zip(items, voxels, strict=True)
        ]
        levels, sizes = (np.concatenate([item[k] for item in items]) for k in (0, 1))
        values |= _named(family, names, "2D", np.array(each))
        merged = size.item_features(levels, sizes, sum(voxels))
        values |= _named(family, names, "2_5D", merged[None])
    around = [one.neighbourhoods for one in counts]
    merged_around = sum(around[1:], start=around[0])
    if "ngtdm" in families:
        each = [ngtdm.ngtdm_features(one.voxels, one.differences) for one in around]
        values |= _named("ngt", ngtdm.NAMES, "2D", np.array(each))
        merged = ngtdm.ngtdm_features(merged_around.voxels, merged_around.differences)
        values |= _named("ngt", ngtdm.NAMES, "2_5D", merged[None])
    if "ngldm" in families:
        tables = [
            size.matrix_features(one.dependences[None], number)
            for one, number in zip(around, voxels, strict=True)
        ]
        values |= _named("ngl", size.NGLDM_NAMES, "2D", np.concatenate(tables))
        table = size.matrix_features(merged_around.dependences[None], sum(voxels))
        values |= _named("ngl", size.NGLDM_NAMES, "2_5D", table)
    return values


def _slice_pairs(pairs: Sequence[NDArray[Any]]) -> Values:
    """GLCM by slice and merged over the slices."""
    summed = np.array(pairs).sum(axis=0, dtype=np.int64)
    each = np.concatenate([glcm.glcm_features(one) for one in pairs])
    combined = glcm.glcm_features(np.array([one.sum(axis=0, dtype=np.int64) for one in pairs]))
    return (
        _named("cm", glcm.NAMES, "2D_avg", each)
        | _named("cm", glcm.NAMES, "2D_comb", combined)
        | _named("cm", glcm.NAMES, "2_5D_avg", glcm.glcm_features(summed))
        | _named("cm", glcm.NAMES, "2_5D_comb", glcm.glcm_features(_sum(summed)))
    )


def _slice_runs(counts: Sequence[TextureCounts], voxels: Sequence[int]) -> Values:
    """GLRLM by slice and merged over the slices."""
    directions, levels, _ = counts[0].runs.shape
    longest = max(one.runs.shape[2] for one in counts)
    summed = np.zeros((directions, levels, longest), dtype=np.int64)
    for one in counts:
        summed[:, :, : one.runs.shape[2]] += one.runs
    pairs = list(zip(counts, voxels, strict=True))
    each = [size.matrix_features(one.runs, number, one.longest) for one, number in pairs]
    combined = [size.matrix_features(_sum(one.runs), number * directions) for one, number in pairs]
    total, names = sum(voxels), size.GLRLM_NAMES
    return (
        _named("rlm", names, "2D_avg", np.concatenate(each))
        | _named("rlm", names, "2D_comb", np.concatenate(combined))
        | _named("rlm", names, "2_5D_avg", size.matrix_features(summed, total))
        | _named("rlm", names, "2_5D_comb", size.matrix_features(_sum(summed), total * directions))
    )


def _sum(counts: NDArray[Any]) -> NDArray[np.int64]:
    """The matrices of all directions merged into one: (1, …)."""
    return np.asarray(counts.sum(axis=0, dtype=np.int64, keepdims=True))


@njit(cache=True, nogil=True)
def _column_means(table: Any) -> tuple[Any, bool]:
    """Means over the matrices where a feature is defined (else NaN); whether any row is empty."""
    means = np.empty(table.shape[1])
    found = False
    for k in range(table.shape[1]):
        total, number = 0.0, 0
        for row in range(table.shape[0]):
            if not np.isnan(table[row, k]):
                total += table[row, k]
                number += 1
        means[k] = total / number if number > 0 else np.nan
        found = found or number > 0
    return means, found


def _named(family: str, names: Sequence[str], suffix: str, table: Table) -> Values:
    """The mean over several matrices, by name, but for those that are empty or undefined."""
    means, found = _column_means(table)
    missing = Reason.FLAT_REGION if found else Reason.NO_NEIGHBOURS
    return {
        f"{family}_{name}_{suffix}": missing if value != value else value
        for name, value in zip(names, means.tolist(), strict=False)
    }
