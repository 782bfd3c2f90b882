"""Small volumes and regions for the tests of the feature engine."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.volume import Unit
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.policy import AGGREGATIONS_2D, AGGREGATIONS_3D, FixedBinSize, Policy

# Everything in 2D and 3D, on the image's own grid, for regions of any size.
WHOLE_POLICY = Policy(
    name="test",
    discretisation=FixedBinSize(0.5, origin=0.0),
    ivh_discretisation=FixedBinSize(0.1, origin=0.0),
    aggregations=AGGREGATIONS_3D + AGGREGATIONS_2D,
    minimum_texture_voxels=1,
)

Found = dict[str, float | str]


def blob(
    shape: tuple[int, int, int] = (8, 9, 10), seed: int = 0, fill: float = 0.6
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A random image (0.2 to 4.2) and a random, usually disconnected mask inside a border."""
    generator = np.random.default_rng(seed)
    image = (generator.random(shape) * 4 + 0.2).astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    mask[1:-1, 1:-1, 1:-1] = generator.random(tuple(n - 2 for n in shape)) < fill
    return image, mask


def volume_of(
    image: NDArray[np.float32],
    spacing: tuple[float, float, float] = (3.0, 2.0, 2.5),
    unit: Unit = "SUVbw",
) -> Volume:
    """An image (z, y, x) as a volume."""
    shape = (image.shape[0], image.shape[1], image.shape[2])
    return Volume(image.astype(np.float32), Geometry(shape, spacing), unit)


def features(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    policy: Policy = WHOLE_POLICY,
    spacing: tuple[float, float, float] = (3.0, 2.0, 2.5),
) -> Found:
    """Value or reason of each feature of one mask."""
    volume = volume_of(image, spacing)
    labelmap = LabelMap(mask.astype(np.uint8), volume.geometry, {1: "region"})
    return as_dict(extract(volume, labelmap, policy))


def as_dict(frame: pl.DataFrame) -> Found:
    """Value or reason by feature; exactly one of both has to be there."""
    found: Found = {}
    for name, value, reason in frame.select("feature", "value", "reason").iter_rows():
        assert (value is None) != (reason is None), name
        assert reason != "NOT_FINITE_VALUE", name
        assert value is None or math.isfinite(value), name
        found[name] = reason if value is None else value
    return found


def assert_same(first: Found, second: Found, relative: float = 1e-9) -> None:
    """Same features, same reasons, values equal up to rounding."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        other = second[name]
        if isinstance(value, str) or isinstance(other, str):
            assert value == other, name
        else:
            np.testing.assert_allclose(other, value, rtol=relative, atol=1e-9, err_msg=name)
