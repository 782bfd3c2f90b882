"""Image headers on a given grid, for objects that are drawn on images."""

from __future__ import annotations

from pydicom.dataset import Dataset

from wbr_platform.imaging import Geometry

PET_STORAGE = "1.2.840.10008.5.1.4.1.1.128"


def headers_on(geometry: Geometry) -> list[Dataset]:
    """One PET header a plane, in the order of z."""
    found = []
    for plane in range(geometry.shape[0]):
        header = Dataset()
        header.SOPClassUID = PET_STORAGE
        header.SOPInstanceUID = f"1.2.3.4.{plane + 1}"
        header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
        header.FrameOfReferenceUID = "1.2.3.3"
        header.Modality, header.PatientID = "PT", "ANONYMOUS"
        header.StudyDate, header.StudyTime = "20250101", "110000"
        header.InstanceNumber = plane + 1
        header.Rows, header.Columns = geometry.shape[1:]
        header.PixelSpacing = list(geometry.spacing[1:])
        header.SliceThickness = geometry.spacing[0]
        axes = geometry.direction_matrix
        header.ImageOrientationPatient = [*axes[:, 0], *axes[:, 1]]
        header.ImagePositionPatient = list(geometry.index_to_world([[plane, 0, 0]])[0])
        found.append(header)
    return found


def uids_of(headers: list[Dataset]) -> list[str]:
    """SOPInstanceUIDs in the order of the headers."""
    return [str(header.SOPInstanceUID) for header in headers]
