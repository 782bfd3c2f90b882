"""Label maps as RT structure sets."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    ImplicitVRLittleEndian,
    RTStructureSetStorage,
)

from wbr_platform.dicom.codes import coded_region
from wbr_platform.dicom.contours import trace_polygons
from wbr_platform.dicom.derived_objects import (
    PATIENT_AND_STUDY,
    check_images,
    derived_uid,
    moment_of,
)
from wbr_platform.imaging.volume import LabelMap

MANUFACTURER = "wbr-platform"


def write_rtstruct(
    labelmap: LabelMap,
    image_headers: Sequence[Dataset],
    *,
    description: str = "Segmentation",
    algorithm: str | None = None,
    series_number: int = 1000,
) -> Dataset:
    """An RT structure set of a label map, its planes in the order of ``image_headers`` (along z).

    Every label becomes a region of interest, numbered from 1 in ascending order. Its contours are
    closed polygons half-way between the centres of voxels inside and outside, holes among them, so
    that :func:`wbr_platform.dicom.rtstruct.read_rtstruct` finds the same voxels. The data set is
    ready for ``save_as``; implicit VR, because long contours do not fit explicit VR.

    Raises Refusal IMAGE_HEADER_INCOMPLETE; ValueError for a label map that fits no image.
    """
    check_images(labelmap, image_headers)
    first = image_headers[0]
    dataset = Dataset()
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = derived_uid("RTSTRUCT", labelmap, first, description)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    for keyword in PATIENT_AND_STUDY:
        setattr(dataset, keyword, first.get(keyword))
    if "SpecificCharacterSet" in first:
        dataset.SpecificCharacterSet = first.SpecificCharacterSet
    dataset.Modality = "RTSTRUCT"
    dataset.Manufacturer = MANUFACTURER
    dataset.SeriesInstanceUID = derived_uid("RTSTRUCT series", labelmap, first, description)
    dataset.SeriesNumber = series_number
    dataset.SeriesDescription = description
    dataset.InstanceNumber = 1
    dataset.OperatorsName = ""
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.StructureSetLabel = "SEGMENTATION"
    dataset.StructureSetDate, dataset.StructureSetTime = moment_of(first)
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.ReferencedFrameOfReferenceSequence = _referenced_frame(image_headers)

    rois, contours, observations = [], [], []
    for number, label in enumerate(sorted(labelmap.labels), start=1):
        rois.append(_roi(number, labelmap.labels[label], first, algorithm))
        contours.append(_contours(number, label, labelmap, image_headers))
        observations.append(_observation(number, labelmap.labels[label]))
    dataset.StructureSetROISequence = DicomSequence(rois)
    dataset.ROIContourSequence = DicomSequence(contours)
    dataset.RTROIObservationsSequence = DicomSequence(observations)
    return dataset


def _image_reference(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def _referenced_frame(image_headers: Sequence[Dataset]) -> DicomSequence:
    series = Dataset()
    series.SeriesInstanceUID = image_headers[0].SeriesInstanceUID
    series.ContourImageSequence = [_image_reference(header) for header in image_headers]
    study = Dataset()
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, retired
    study.ReferencedSOPInstanceUID = image_headers[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = image_headers[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return DicomSequence([frame])


def _roi(number: int, name: str, header: Dataset, algorithm: str | None) -> Dataset:
    roi = Dataset()
    roi.ROINumber = number
    roi.ReferencedFrameOfReferenceUID = header.FrameOfReferenceUID
    roi.ROIName = name[:64]
    roi.ROIGenerationAlgorithm = "MANUAL" if algorithm is None else "AUTOMATIC"
    if algorithm is not None:
        roi.ROIGenerationDescription = algorithm[:64]
    return roi


def _contours(
    number: int, label: int, labelmap: LabelMap, image_headers: Sequence[Dataset]
) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    red, green, blue = colorsys.hsv_to_rgb((number * 0.618034) % 1.0, 0.75, 0.95)
    item.ROIDisplayColor = [int(255 * red), int(255 * green), int(255 * blue)]
    mask = labelmap.mask(label)
    contours = []
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        for polygon in trace_polygons(mask[int(z)]):
            index = np.column_stack([np.full(len(polygon), float(z)), polygon])
            points = labelmap.geometry.index_to_world(index)
            contour = Dataset()
            contour.ContourImageSequence = [_image_reference(image_headers[int(z)])]
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{value:.4f}" for value in points.ravel()]
            contours.append(contour)
    item.ContourSequence = DicomSequence(contours)
    return item


def _observation(number: int, name: str) -> Dataset:
    region = coded_region(name)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = region.kind.value, "SCT"
    code.CodeMeaning = region.kind.meaning
    observation = Dataset()
    observation.ObservationNumber = number
    observation.ReferencedROINumber = number
    observation.RTROIIdentificationCodeSequence = [code]
    observation.RTROIInterpretedType = ""
    observation.ROIInterpreter = ""
    return observation
