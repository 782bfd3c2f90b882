"""Writing many slices of one series fast: what all of them share is encoded only once."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom.uid
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info

_PREAMBLE = b"\0" * 128 + b"DICM"
IMPLEMENTATION_CLASS = "2.25.219063472853650916436823470551043387261"
IMPLEMENTATION_VERSION = "WBR_SIMULATION"
_CHARACTER_SET = "iso8859"
_PIXEL_DATA = 0x7FE00010


def file_meta(sop_class: str, sop_instance: str) -> FileMetaDataset:
    """File meta information for Explicit VR Little Endian."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(sop_instance)
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.ImplementationClassUID = pydicom.uid.UID(IMPLEMENTATION_CLASS)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta


def _encoded_elements(dataset: Dataset) -> dict[int, bytes]:
    encoded = {}
    for element in dataset:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        write_data_element(buffer, element, _CHARACTER_SET)
        encoded[int(element.tag)] = buffer.getvalue()
    return encoded


class SeriesEncoder:
    """Encodes the images of one series whose common attributes are ``constant``."""

    def __init__(self, constant: Dataset) -> None:
        self._constant = _encoded_elements(constant)
        self._sop_class = str(constant.SOPClassUID)

    def encode(self, varying: Dataset, pixels: NDArray[np.integer]) -> bytes:
        """One file: the common attributes, those of ``varying``, and 16-bit pixels (y, x)."""
        elements = self._constant | _encoded_elements(varying)
        data = pixels.astype("<u2" if pixels.dtype.kind == "u" else "<i2").tobytes()
        elements[_PIXEL_DATA] = struct.pack(
            "<HH2sHI", _PIXEL_DATA >> 16, _PIXEL_DATA & 0xFFFF, b"OW", 0, len(data)
        )
        meta = DicomBytesIO()
        meta.is_little_endian, meta.is_implicit_VR = True, False
        write_file_meta_info(meta, file_meta(self._sop_class, str(varying.SOPInstanceUID)))
        body = b"".join(elements[tag] for tag in sorted(elements))
        return _PREAMBLE + meta.getvalue() + body + data


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write named files into a folder (made when absent); returns how many there were."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, content in files:
        (folder / name).write_bytes(content)
        count += 1
    return count
