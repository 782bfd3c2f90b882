"""NIfTI in and out; a label map's names stand in a JSON file beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from wbr_platform.imaging.simpleitk import geometry_of, to_array, to_image
from wbr_platform.imaging.volume import LabelMap, Unit, Volume
from wbr_platform.refusal import Refusal


def read_image(path: Path) -> sitk.Image:
    """Any three-dimensional NIfTI file; Refusal NIFTI_UNREADABLE otherwise."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise Refusal(
            "NIFTI_UNREADABLE", "the NIfTI file cannot be read", "check that it is not truncated"
        ) from error
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[..., 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise Refusal(
            "NIFTI_NOT_3D",
            f"a volume of three dimensions is needed, the file has size {image.GetSize()}",
            "give one time point and one channel",
        )
    return image


def read_volume(path: Path, unit: Unit) -> Volume:
    """A NIfTI file as a volume; the caller says the unit, which NIfTI cannot."""
    image = read_image(path)
    return Volume(to_array(image).astype(np.float32), geometry_of(image), unit)


def write_volume(volume: Volume, path: Path) -> None:
    """Write a volume as float32 NIfTI (``.nii.gz``)."""
    image = to_image(np.ascontiguousarray(volume.array, dtype=np.float32), volume.geometry)
    sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)


def labels_path(path: Path) -> Path:
    """The JSON file of names that stands beside a label map's NIfTI file."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".labels.json")


def write_labelmap(labelmap: LabelMap, path: Path) -> None:
    """Write a label map as NIfTI in the smallest fitting integer type, with its names beside it."""
    highest = max(labelmap.labels, default=0)
    dtype = np.uint8 if highest < 256 else np.uint16
    image = to_image(np.ascontiguousarray(labelmap.array, dtype=dtype), labelmap.geometry)
    sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
    names = {str(label): name for label, name in sorted(labelmap.labels.items())}
    labels_path(path).write_text(json.dumps(names, indent=1, ensure_ascii=False) + "\n")


def _labels_in(array: NDArray[np.int32]) -> list[int]:
    """The values of a label map in ascending order; counting is faster than sorting."""
    if array.min() < 0 or array.max() > 2**16:
        return [int(label) for label in np.unique(array)]
    return [int(label) for label in np.flatnonzero(np.bincount(array.ravel()))]


def read_labelmap(path: Path) -> LabelMap:
    """Read a label map; labels without a name in the JSON file are called ``label_<n>``."""
    image = read_image(path)
    stored = to_array(image)
    whole = stored if np.issubdtype(stored.dtype, np.integer) else np.rint(stored)
    array = whole.astype(np.int32)
    names: dict[int, str] = {}
    beside = labels_path(path)
    if beside.exists():
        names = {int(label): name for label, name in json.loads(beside.read_text()).items()}
    for label in _labels_in(array):
        if label != 0:
            names.setdefault(label, f"label_{label}")
    return LabelMap(array, geometry_of(image), names)
