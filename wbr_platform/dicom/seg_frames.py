"""The frames of a SEG object: what each one shows, where it lies, and its stored values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from wbr_platform.dicom.headers import PARSER_ERRORS, numbers, text, whole
from wbr_platform.dicom.sequences import first_item, items
from wbr_platform.refusal import Refusal

MAX_FRAMES = 200_000
MAX_SIDE = 8192


@dataclass(frozen=True)
class FrameDescription:
    """One frame: its segment, and where it lies.

    ``position`` is the LPS point (x, y, z) of the first voxel's centre, ``across`` and ``down`` the
    LPS vectors in mm to the next voxel of a row and to the next row; all three None when the frame
    tells nothing but ``source``, the SOPInstanceUID of the one image that it was drawn on.
    """

    segment: int | None
    position: NDArray[np.float64] | None
    across: NDArray[np.float64] | None
    down: NDArray[np.float64] | None
    source: str | None


def describe_frames(dataset: Dataset) -> list[FrameDescription]:
    """One description for each frame; Refusal SEG_DAMAGED when the frames are not described."""
    shared = first_item(dataset, "SharedFunctionalGroupsSequence")
    described = items(dataset, "PerFrameFunctionalGroupsSequence")
    frames = whole(dataset, "NumberOfFrames") or 1
    if len(described) != frames:
        raise Refusal("SEG_DAMAGED", f"{frames} frames, but {len(described)} are described")
    return [_describe(item, shared) for item in described]


def _describe(item: Dataset, shared: Dataset) -> FrameDescription:
    def group(keyword: str) -> Dataset:
        return first_item(item if items(item, keyword) else shared, keyword)

    position = numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3)
    orientation = numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = numbers(group("PixelMeasuresSequence"), "PixelSpacing", 2)
    segment = whole(group("SegmentIdentificationSequence"), "ReferencedSegmentNumber")
    source = _source(group("DerivationImageSequence"))
    if position is None or orientation is None or spacing is None:
        return FrameDescription(segment, None, None, None, source)
    return FrameDescription(
        segment, position, orientation[:3] * spacing[1], orientation[3:] * spacing[0], source
    )


def _source(derivation: Dataset) -> str | None:
    images = items(derivation, "SourceImageSequence")
    named = {text(image, "ReferencedSOPInstanceUID") for image in images} - {""}
    return named.pop() if len(named) == 1 else None


def stored_frames(dataset: Dataset) -> Iterator[NDArray[Any]]:
    """The frames (rows, columns) one by one, so that a large object never lies unpacked whole.

    Raises Refusal SEG_DAMAGED when the pixel data do not hold what the header promises.
    """
    rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
    frames, bits = whole(dataset, "NumberOfFrames") or 1, whole(dataset, "BitsAllocated")
    if not (0 < rows <= MAX_SIDE and 0 < columns <= MAX_SIDE and 0 < frames <= MAX_FRAMES):
        raise Refusal("SEG_DAMAGED", "the size of the frames is missing or absurd")
    data = dataset.get("PixelData")
    if bits not in (1, 8, 16) or not isinstance(data, bytes):
        raise Refusal("SEG_DAMAGED", "the object has no pixel data of 1, 8 or 16 bits")
    try:
        syntax = dataset.file_meta.TransferSyntaxUID
        compressed = syntax.is_compressed and not syntax.is_deflated
        order = "<" if syntax.is_little_endian else ">"
    except PARSER_ERRORS:  # an object that was never a file
        compressed, order = False, "<"
    if compressed:
        yield from _decoded(dataset, (rows, columns))
        return
    size = rows * columns
    if len(data) * 8 < frames * size * bits:
        raise Refusal("SEG_DAMAGED", "the pixel data are truncated")
    if bits != 1:
        values = np.frombuffer(data, dtype=np.dtype(f"{order}u{bits // 8}"), count=frames * size)
        yield from values.reshape(frames, rows, columns)
        return
    packed = np.frombuffer(data, dtype=np.uint8)
    for start in range(0, frames * size, size):
        first, skipped = divmod(start, 8)
        last = (start + size + 7) // 8
        unpacked = np.unpackbits(packed[first:last], bitorder="little")
        yield unpacked[skipped : skipped + size].reshape(rows, columns)


def _decoded(dataset: Dataset, shape: tuple[int, int]) -> Iterator[NDArray[Any]]:
    try:
        for frame in iter_pixels(dataset):
            if frame.shape != shape:
                raise Refusal("SEG_DAMAGED", "a frame has another size than the header says")
            yield frame
    except Refusal:
        raise
    except PARSER_ERRORS as error:
        raise Refusal(
            "SEG_DAMAGED", f"the pixel data cannot be decoded ({type(error).__name__})"
        ) from error
