"""What SEG and RTSTRUCT objects take over from the images that they were drawn on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from wbr_platform.dicom.headers import text
from wbr_platform.imaging.volume import LabelMap
from wbr_platform.refusal import Refusal

PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


def check_images(labelmap: LabelMap, image_headers: Sequence[Dataset]) -> None:
    """ValueError or Refusal IMAGE_HEADER_INCOMPLETE unless there is one usable header a plane."""
    if len(image_headers) != labelmap.array.shape[0]:
        raise ValueError(f"{len(image_headers)} headers for {labelmap.array.shape[0]} planes")
    for keyword in (*_NEEDED, "FrameOfReferenceUID"):
        if not all(text(header, keyword) for header in image_headers):
            raise Refusal("IMAGE_HEADER_INCOMPLETE", f"an image has no {keyword}")


def derived_uid(kind: str, labelmap: LabelMap, header: Dataset, *parts: str) -> UID:
    """A UID under 2.25 that follows from the label map, its image and the parts alone."""
    digest = hashlib.sha256(kind.encode())
    for part in (text(header, "SeriesInstanceUID"), *parts):
        digest.update(f"|{part}".encode())
    for label, name in sorted(labelmap.labels.items()):
        digest.update(f"|{label}={name}".encode())
    digest.update(np.ascontiguousarray(labelmap.array, dtype=np.int32).tobytes())
    return UID(f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}")


def moment_of(header: Dataset) -> tuple[str, str]:
    """Date and time (DA, TM) for a derived object: those of its image, so that they never vary."""
    date = text(header, "SeriesDate") or text(header, "StudyDate") or "19000101"
    return date, text(header, "SeriesTime") or text(header, "StudyTime") or "000000"
