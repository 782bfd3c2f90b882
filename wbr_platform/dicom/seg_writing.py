"""Label maps as DICOM SEG objects with coded segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from wbr_platform.dicom.codes import Concept, coded_region
from wbr_platform.dicom.derived_objects import (
    PATIENT_AND_STUDY,
    check_images,
    derived_uid,
    moment_of,
)
from wbr_platform.imaging.volume import LabelMap

MANUFACTURER, MODEL = "wbr-platform", "wbr-platform"


def write_seg(
    labelmap: LabelMap,
    image_headers: Sequence[Dataset],
    *,
    description: str = "Segmentation",
    algorithm: str | None = None,
    algorithm_version: str = "1",
    series_number: int = 1000,
    segmentation_type: Literal["BINARY", "LABELMAP"] = "BINARY",
) -> Segmentation:
    """A SEG object of a label map, its planes in the order of ``image_headers`` (along z).

    Every label becomes a segment, also one without a voxel, numbered from 1 in ascending order;
    its name is the SegmentLabel and decides its codes (:mod:`wbr_platform.dicom.codes`).
    ``algorithm`` None means drawn by hand. BINARY is what viewers read today; LABELMAP (DICOM 2024)
    is smaller. The same input gives the same bytes.

    Raises Refusal IMAGE_HEADER_INCOMPLETE; ValueError for a label map that fits no image.
    """
    check_images(labelmap, image_headers)
    labels = sorted(labelmap.labels)
    if not labels:
        raise ValueError("a segmentation needs a region")
    first = image_headers[0]
    numbers = np.zeros(max(labels) + 1, dtype=np.uint16 if len(labels) > 255 else np.uint8)
    numbers[labels] = np.arange(1, len(labels) + 1)
    segments = [
        _segment(number, labelmap.labels[label], algorithm, algorithm_version)
        for number, label in enumerate(labels, start=1)
    ]
    parts = (description, algorithm or "", algorithm_version, segmentation_type)
    segmentation = Segmentation(
        source_images=[_complete(header) for header in image_headers],
        pixel_array=numbers[labelmap.array],
        segmentation_type=segmentation_type,
        segment_descriptions=segments,
        series_instance_uid=derived_uid("SEG series", labelmap, first, *parts),
        series_number=series_number,
        sop_instance_uid=derived_uid("SEG", labelmap, first, *parts),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=algorithm_version,
        device_serial_number="1",
        series_description=description,
        content_label="SEGMENTATION",
        omit_empty_frames=bool((labelmap.array != 0).any()),
    )
    _settle(segmentation, moment_of(first), derived_uid("dimensions", labelmap, first, *parts))
    return segmentation


def _segment(
    number: int, name: str, algorithm: str | None, algorithm_version: str
) -> SegmentDescription:
    region = coded_region(name)
    identification = None
    if algorithm is not None:
        identification = AlgorithmIdentificationSequence(
            name=algorithm,
            family=codes.DCM.ArtificialIntelligence,
            version=algorithm_version,
        )
    segment = SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=_coded(region.category),
        segmented_property_type=_coded(region.kind),
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL
        if algorithm is None
        else SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=identification,
    )
    if region.side is not None:
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [_coded(region.side)]
    return segment


def _coded(concept: Concept) -> CodedConcept:
    return CodedConcept(concept.value, "SCT", concept.meaning)


def _complete(header: Dataset) -> Dataset:
    """The header with empty values for what a SEG has to take over but an image may lack."""
    missing = [keyword for keyword in PATIENT_AND_STUDY if keyword not in header]
    if not missing:
        return header
    complete = Dataset()
    complete.update({element: header.get_item(element) for element in header.keys()})  # noqa: SIM118
    for keyword in missing:
        setattr(complete, keyword, None)
    if hasattr(header, "file_meta"):
        complete.file_meta = header.file_meta
    return complete


def _settle(segmentation: Dataset, moment: tuple[str, str], dimensions: str) -> None:
    """Replace the time of writing and random identifiers by ones that follow from the input."""
    for prefix in ("Content", "InstanceCreation", "Series"):
        for suffix, value in zip(("Date", "Time"), moment, strict=True):
            if f"{prefix}{suffix}" in segmentation:
                setattr(segmentation, f"{prefix}{suffix}", value)
    for item in segmentation.get("ContributingEquipmentSequence") or []:
        if "ContributionDateTime" in item:
            item.ContributionDateTime = "".join(moment)
    for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in segmentation.get(keyword) or []:
            item.DimensionOrganizationUID = dimensions
