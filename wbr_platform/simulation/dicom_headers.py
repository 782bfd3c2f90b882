"""Header attributes that PET and CT of a simulated study share, and those of the CT.

Names, dates, numbers and hospitals are fictitious; they are there so that pseudonymisation has
something to remove.
"""

from __future__ import annotations

import datetime

import pydicom.uid
from pydicom.dataset import Dataset

from wbr_platform.imaging import Geometry
from wbr_platform.simulation.identifiers import administrative_number, unique_identifier
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.scanners import Scanner

CT_RESCALE_INTERCEPT = -1024


def dicom_date(moment: datetime.date) -> str:
    """DICOM DA."""
    return moment.strftime("%Y%m%d")


def dicom_time(moment: datetime.datetime) -> str:
    """DICOM TM with hundredths, as most scanners write it."""
    return moment.strftime("%H%M%S.") + f"{moment.microsecond // 10000:02d}"


def dicom_date_time(moment: datetime.datetime) -> str:
    """DICOM DT with hundredths."""
    return dicom_date(moment) + dicom_time(moment)


def decimal(value: float) -> str:
    """DICOM DS: at most 16 characters."""
    digits = 12
    while len(text := f"{value:.{digits}g}") > 16:
        digits -= 1
    return text


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def patient_and_study(patient: SimulatedPatient, scanner: Scanner) -> Dataset:
    """Patient, General Study, Frame of Reference and General Equipment modules."""
    identity = ("study", patient.patient_id, patient.seed)
    started = patient.scan_start - datetime.timedelta(minutes=6)
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.StudyDate, header.StudyTime = dicom_date(started), dicom_time(started)
    header.AccessionNumber = administrative_number(8, "accession", *identity)
    header.Manufacturer = scanner.manufacturer
    header.InstitutionName = scanner.institution
    header.InstitutionAddress = "1 FICTION STREET, SIMULATION CITY"
    header.ReferringPhysicianName = "REFERRER^SIMULATED"
    header.StationName = f"SIMPET{administrative_number(2, scanner.name)}"
    header.StudyDescription = "PET/CT WHOLE BODY FDG"
    header.OperatorsName = "OPERATOR^SIMULATED"
    header.ManufacturerModelName = scanner.model
    header.PatientName = patient.patient_name
    header.PatientID = patient.patient_id
    header.IssuerOfPatientID = "SIMULATION"
    header.PatientBirthDate = dicom_date(patient.birth_date)
    header.PatientSex = patient.sex
    header.PatientAge = f"{patient.age_years:03d}Y"
    header.PatientSize = decimal(patient.height_m)
    if patient.fault != "missing_weight":
        header.PatientWeight = decimal(patient.weight_kg)
    header.AdditionalPatientHistory = f"Simulated patient of {scanner.institution}"
    header.DeviceSerialNumber = administrative_number(6, "serial", scanner.name)
    header.SoftwareVersions = "simulation 1"
    header.PatientPosition = "HFS"
    header.StudyInstanceUID = unique_identifier("study", *identity)
    header.FrameOfReferenceUID = unique_identifier("frame", *identity)
    header.StudyID = administrative_number(4, "id", *identity)
    header.PositionReferenceIndicator = ""
    return header


def image_plane(header: Dataset, geometry: Geometry) -> None:
    """Image Plane and Image Pixel attributes that all slices of a series share, in place."""
    _, rows, columns = geometry.shape
    header.SliceThickness = decimal(geometry.spacing[0])
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.PixelSpacing = [decimal(geometry.spacing[1]), decimal(geometry.spacing[2])]
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = rows, columns
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15


def slice_header(
    geometry: Geometry, plane: int, series_uid: str, acquired: datetime.datetime
) -> Dataset:
    """What differs from slice to slice; image number 1 is the one nearest to the head."""
    x, y, z = geometry.origin
    z += plane * geometry.spacing[0]
    header = Dataset()
    header.SOPInstanceUID = unique_identifier(series_uid, plane)
    header.AcquisitionDate, header.AcquisitionTime = dicom_date(acquired), dicom_time(acquired)
    header.ContentDate, header.ContentTime = dicom_date(acquired), dicom_time(acquired)
    header.InstanceNumber = geometry.shape[0] - plane
    header.ImagePositionPatient = [decimal(x), decimal(y), decimal(z)]
    header.SliceLocation = decimal(z)
    return header


def series(header: Dataset, uid: str, number: int, modality: str, description: str) -> None:
    """General Series attributes, in place."""
    header.Modality = modality
    header.SeriesInstanceUID = uid
    header.SeriesNumber = number
    header.SeriesDescription = description
    header.ProtocolName = "WB FDG SIMULATION"


def ct_moment(patient: SimulatedPatient) -> datetime.datetime:
    """When the CT was taken: shortly before the PET."""
    return patient.scan_start - datetime.timedelta(minutes=3)


def ct_series(patient: SimulatedPatient, scanner: Scanner, geometry: Geometry) -> Dataset:
    """All attributes that the CT's slices share."""
    uid = unique_identifier("CT", patient.patient_id, patient.seed)
    moment = ct_moment(patient)
    header = patient_and_study(patient, scanner)
    series(header, uid, 3, "CT", "CT WB LOW DOSE")
    header.SeriesDate, header.SeriesTime = dicom_date(moment), dicom_time(moment)
    header.SOPClassUID = pydicom.uid.CTImageStorage
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.BodyPartExamined = "WHOLEBODY"
    header.ScanOptions = "HELICAL MODE"
    header.KVP = "120"
    header.DataCollectionDiameter = "500"
    header.ReconstructionDiameter = decimal(geometry.spacing[2] * geometry.shape[2])
    header.GantryDetectorTilt = "0"
    header.TableHeight = "170"
    header.RotationDirection = "CW"
    header.ExposureTime = 500
    header.XRayTubeCurrent = 80
    header.Exposure = 40
    header.ConvolutionKernel = scanner.convolution_kernel
    header.AcquisitionNumber = 1
    image_plane(header, geometry)
    header.PixelRepresentation = 1
    header.RescaleIntercept, header.RescaleSlope = CT_RESCALE_INTERCEPT, 1
    header.RescaleType = "HU"
    header.LossyImageCompression = "00"
    return header


def ct_localizer(
    patient: SimulatedPatient, scanner: Scanner, shape: tuple[int, int], geometry: Geometry
) -> tuple[Dataset, Dataset]:
    """Common and single-image attributes of a coronal scout of shape (z, x) over the CT's field."""
    uid = unique_identifier("scout", patient.patient_id, patient.seed)
    moment = patient.scan_start - datetime.timedelta(minutes=5)
    header = ct_series(patient, scanner, geometry)
    series(header, uid, 1, "CT", "SCOUT")
    header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    header.SeriesTime = dicom_time(moment)
    header.SliceThickness = "100"
    header.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    header.PixelSpacing = [decimal(geometry.spacing[0]), decimal(geometry.spacing[2])]
    header.Rows, header.Columns = shape
    single = slice_header(geometry, geometry.shape[0] - 1, uid, moment)
    return header, single
