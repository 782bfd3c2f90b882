"""Texture features of a region in every aggregation that is asked for.

IBSI's names: ``2D`` works slice by slice and averages the features, ``2_5D`` merges the slices'
matrices first, ``3D`` takes the volume; for matrices that have directions ``avg`` averages the
features of the directions and ``comb`` merges their matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wbr_platform.radiomics.policy import Policy
from wbr_platform.radiomics.reasons import Reason, Values
from wbr_platform.radiomics.texture import glcm_features as glcm
from wbr_platform.radiomics.texture import ngtdm_features as ngtdm
from wbr_platform.radiomics.texture import size_features as size
from wbr_platform.radiomics.texture.glcm_matrix import cooccurrences
from wbr_platform.radiomics.texture.glrlm_matrix import runs
from wbr_platform.radiomics.texture.grid import LevelBox
from wbr_platform.radiomics.texture.neighbourhood_matrix import neighbourhood_counts
from wbr_platform.radiomics.texture.zone_matrix import border_distances, zones

Slab = tuple[int, int]
FeatureArray = NDArray[np.float64]
# Counts (direction, …) of a slab; and the features of one merged matrix of so many voxels.
DirectionalMatrix = Callable[[LevelBox, Slab, bool], NDArray[np.int64]]
MatrixFeatures = Callable[[NDArray[np.int64], int], FeatureArray | None]


def texture_features(box: LevelBox, policy: Policy) -> Values:
    """All texture features of the policy for one region."""
    values: Values = {}
    wanted, families = set(policy.aggregations), set(policy.families)
    if "glcm" in families:

        def pairs(box: LevelBox, slab: Slab, in_plane: bool) -> NDArray[np.int64]:
            return cooccurrences(box, slab, in_plane, policy.glcm_distance)

        values |= _directional("cm", glcm.NAMES, box, wanted, pairs, glcm.glcm_features)
    if "glrlm" in families:
        values |= _directional("rlm", size.GLRLM_NAMES, box, wanted, runs, size.run_features)
    if families & {"glszm", "gldzm"}:
        values |= _zone_features(box, wanted)
    if families & {"ngtdm", "ngldm"}:
        values |= _neighbourhood_features(box, wanted, policy)
    return values


def _named(
    family: str, names: Sequence[str], suffix: str, features: Iterable[FeatureArray | None]
) -> Values:
    """The mean over several matrices, by name, but for those that are empty or undefined."""
    present = [array for array in features if array is not None]
    if not present:
        return {f"{family}_{name}_{suffix}": Reason.NO_NEIGHBOURS for name in names}
    table = np.array(present)
    defined = ~np.isnan(table)
    numbers = defined.sum(axis=0)
    sums = np.where(defined, table, 0.0).sum(axis=0)
    return {
        f"{family}_{name}_{suffix}": float(sums[k] / numbers[k])
        if numbers[k]
        else Reason.FLAT_REGION
        for k, name in enumerate(names)
    }


def _directional(
    family: str,
    names: Sequence[str],
    box: LevelBox,
    wanted: set[str],
    matrix: DirectionalMatrix,
    features: MatrixFeatures,
) -> Values:
    """GLCM and GLRLM: matrices for each direction, of the volume or of each slice."""
    found: dict[str, list[FeatureArray | None]] = {}

    def each(counts: NDArray[np.int64], voxels: int) -> list[FeatureArray | None]:
        return [features(one, voxels) for one in counts]

    def merged(counts: NDArray[np.int64], voxels: int) -> FeatureArray | None:
        return features(counts.sum(axis=0), voxels * len(counts))

    if wanted & {"3D_avg", "3D_comb"}:
        counts, voxels = matrix(box, box.whole, False), box.voxels(box.whole)
        found["3D_avg"] = each(counts, voxels)
        found["3D_comb"] = [merged(counts, voxels)]
    if any(name.startswith("2") for name in wanted):
        found |= {"2D_avg": [], "2D_comb": []}
        slices = box.slabs
        summed = np.zeros_like(matrix(box, slices[0], True))
        for slab in slices:
            counts, voxels = matrix(box, slab, True), box.voxels(slab)
            found["2D_avg"] += each(counts, voxels)
            found["2D_comb"].append(merged(counts, voxels))
            summed += counts
        voxels = box.voxels(box.whole)
        found["2_5D_avg"] = each(summed, voxels)
        found["2_5D_comb"] = [merged(summed, voxels)]
    values: Values = {}
    for suffix in wanted & set(found):
        values |= _named(family, names, suffix, found[suffix])
    return values


def _slabs(box: LevelBox, suffix: str) -> tuple[list[Slab], bool]:
    """The slabs of an aggregation without directions, and whether neighbours lie in the plane."""
    return ([box.whole], False) if suffix == "3D" else (box.slabs, True)


def _zone_features(box: LevelBox, wanted: set[str]) -> Values:
    values: Values = {}
    for suffix in ("3D", "2D", "2_5D"):
        if suffix not in wanted:
            continue
        slabs, in_plane = _slabs(box, suffix)
        distances = border_distances(box, in_plane)
        found = [zones(box, slab, in_plane, distances) for slab in slabs]
        voxels = [box.voxels(slab) for slab in slabs]
        levels = [zone.levels for zone in found]
        for family, names, sizes in (
            ("szm", size.GLSZM_NAMES, [zone.sizes for zone in found]),
            ("dzm", size.GLDZM_NAMES, [zone.distances for zone in found]),
        ):
            if suffix == "2_5D":
                matrices = [size.SizeCounts.of_items(np.concatenate(levels), np.concatenate(sizes))]
                numbers = [sum(voxels)]
            else:
                pairs = zip(levels, sizes, strict=True)
                matrices = [size.SizeCounts.of_items(level, one) for level, one in pairs]
                numbers = voxels
            arrays = map(size.size_features, matrices, numbers)
            values |= _named(family, names, suffix, arrays)
    return values


def _neighbourhood_features(box: LevelBox, wanted: set[str], policy: Policy) -> Values:
    values: Values = {}
    distance, coarseness = policy.neighbourhood_distance, policy.ngldm_coarseness
    for suffix in ("3D", "2D", "2_5D"):
        if suffix not in wanted:
            continue
        slabs, in_plane = _slabs(box, suffix)
        found = [neighbourhood_counts(box, s, in_plane, distance, coarseness) for s in slabs]
        voxels = [box.voxels(slab) for slab in slabs]
        if suffix == "2_5D":
            found, voxels = [sum(found[1:], start=found[0])], [sum(voxels)]
        tone = [ngtdm.ngtdm_features(one.voxels, one.differences) for one in found]
        values |= _named("ngt", ngtdm.NAMES, suffix, tone)
        dependence = [
            size.run_features(one.dependences, number)
            for one, number in zip(found, voxels, strict=True)
        ]
        values |= _named("ngl", size.NGLDM_NAMES, suffix, dependence)
    return values
