"""Images and masks that know where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.geometry import Geometry

Unit = Literal["SUVbw", "HU", "Bq/mL", "1"]


def _check_shape(array: NDArray[Any], geometry: Geometry) -> None:
    if array.shape != geometry.shape:
        raise ValueError(f"array of shape {array.shape} on a grid of shape {geometry.shape}")


@dataclass(frozen=True)
class Volume:
    """A scalar image: float32 ``array`` (z, y, x) on ``geometry``, values in ``unit``."""

    array: NDArray[np.float32]
    geometry: Geometry
    unit: Unit

    def __post_init__(self) -> None:
        _check_shape(self.array, self.geometry)


@dataclass(frozen=True)
class LabelMap:
    """Regions that do not overlap: integer ``array`` (z, y, x), 0 = background.

    ``labels`` names every label that may occur, also those without a voxel.
    """

    array: NDArray[np.integer[Any]]
    geometry: Geometry
    labels: Mapping[int, str]

    def __post_init__(self) -> None:
        _check_shape(self.array, self.geometry)
        if 0 in self.labels:
            raise ValueError("label 0 is the background and cannot be named")

    def mask(self, region: int | str) -> NDArray[np.bool_]:
        """Boolean mask (z, y, x) of a label or of a region's name.

        Raises KeyError for a region that the map does not know.
        """
        if isinstance(region, str):
            region = self.label_of(region)
        elif region not in self.labels:
            raise KeyError(f"no label {region}; there are {sorted(self.labels)}")
        return np.asarray(self.array == region)

    def label_of(self, name: str) -> int:
        """The label of a region's name; KeyError when the map does not know it."""
        for label, known in self.labels.items():
            if known == name:
                return label
        raise KeyError(f"no region {name!r}; there are {sorted(self.labels.values())}")


@dataclass(frozen=True)
class NamedMask:
    """One mask that came from outside (SEG segment, RTSTRUCT contour, NIfTI label).

    ``code`` is its coded meaning as "scheme:value" (for example "SCT:10200004") where given.
    """

    name: str
    mask: NDArray[np.bool_]
    geometry: Geometry
    source: Literal["SEG", "RTSTRUCT", "NIfTI"]
    code: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        _check_shape(self.mask, self.geometry)
