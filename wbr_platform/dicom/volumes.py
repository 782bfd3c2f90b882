"""One series of single-frame images as an array on a grid.

Nothing here is protected against a file that kills the parser: for untrusted files it runs inside
the child process of :mod:`wbr_platform.dicom.sandbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.dicom.geometry_gate import FRESH_EXPORT, check_slices
from wbr_platform.dicom.headers import PARSER_ERRORS, number, text, whole
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.refusal import Refusal


@dataclass(frozen=True)
class SeriesPixels:
    """A series on its grid.

    ``array`` is float32 (z, y, x) = stored value x RescaleSlope + RescaleIntercept, each plane with
    its own slope and intercept; ``headers`` (without PixelData) and ``sop_instance_uids`` follow z.
    """

    array: NDArray[np.float32]
    geometry: Geometry
    headers: tuple[Dataset, ...]
    sop_instance_uids: tuple[str, ...]


def read_series(paths: Sequence[Path]) -> SeriesPixels:
    """Read the images of one series, given in any order, through the geometry gate.

    Raises Refusal: FILE_UNREADABLE, a code of the gate, or PIXELS_… when the pixel data are
    truncated, of the wrong size, without a rescale rule, lossy, or in a compression not supported.
    """
    images = [read_image(path) for path in paths]
    order, geometry = check_slices(images)
    images = [images[i] for i in order]
    array = np.empty(geometry.shape, dtype=np.float32)
    for plane, image in zip(array, images, strict=True):
        plane[...] = rescaled_pixels(image)
        del image.PixelData  # the array holds them now: bounds memory, and headers stay light
    identifiers = tuple(text(image, "SOPInstanceUID") for image in images)
    return SeriesPixels(array, geometry, tuple(images), identifiers)


def read_image(path: Path) -> Dataset:
    """One file with its pixel data; Refusal FILE_UNREADABLE when pydicom cannot."""
    try:
        return pydicom.dcmread(path, force=True)  # files without a preamble are common enough
    except PARSER_ERRORS as error:
        raise Refusal(
            "FILE_UNREADABLE",
            f"a file of the series cannot be read ({type(error).__name__})",
            FRESH_EXPORT,
        ) from error


def rescaled_pixels(image: Dataset) -> NDArray[np.float64]:
    """Stored values x RescaleSlope + RescaleIntercept, as (y, x) float64."""
    if "ModalityLUTSequence" in image:
        raise Refusal("PIXELS_LOOKUP_TABLE", "a modality look-up table is not applied")
    if text(image, "LossyImageCompression") == "01":
        raise Refusal(
            "PIXELS_LOSSY", "the pixels were compressed with loss", "export the original images"
        )
    slope, intercept = number(image, "RescaleSlope"), number(image, "RescaleIntercept")
    if slope is None or intercept is None or slope == 0:
        raise Refusal(
            "PIXELS_NO_RESCALE", "RescaleSlope or RescaleIntercept is missing", FRESH_EXPORT
        )
    return stored_pixels(image).astype(np.float64) * slope + intercept


def stored_pixels(image: Dataset) -> NDArray[np.generic]:
    """Stored values (y, x) as integers, of the exact size that the header promises.

    The header must have passed :func:`wbr_platform.dicom.geometry_gate.check_slices`.
    """
    shape = (whole(image, "Rows") or 0, whole(image, "Columns") or 0)
    if "PixelData" not in image:
        raise Refusal("PIXELS_MISSING", "an image has no PixelData", FRESH_EXPORT)
    try:
        if _is_compressed(image):
            pixels = np.asarray(image.pixel_array)
        else:
            _, little_endian = image.original_encoding
            pixels = _uncompressed(image, shape, "<" if little_endian else ">")
    except Refusal:
        raise
    except PARSER_ERRORS as error:
        raise Refusal(
            "PIXELS_UNREADABLE",
            f"the pixel data cannot be decoded ({type(error).__name__})",
            "export the images uncompressed (Explicit VR Little Endian)",
        ) from error
    if pixels.shape != shape:
        raise Refusal("PIXELS_WRONG_SIZE", "the pixel data do not fill the matrix", FRESH_EXPORT)
    return pixels


def _is_compressed(image: Dataset) -> bool:
    """Whether the pixels are encapsulated; a file without meta information cannot say so."""
    syntax = image.file_meta.get("TransferSyntaxUID")
    return syntax is not None and syntax.is_compressed and not syntax.is_deflated


def _uncompressed(image: Dataset, shape: tuple[int, int], order: str) -> NDArray[np.generic]:
    allocated, stored = int(image.BitsAllocated), int(image.BitsStored)
    data: bytes = image.PixelData
    expected = shape[0] * shape[1] * allocated // 8
    if len(data) < expected:
        raise Refusal(
            "PIXELS_TRUNCATED", f"{len(data)} of {expected} bytes of pixel data", FRESH_EXPORT
        )
    if len(data) > expected + expected % 2:
        raise Refusal(
            "PIXELS_WRONG_SIZE", f"{len(data)} bytes of pixel data, not {expected}", FRESH_EXPORT
        )
    kind = "i" if int(image.PixelRepresentation) == 1 else "u"
    dtype = np.dtype(f"{order}{kind}{allocated // 8}")
    pixels = np.frombuffer(data, dtype=dtype, count=shape[0] * shape[1]).reshape(shape)
    unused = allocated - stored
    if unused:  # bits above BitsStored may hold anything (old overlays): cut, and extend the sign
        pixels = (pixels << unused) >> unused
    return pixels
