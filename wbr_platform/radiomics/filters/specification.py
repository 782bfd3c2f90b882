"""A filter with its parameters: serialisable, hashed with the policy, applied to a volume."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.volume import Volume
from wbr_platform.radiomics.filters.boundary import Boundary
from wbr_platform.radiomics.filters.gabor import gabor
from wbr_platform.radiomics.filters.gaussian import laplacian_of_gaussian, mean_filter
from wbr_platform.radiomics.filters.laws import laws
from wbr_platform.radiomics.filters.nonseparable import riesz_log, simoncelli
from wbr_platform.radiomics.filters.rotations import Pooling
from wbr_platform.radiomics.filters.wavelets import separable_wavelet

Kind = Literal["mean", "log", "laws", "gabor", "wavelet", "simoncelli", "riesz_log"]


@dataclass(frozen=True)
class Filter:
    """One filter. Lengths in mm, angles in degrees; what a kind does not use is ignored.

    ``in_plane`` works slice by slice. ``kernels``: Laws' names, for example ``("E5", "L5", "S5")``.
    ``wavelet``, ``passes``, ``level``: see :func:`separable_wavelet`. ``pooling``: makes Laws,
    wavelets and Gabor (with ``angle_step``, over ``orthogonal_planes``) invariant to rotation.
    ``riesz_orders`` along x, y (and z).
    """

    kind: Kind
    boundary: Boundary = "mirror"
    in_plane: bool = False
    support: int = 1
    sigma: float = 0.0
    kernels: tuple[str, ...] = ()
    energy_distance: int | None = None
    wavelength: float = 0.0
    gamma: float = 1.0
    angle: float = 0.0
    angle_step: float | None = None
    orthogonal_planes: bool = False
    wavelet: str = ""
    passes: str = ""
    level: int = 1
    pooling: Pooling | None = None
    riesz_orders: tuple[int, ...] | None = None

    def apply(self, volume: Volume) -> Volume:
        """The response map on the volume's grid; its intensities have no unit of their own."""
        response = self._response(volume.array, volume.geometry.spacing)
        return replace(volume, array=response.astype(np.float32), unit="1")

    def _response(
        self, image: NDArray[Any], spacing: tuple[float, float, float]
    ) -> NDArray[np.float64]:
        if self.kind == "mean":
            return mean_filter(image, self.support, self.boundary, self.in_plane)
        if self.kind == "log":
            return laplacian_of_gaussian(image, self.sigma, spacing, self.boundary, self.in_plane)
        if self.kind == "laws":
            return laws(image, self.kernels, self.boundary, self.pooling, self.energy_distance)
        if self.kind == "wavelet":
            return separable_wavelet(
                image, self.wavelet, self.passes, self.boundary, self.level, self.pooling
            )
        if self.kind == "simoncelli":
            return simoncelli(image, self.level, self.boundary, self.in_plane, self.riesz_orders)
        if self.kind == "riesz_log":
            orders = self.riesz_orders or ()
            return riesz_log(image, self.sigma, orders, spacing, self.boundary, self.in_plane)
        return gabor(
            image,
            *(self.sigma, self.wavelength, self.gamma, math.radians(self.angle)),
            spacing,
            self.boundary,
            math.radians(self.angle_step) if self.angle_step else None,
            self.orthogonal_planes,
            self.pooling or "average",
        )
