"""DICOM SEG objects as masks on the grid of their image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from wbr_platform.dicom.codes import normalised_code
from wbr_platform.dicom.headers import number, text, whole
from wbr_platform.dicom.seg_frames import FrameDescription, describe_frames, stored_frames
from wbr_platform.dicom.seg_placement import place_frame
from wbr_platform.dicom.seg_writing import write_seg
from wbr_platform.dicom.sequences import items
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.volume import NamedMask
from wbr_platform.refusal import Refusal

__all__ = ["read_seg", "write_seg"]

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
FRACTION = 0.5
FRACTIONAL_CUT = "FRACTIONAL_CUT_AT_HALF"
OUTSIDE_IMAGE = "SEGMENT_OUTSIDE_IMAGE"
EMPTY = "SEGMENT_EMPTY"


def read_seg(
    dataset: Dataset, geometry: Geometry, sop_instance_uids: Sequence[str]
) -> list[NamedMask]:
    """Every segment as a mask (z, y, x) on the image's grid, in the order of segment numbers.

    ``sop_instance_uids`` are those of the image's planes along z. A frame belongs to the plane
    whose image it names as its source, else to the plane at its position; its rows and columns may
    run along any axes of the grid in either direction, and need not cover the whole plane.
    Fractional segments are cut at half of the greatest fraction (note FRACTIONAL_CUT_AT_HALF);
    voxels beyond the image are dropped (SEGMENT_OUTSIDE_IMAGE). Codes of SNOMED-RT are given as
    SNOMED CT where known.

    Raises Refusal SEG_NOT_ONE, SEG_DAMAGED, SEG_OTHER_GRID (frames do not lie on the image's
    voxels), SEG_PLANE_CONTRADICTION.
    """
    if text(dataset, "SOPClassUID") not in (SegmentationStorage, LABEL_MAP_STORAGE):
        raise Refusal("SEG_NOT_ONE", "the object is not a segmentation")
    kind = text(dataset, "SegmentationType").upper()
    if kind not in KINDS:
        raise Refusal("SEG_DAMAGED", "SegmentationType is not BINARY, FRACTIONAL or LABELMAP")
    if len(sop_instance_uids) != geometry.shape[0]:
        raise ValueError("one SOPInstanceUID for each plane of the grid")
    segments = _segments(dataset)
    masks = {segment: np.zeros(geometry.shape, dtype=np.bool_) for segment in segments}
    notes: dict[int, set[str]] = {segment: set() for segment in segments}
    least = 1.0
    if kind == "FRACTIONAL":
        least = FRACTION * (number(dataset, "MaximumFractionalValue") or 255.0)
        notes = {segment: {FRACTIONAL_CUT} for segment in segments}
    plane_of = {uid: plane for plane, uid in enumerate(sop_instance_uids)}
    descriptions = describe_frames(dataset)
    for description, frame in zip(descriptions, stored_frames(dataset), strict=True):
        for segment, inside in _segments_of(frame, description, kind, least):
            if segment not in masks:
                raise Refusal("SEG_DAMAGED", "a frame names a segment that is not described")
            if not place_frame(inside, description, geometry, plane_of, masks[segment]):
                notes[segment].add(OUTSIDE_IMAGE)
    return [
        NamedMask(
            _name(item, segment),
            masks[segment],
            geometry,
            "SEG",
            _code(item),
            tuple(sorted(notes[segment] | (set() if masks[segment].any() else {EMPTY}))),
        )
        for segment, item in segments.items()
    ]


def _segments(dataset: Dataset) -> dict[int, Dataset]:
    found = {}
    for item in items(dataset, "SegmentSequence"):
        segment = whole(item, "SegmentNumber")
        if segment is None or segment in found:
            raise Refusal("SEG_DAMAGED", "SegmentNumber is missing or repeated")
        if segment != 0:  # 0 may describe the background of a label map
            found[segment] = item
    if not found:
        raise Refusal("SEG_DAMAGED", "no segment is described")
    return dict(sorted(found.items()))


def _segments_of(
    frame: NDArray[Any], description: FrameDescription, kind: str, least: float
) -> list[tuple[int, NDArray[np.bool_]]]:
    if kind == "LABELMAP":
        present = np.unique(frame)
        return [(int(label), np.asarray(frame == label)) for label in present if label != 0]
    if description.segment is None:
        raise Refusal("SEG_DAMAGED", "a frame does not say which segment it shows")
    return [(description.segment, np.asarray(frame >= least))]


def _name(item: Dataset, segment: int) -> str:
    return text(item, "SegmentLabel") or text(item, "SegmentDescription") or f"segment {segment}"


def _code(item: Dataset) -> str | None:
    for code in items(item, "SegmentedPropertyTypeCodeSequence")[:1]:
        return normalised_code(text(code, "CodingSchemeDesignator"), text(code, "CodeValue"))
    return None
