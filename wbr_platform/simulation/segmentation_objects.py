"""True masks as DICOM SEG objects that belong to a simulated study."""

from __future__ import annotations

import datetime
import io

import numpy as np
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from wbr_platform.imaging import LabelMap
from wbr_platform.simulation.dicom_headers import dicom_date, dicom_date_time, dicom_time
from wbr_platform.simulation.identifiers import unique_identifier

_WRITER = ("WBR", "simulation", "1")


def segmentation_object(
    labelmap: LabelMap,
    image_headers: list[Dataset],
    description: str,
    series_number: int,
    moment: datetime.datetime,
    lesions: bool,
) -> bytes:
    """A SEG file of a label map on the grid of ``image_headers`` (in z order), as bytes.

    Names become segment labels. Only labels with at least one voxel become segments.
    """
    present = [label for label in labelmap.labels if np.any(labelmap.array == label)]
    renumbered = np.zeros(max(labelmap.labels) + 1, dtype=np.uint8)
    renumbered[present] = np.arange(1, len(present) + 1)
    category = codes.SCT.MorphologicallyAbnormalStructure if lesions else codes.SCT.Organ
    kind = codes.SCT.Lesion if lesions else codes.SCT.BodyStructure
    segments = [
        SegmentDescription(
            segment_number=number,
            segment_label=labelmap.labels[label],
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(present, start=1)
    ]
    study, manufacturer, software = str(image_headers[0].StudyInstanceUID), _WRITER[0], _WRITER[2]
    segmentation = Segmentation(
        source_images=image_headers,
        pixel_array=renumbered[labelmap.array],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=unique_identifier("SEG series", study, description),
        series_number=series_number,
        sop_instance_uid=unique_identifier("SEG", study, description),
        instance_number=1,
        manufacturer=manufacturer,
        manufacturer_model_name=_WRITER[1],
        software_versions=software,
        device_serial_number="1",
        series_description=description,
        content_label="TRUTH",
    )
    settle(segmentation, moment, study, description)
    buffer = io.BytesIO()
    segmentation.save_as(buffer)
    return buffer.getvalue()


def settle(segmentation: Dataset, moment: datetime.datetime, study: str, description: str) -> None:
    """Replace the time of writing and random identifiers by those of the simulation, in place."""
    for date_keyword in ("ContentDate", "InstanceCreationDate", "SeriesDate"):
        if date_keyword in segmentation:
            setattr(segmentation, date_keyword, dicom_date(moment))
    for time_keyword in ("ContentTime", "InstanceCreationTime", "SeriesTime"):
        if time_keyword in segmentation:
            setattr(segmentation, time_keyword, dicom_time(moment))
    for item in segmentation.get("ContributingEquipmentSequence", []):
        item.ContributionDateTime = dicom_date_time(moment)
    dimensions = unique_identifier("dimensions", study, description)
    for item in segmentation.get("DimensionOrganizationSequence", []):
        item.DimensionOrganizationUID = dimensions
    for item in segmentation.get("DimensionIndexSequence", []):
        item.DimensionOrganizationUID = dimensions
