"""Small PET and CT series with a known content, to be broken by tests."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)

Modality = Literal["PT", "CT"]
SLICES, ROWS, COLUMNS = 12, 10, 8
PIXEL_SPACING = (4.0, 3.0)  # between rows (y), between columns (x)
SLICE_SPACING = 5.0
FRAME = "1.2.826.0.1.99.7"
STUDY = "1.2.826.0.1.99.1"
SERIES = {"PT": "1.2.826.0.1.99.2", "CT": "1.2.826.0.1.99.3"}
CLASSES = {"PT": PositronEmissionTomographyImageStorage, "CT": CTImageStorage}


def stored_values(slices: int = SLICES, seed: int = 1) -> np.ndarray:
    """Stored values (z, y, x), every voxel different from its neighbours."""
    return np.random.default_rng(seed).integers(0, 4000, (slices, ROWS, COLUMNS), dtype=np.int16)


def series(
    modality: Modality, patient_id: str = "PATIENT-1", series_uid: str = "", slices: int = SLICES
) -> list[Dataset]:
    """An axial series, z ascending; slope differs from slice to slice for PET."""
    values = stored_values(slices)
    return [_plane(modality, k, values[k], patient_id, series_uid) for k in range(slices)]


def expected_array(modality: Modality, slices: int = SLICES) -> np.ndarray:
    """What reading the untouched series must give (before SUV)."""
    values = stored_values(slices).astype(np.float64)
    if modality == "CT":
        return values - 1024.0
    return values * (1.0 + 0.25 * np.arange(slices))[:, None, None]


def _plane(
    modality: Modality, k: int, values: np.ndarray, patient_id: str, series_uid: str
) -> Dataset:
    plane = Dataset()
    plane.file_meta = FileMetaDataset()
    plane.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plane.SOPClassUID = plane.file_meta.MediaStorageSOPClassUID = CLASSES[modality]
    plane.StudyInstanceUID = STUDY
    plane.SeriesInstanceUID = series_uid or SERIES[modality]
    plane.SOPInstanceUID = f"{plane.SeriesInstanceUID}.{k + 1}"
    plane.file_meta.MediaStorageSOPInstanceUID = plane.SOPInstanceUID
    plane.FrameOfReferenceUID = FRAME
    plane.Modality = modality
    plane.PatientID = patient_id
    plane.PatientName = "Doe^Jane"
    plane.PatientBirthDate = "19500301"
    plane.PatientSex = "F"
    plane.PatientWeight = "70"
    plane.PatientSize = "1.7"
    plane.StudyDate = plane.SeriesDate = plane.AcquisitionDate = "20200110"
    plane.StudyTime = plane.SeriesTime = plane.AcquisitionTime = "120000"
    plane.Manufacturer = "SIEMENS"
    plane.ManufacturerModelName = "Biograph 64"
    plane.SeriesNumber, plane.InstanceNumber = 3, k + 1
    plane.ImagePositionPatient = [-20.0, -30.0, 100.0 + SLICE_SPACING * k]
    plane.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    plane.PixelSpacing = list(PIXEL_SPACING)
    plane.SliceThickness = SLICE_SPACING
    plane.Rows, plane.Columns = values.shape
    plane.SamplesPerPixel, plane.PhotometricInterpretation = 1, "MONOCHROME2"
    plane.BitsAllocated, plane.BitsStored, plane.HighBit = 16, 16, 15
    plane.PixelRepresentation = 1
    plane.PixelData = values.astype("<i2").tobytes()
    if modality == "CT":
        plane.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        plane.RescaleSlope, plane.RescaleIntercept = "1", "-1024"
        plane.RescaleType, plane.ConvolutionKernel = "HU", "B30f"
    else:
        _add_pet(plane, k)
    return plane


def _add_pet(plane: Dataset, k: int) -> None:
    plane.ImageType = ["ORIGINAL", "PRIMARY"]
    plane.RescaleSlope, plane.RescaleIntercept = str(1.0 + 0.25 * k), "0"
    plane.Units, plane.DecayCorrection = "BQML", "START"
    plane.CorrectedImage = ["DECY", "ATTN", "SCAT", "RAN", "NORM"]
    plane.SeriesType = ["WHOLE BODY", "IMAGE"]
    plane.ReconstructionMethod = "OSEM 3i24s"
    plane.FrameReferenceTime, plane.ActualFrameDuration = "0", "120000"
    injection = Dataset()
    injection.RadiopharmaceuticalStartDateTime = "20200110110000"
    injection.RadionuclideTotalDose = "350000000"
    injection.RadionuclideHalfLife = "6586.2"
    nuclide = Dataset()
    nuclide.CodeValue, nuclide.CodingSchemeDesignator = "C-111A1", "SRT"
    nuclide.CodeMeaning = "^18^Fluorine"
    injection.RadionuclideCodeSequence = DicomSequence([nuclide])
    plane.RadiopharmaceuticalInformationSequence = DicomSequence([injection])


def written(planes: Sequence[Dataset], folder: Path, prefix: str = "image") -> list[Path]:
    """Write each plane as a file with a meaningless name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, plane in enumerate(planes):
        path = folder / f"{prefix}{number:04d}"
        plane.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def copied(planes: Sequence[Dataset]) -> list[Dataset]:
    """A deep copy, to be changed without touching the original."""
    return [copy.deepcopy(plane) for plane in planes]
