"""A synthetic whole-body PET/CT: 117 organs and 30 lesions of realistic volumes.

Every structure grows from a skeleton, a line or a cloud of points: it takes those free voxels
nearest to it that make up its volume, their distances disturbed by smooth noise so that surfaces
are as irregular as real ones. Three grids: ``pet`` (200 x 200 x 350 voxels of 4.07 x 4.07 x 3 mm),
``ct`` (250 x 250 x 525 of 2 mm), ``ct_native`` (512 x 512 x 525 of 0.98 x 0.98 x 2 mm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.cases.anatomy import Organ, organs
from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.resampling import resample, resample_labels

Grid = Literal["pet", "ct", "ct_native"]
GEOMETRIES: dict[Grid, Geometry] = {
    "ct": Geometry((525, 250, 250), (2.0, 2.0, 2.0)),
    "pet": Geometry((350, 200, 200), (3.0, 4.07, 4.07), (-157.0, -157.0, 0.5)),
    "ct_native": Geometry((525, 512, 512), (2.0, 500 / 512, 500 / 512), (-0.51, -0.51, 0.0)),
}
LESIONS = 30
BIN_WIDTHS: dict[Grid, float] = {"pet": 0.25, "ct": 25.0, "ct_native": 25.0}


@dataclass(frozen=True)
class Case:
    """Image and regions on one grid; organs and lesions overlap, hence two label maps."""

    volume: Volume
    organs: LabelMap
    lesions: LabelMap

    @property
    def region_voxels(self) -> int:
        """Voxels of all regions together."""
        return int(np.count_nonzero(self.organs.array) + np.count_nonzero(self.lesions.array))


class WholeBody:
    """The patient on the 2 mm grid, from which the cases are taken."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._shape = GEOMETRIES["ct"].shape
        self._bumps = self._noise(6.0)
        self._labels = np.zeros(self._shape, dtype=np.uint8)
        self._lesions = np.zeros(self._shape, dtype=np.uint8)
        self._suv = np.full(self._shape, 0.5, dtype=np.float32)
        self._hu = np.full(self._shape, -95.0, dtype=np.float32)
        self.names: dict[int, str] = {}
        for label, organ in enumerate(organs(), 1):
            self.names[label] = organ.name
            self._grow(organ, label)
        for label in range(1, LESIONS + 1):
            self._add_lesion(label)

    def case(self, grid: Grid) -> Case:
        """The patient on one of the grids."""
        geometry, home = GEOMETRIES[grid], GEOMETRIES["ct"]
        if grid == "pet":
            image = self._pet()
            unit: Literal["SUVbw", "HU"] = "SUVbw"
        else:
            image, unit = self._ct(), "HU"
        volume = resample(Volume(image, home, unit), geometry)
        if grid == "pet":  # noise of the scanner's resolution, on its own grid
            noise = np.random.default_rng(7).standard_normal(geometry.shape, dtype=np.float32)
            noise = ndimage.gaussian_filter(noise, (0.8, 0.6, 0.6))
            noise *= 1 / noise.std()
            noisy = np.maximum(volume.array * (1 + 0.11 * noise) + 0.03 * noise, 0)
            volume = Volume(noisy.astype(np.float32), geometry, unit)
        else:
            volume = Volume(np.rint(volume.array), geometry, unit)
        lesions = {label: f"lesion_{label:02d}" for label in range(1, LESIONS + 1)}
        return Case(
            volume,
            resample_labels(LabelMap(self._labels, home, self.names), geometry),
            resample_labels(LabelMap(self._lesions, home, lesions), geometry),
        )

    def _noise(self, sigma: float) -> NDArray[np.float32]:
        """A field of unit variance that is smooth over ``sigma`` voxels."""
        field = self._random.standard_normal(self._shape, dtype=np.float32)
        field = ndimage.gaussian_filter(field, sigma, mode="wrap")
        return np.asarray(field / field.std(), dtype=np.float32)

    def _nearest_free(
        self, points: NDArray[np.float64], number: int, taken: NDArray[np.uint8]
    ) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
        """The free voxels nearest to a skeleton (n, 3) in mm (z, y, x), in a box round it."""
        reach = 12.0 + 2.2 * (number * 8.0 / max(len(points), 1) / 4.2) ** (1 / 3)
        reach = max(reach, 1.6 * (3 * number * 8.0 / (4 * np.pi)) ** (1 / 3) / len(points) ** 0.25)
        low = np.maximum((points.min(axis=0) - reach) // 2, 0).astype(int)
        high = np.minimum((points.max(axis=0) + reach) // 2 + 1, self._shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        at = np.stack(np.meshgrid(*[np.arange(s.start, s.stop) * 2.0 for s in box], indexing="ij"))
        distance = cKDTree(points).query(at.reshape(3, -1).T)[0].reshape(at.shape[1:])
        distance = (distance + 2.0) * (1 + 0.09 * self._bumps[box])
        distance[taken[box] != 0] = np.inf
        number = min(number, int(np.isfinite(distance).sum()))
        chosen = np.zeros(distance.size, dtype=bool)
        chosen[np.argpartition(distance.ravel(), number - 1)[:number]] = True
        return box, chosen.reshape(distance.shape)

    def _grow(self, organ: Organ, label: int) -> None:
        number = round(organ.millilitres / 8e-3)
        box, chosen = self._nearest_free(organ.skeleton, number, self._labels)
        self._labels[box][chosen] = label
        self._suv[box][chosen] = organ.suv
        self._hu[box][chosen] = organ.hu

    def _add_lesion(self, label: int) -> None:
        """A lesion of 0.5 to 60 mL (log-uniform) in an organ."""
        host = self._random.integers(1, len(self.names) + 1)
        inside = np.flatnonzero(self._labels.ravel() == host)
        centre = np.array(np.unravel_index(self._random.choice(inside), self._shape)) * 2.0
        millilitres = float(np.exp(self._random.uniform(np.log(0.5), np.log(60.0))))
        box, chosen = self._nearest_free(centre[None], round(millilitres / 8e-3), self._lesions)
        self._lesions[box][chosen] = label
        self._suv[box][chosen] = np.exp(self._random.uniform(np.log(4), np.log(20)))
        self._hu[box][chosen] = 0.5 * self._hu[box][chosen] + 30

    def _pet(self) -> NDArray[np.float32]:
        activity = self._suv * (1 + 0.08 * self._noise(7.0))
        return ndimage.gaussian_filter(activity.astype(np.float32), 1.06)

    def _ct(self) -> NDArray[np.float32]:
        spread = np.where(self._hu > 165, 75, np.where(self._hu < -600, 85, 6))
        image = ndimage.gaussian_filter(self._hu, 0.34) + spread * self._noise(1.2)
        return (image + 18 * self._noise(0.6)).astype(np.float32)
