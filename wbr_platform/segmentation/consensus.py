"""Several methods' lesions made one: majority, STAPLE, SIMPLE; and where they disagree.

STAPLE: Warfield et al., IEEE TMI 2004;23:903 (SimpleITK's), on the box of the union: on a whole
body the empty background would settle every rater's specificity. SIMPLE: Langerak et al., IEEE TMI
2010;29:2000: votes weighted by each rater's Dice with the consensus, poor raters left out, until
nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, Box, bounding_box, grow_box
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.agreement import mask_on
from wbr_platform.segmentation.components import as_lesions, connected_components

# SIMPLE leaves out raters whose Dice lies this many standard deviations below the mean, and never
# goes below this number of raters.
SIMPLE_DEVIATIONS = 1.0
SIMPLE_MINIMUM_RATERS = 3
SIMPLE_ROUNDS = 20
STAPLE_ITERATIONS = 100

# Probability (z, y, x) that a voxel is lesion, and the weight of each rater, from masks.
Fusion = Callable[[list[BoolArray]], tuple[NDArray[np.float32], list[float]]]


@dataclass(frozen=True)
class Consensus:
    """``probability`` (0 to 1, unit "1") that a voxel is lesion; lesion from one half on.

    ``weights`` by algorithm: 1 for each vote of the majority; the sensitivity of STAPLE; the Dice
    of SIMPLE, 0 for those left out.
    """

    method: str
    probability: Volume
    weights: Mapping[str, float]

    @property
    def mask(self) -> BoolArray:
        """Voxels of probability one half and more; a tie of votes is lesion."""
        return np.asarray(self.probability.array >= 0.5)

    def lesions(self, minimum_ml: float = 0.0) -> LabelMap:
        """Its components, the largest first."""
        components = connected_components(self.mask)
        return as_lesions(components, self.probability.geometry, minimum_ml).labelmap

    @property
    def uncertainty(self) -> Volume:
        """Binary entropy of the probability in bits: 0 where all agree, 1 where they are even."""
        p = self.probability.array
        entropy = np.zeros_like(p)
        unsure = (p > 0) & (p < 1)
        q = p[unsure]
        entropy[unsure] = -(q * np.log2(q) + (1 - q) * np.log2(1 - q))
        return Volume(entropy, self.probability.geometry, "1")


def majority(masks: list[BoolArray]) -> tuple[NDArray[np.float32], list[float]]:
    """The share of the votes."""
    votes = np.zeros(masks[0].shape, dtype=np.float32)
    for mask in masks:
        votes += mask
    return votes / np.float32(len(masks)), [1.0] * len(masks)


def staple(masks: list[BoolArray]) -> tuple[NDArray[np.float32], list[float]]:
    """STAPLE's posterior; the weights are the raters' sensitivities."""
    algorithm = sitk.STAPLEImageFilter()
    algorithm.SetForegroundValue(1)
    algorithm.SetMaximumIterations(STAPLE_ITERATIONS)
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    posterior = sitk.GetArrayFromImage(algorithm.Execute(images))
    return posterior.astype(np.float32), [float(s) for s in algorithm.GetSensitivity()]


def simple(masks: list[BoolArray]) -> tuple[NDArray[np.float32], list[float]]:
    """The weighted share of the votes of the raters that remain."""
    kept = list(range(len(masks)))
    weights = np.ones(len(masks))
    probability = _weighted(masks, weights)
    for _ in range(SIMPLE_ROUNDS):
        consensus = probability >= 0.5
        performance = np.array([_dice(masks[i], consensus) for i in kept])
        limit = performance.mean() - SIMPLE_DEVIATIONS * performance.std()
        good = [i for i, dice in zip(kept, performance, strict=True) if dice >= limit - 1e-12]
        if len(good) < SIMPLE_MINIMUM_RATERS:
            good = kept
        weights = np.zeros(len(masks))
        weights[kept] = performance
        weights[[i for i in kept if i not in good]] = 0.0
        following = _weighted(masks, weights)
        settled = good == kept and np.array_equal(following >= 0.5, consensus)
        kept, probability = good, following
        if settled:
            break
    return probability, weights.tolist()


def _weighted(masks: list[BoolArray], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    total = np.zeros(masks[0].shape, dtype=np.float64)
    for mask, weight in zip(masks, weights, strict=True):
        total += weight * mask
    whole = weights.sum()
    return np.asarray(total / (whole if whole else 1.0), dtype=np.float32)


def _dice(a: BoolArray, b: BoolArray) -> float:
    size = np.count_nonzero(a) + np.count_nonzero(b)
    return 2.0 * float(np.count_nonzero(a & b)) / size if size else 1.0


FUSIONS: Mapping[str, Fusion] = MappingProxyType(
    {"majority": majority, "staple": staple, "simple": simple}
)


def fuse_masks(masks: Mapping[str, BoolArray], geometry: Geometry, method: str) -> Consensus:
    """Masks (z, y, x) of several algorithms on one grid as a consensus.

    Raises Refusal UNKNOWN_CONSENSUS, NO_SECOND_ALGORITHM.
    """
    if method not in FUSIONS:
        raise Refusal("UNKNOWN_CONSENSUS", f"no method {method!r}", f"use {', '.join(FUSIONS)}")
    if len(masks) < 2:
        raise Refusal("NO_SECOND_ALGORITHM", "a consensus needs two algorithms or more")
    probability = np.zeros(geometry.shape, dtype=np.float32)
    box = _union_box(masks, geometry)
    weights = [1.0] * len(masks)
    if box is not None:
        crops = [np.ascontiguousarray(mask[box]) for mask in masks.values()]
        probability[box], weights = FUSIONS[method](crops)
    volume = Volume(probability, geometry, "1")
    return Consensus(method, volume, dict(zip(masks, weights, strict=True)))


def fuse(lesions: Mapping[str, LabelMap], geometry: Geometry, method: str) -> Consensus:
    """Label maps of several algorithms, on any grids, as a consensus on one grid."""
    return fuse_masks({n: mask_on(one, geometry) for n, one in lesions.items()}, geometry, method)


def _union_box(masks: Mapping[str, BoolArray], geometry: Geometry) -> Box | None:
    union = np.zeros(geometry.shape, dtype=bool)
    for mask in masks.values():
        union |= mask
    box = bounding_box(union)
    return None if box is None else grow_box(box, geometry.shape, geometry.spacing, 0.0)
