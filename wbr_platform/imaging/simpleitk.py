"""To and from SimpleITK images. SimpleITK only ever sees arrays, never a file of DICOM."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from wbr_platform.imaging.geometry import Geometry


def to_image(array: NDArray[Any], geometry: Geometry) -> sitk.Image:
    """A SimpleITK image of an array (z, y, x)."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in geometry.spacing[::-1]])
    image.SetOrigin([float(v) for v in geometry.origin])
    image.SetDirection([float(v) for v in geometry.direction])
    return image


def geometry_of(image: sitk.Image) -> Geometry:
    """The grid of a three-dimensional SimpleITK image."""
    if image.GetDimension() != 3:
        raise ValueError(f"expected three dimensions, the image has {image.GetDimension()}")
    depth, height, width = image.GetSize()[::-1]
    z, y, x = image.GetSpacing()[::-1]
    return Geometry((depth, height, width), (z, y, x), image.GetOrigin(), image.GetDirection())


def to_array(image: sitk.Image) -> NDArray[Any]:
    """The voxels (z, y, x) of a SimpleITK image, as an array of one's own."""
    return np.asarray(sitk.GetArrayFromImage(image))
