"""How stable features are: perturbed images and masks, and negative controls.

Perturbations are those of Zwanenburg et al. (Sci Rep 9:614, 2019): rotation, translation, noise,
volume adaptation and contour randomisation. Agreement over them is the intraclass correlation
ICC(1, 1) with its 95 % confidence interval; a feature is robust where the lower bound is high.
Negative controls keep a region's intensities and destroy their places: a feature that predicts as
well on them says nothing about texture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import ndimage, stats

from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.policy import Policy

Control = Literal["shuffled", "sampled"]


@dataclass(frozen=True)
class Perturbation:
    """One disturbance; nought leaves a part alone.

    ``angle`` (degrees) turns image and mask in the axial plane; ``shift`` moves them by parts of a
    voxel (z, y, x); ``noise`` is a Gaussian's standard deviation in the image's unit; ``growth``
    changes the region's volume by this fraction; ``contour`` moves the border by a smooth random
    distance of this standard deviation (mm).
    """

    angle: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise: float = 0.0
    growth: float = 0.0
    contour: float = 0.0


DEFAULT_PERTURBATIONS = (
    Perturbation(),
    *(Perturbation(angle=angle) for angle in (-4.0, 4.0)),
    *(Perturbation(shift=(part, part, part)) for part in (0.25, 0.5)),
    *(Perturbation(growth=growth) for growth in (-0.1, 0.1)),
    *(Perturbation(contour=1.0) for _ in range(2)),
)


def perturbed(
    volume: Volume, mask: NDArray[np.bool_], perturbation: Perturbation, seed: int
) -> tuple[Volume, NDArray[np.bool_]]:
    """Image and mask (z, y, x) after a perturbation, on the same grid."""
    generator = np.random.default_rng(seed)
    image = volume.array.astype(np.float64)
    # Signed distance (mm) to the border, positive inside: a mask that can be moved and grown.
    depth = _signed_distance(mask, volume.geometry.spacing)
    if perturbation.angle:
        image, depth = (
            ndimage.rotate(one, perturbation.angle, (1, 2), False, order=1, mode="nearest")
            for one in (image, depth)
        )
    if any(perturbation.shift):
        image, depth = (
            ndimage.shift(one, perturbation.shift, order=1, mode="nearest")
            for one in (image, depth)
        )
    if perturbation.noise:
        image = image + generator.normal(0.0, perturbation.noise, image.shape)
    if perturbation.contour:
        field = ndimage.gaussian_filter(generator.normal(size=depth.shape), 2.0)
        depth = depth + field * (perturbation.contour / field.std())
    changed = depth > 0
    if perturbation.growth:
        number = round(np.count_nonzero(changed) * (1 + perturbation.growth))
        changed = _deepest(depth, number)
    return replace(volume, array=image.astype(np.float32)), changed


def _signed_distance(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> NDArray[np.float64]:
    half = min(spacing) / 2
    inside = ndimage.distance_transform_edt(mask, spacing) - half
    outside = ndimage.distance_transform_edt(~mask, spacing) - half
    return np.asarray(np.where(mask, inside, -outside))


def _deepest(depth: NDArray[np.float64], number: int) -> NDArray[np.bool_]:
    """The ``number`` voxels that lie deepest inside; ties by their order in the raster."""
    order = np.argsort(-depth, axis=None, kind="stable")
    chosen = np.zeros(depth.size, dtype=bool)
    chosen[order[: max(number, 1)]] = True
    return chosen.reshape(depth.shape)


@dataclass(frozen=True)
class Agreement:
    """An intraclass correlation and its 95 % confidence interval."""

    icc: float
    lower: float
    upper: float


def intraclass_correlation(table: NDArray[Any]) -> Agreement | None:
    """ICC(1, 1) of a table (subjects, repetitions); None when nothing varies or it is too small."""
    subjects, repetitions = table.shape
    if subjects < 2 or repetitions < 2:
        return None
    means = table.mean(axis=1)
    between = repetitions * float(means.var(ddof=1))
    within = float(np.square(table - means[:, None]).sum()) / (subjects * (repetitions - 1))
    if between == 0 and within == 0:
        return None
    if within == 0:
        return Agreement(1.0, 1.0, 1.0)
    ratio, k = between / within, repetitions
    freedom = subjects - 1, subjects * (repetitions - 1)
    low = ratio / float(stats.f.ppf(0.975, *freedom))
    high = ratio * float(stats.f.ppf(0.975, *freedom[::-1]))
    return Agreement(*((f - 1) / (f + k - 1) for f in (ratio, low, high)))


def robustness(
    volume: Volume,
    labelmap: LabelMap,
    policy: Policy,
    perturbations: Sequence[Perturbation] = DEFAULT_PERTURBATIONS,
    seed: int = 0,
) -> pl.DataFrame:
    """ICC of every feature over the regions of a label map, the regions being the subjects.

    Columns ``feature``, ``icc``, ``lower``, ``upper`` (null where fewer than two regions have the
    feature in every perturbation, or nothing varies) and ``regions``, the number that has it.
    """
    frames = []
    for number, perturbation in enumerate(perturbations):
        for label, name in sorted(labelmap.labels.items()):
            changed, mask = perturbed(volume, labelmap.mask(label), perturbation, seed + number)
            alone = LabelMap(mask.astype(np.uint8), volume.geometry, {1: name})
            found = extract(changed, alone, policy).with_columns(
                pl.lit(label).alias("label"), pl.lit(number).alias("perturbation")
            )
            frames.append(found.select("label", "perturbation", "feature", "value"))
    rows = []
    values = pl.concat(frames)
    for (feature,), part in values.group_by("feature", maintain_order=True):
        wide = part.pivot("perturbation", index="label", values="value").drop("label").drop_nulls()
        agreement = intraclass_correlation(wide.to_numpy())
        rows.append(
            {
                "feature": feature,
                "icc": agreement.icc if agreement else None,
                "lower": agreement.lower if agreement else None,
                "upper": agreement.upper if agreement else None,
                "regions": wide.height,
            }
        )
    schema = {"icc": pl.Float64, "lower": pl.Float64, "upper": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=schema)


def negative_control(volume: Volume, labelmap: LabelMap, kind: Control, seed: int = 0) -> Volume:
    """The volume with the intensities inside each region at random places.

    ``shuffled`` permutes them, so that the histogram stays; ``sampled`` draws with replacement.
    """
    generator = np.random.default_rng(seed)
    image = volume.array.copy()
    for label in sorted(labelmap.labels):
        inside = labelmap.mask(label)
        intensities = volume.array[inside]
        if kind == "shuffled":
            image[inside] = generator.permutation(intensities)
        elif len(intensities):
            image[inside] = generator.choice(intensities, len(intensities))
    return replace(volume, array=image)
