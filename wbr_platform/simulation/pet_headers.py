"""How each vendor writes a PET series: units, times, private elements, rescaling.

Styles follow real headers of GE Discovery, Siemens Biograph and Philips Gemini/Ingenuity:

- GE: BQML, one RescaleSlope a slice, only RadiopharmaceuticalStartTime (no date), the scan time in
  (0009,100D), signed pixels.
- Siemens: BQML, RadiopharmaceuticalStartDateTime, decay correction date and time in (0071,1022),
  an AcquisitionTime per bed position, unsigned pixels.
- Philips: CNTS with (7053,1000) SUV factor and (7053,1009) activity factor, one AcquisitionTime.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

import numpy as np
import pydicom.uid
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.imaging import Geometry
from wbr_platform.simulation.dicom_headers import (
    code,
    decimal,
    dicom_date,
    dicom_date_time,
    dicom_time,
    image_plane,
    patient_and_study,
    series,
    slice_header,
)
from wbr_platform.simulation.identifiers import unique_identifier
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.scanners import Scanner

HALF_LIFE_S = 6586.2
BQ_PER_COUNT = 5.3  # Philips' activity factor
_SIGNED_MAXIMUM, _UNSIGNED_MAXIMUM = 32767, 65535


@dataclass(frozen=True)
class PetSeries:
    """A PET ready to be encoded: common attributes, then one header and plane of pixels a slice."""

    constant: Dataset
    slices: tuple[Dataset, ...]
    pixels: NDArray[np.integer]


def pet_series(
    patient: SimulatedPatient,
    scanner: Scanner,
    suv: NDArray[np.float32],
    geometry: Geometry,
    attenuation_corrected: bool = True,
) -> PetSeries:
    """A PET of SUVbw values (z, y, x) in the vendor's own style."""
    stored = suv.astype(np.float64) * _stored_per_suv(patient, scanner)
    slopes, pixels = _quantised(stored, scanner)
    constant = _constant(patient, scanner, geometry, attenuation_corrected)
    uid = str(constant.SeriesInstanceUID)
    slices = []
    for plane in range(geometry.shape[0]):
        acquired = _acquired(patient, scanner, geometry, plane)
        header = slice_header(geometry, plane, uid, acquired)
        header.RescaleIntercept = "0"
        header.RescaleSlope = decimal(float(slopes[plane]))
        header.FrameReferenceTime = decimal(_frame_reference_ms(patient, scanner, acquired))
        header.ImageIndex = header.InstanceNumber
        slices.append(header)
    return PetSeries(constant, tuple(slices), pixels)


def suv_per_activity(patient: SimulatedPatient, scanner: Scanner) -> float:
    """SUVbw per Bq/mL at the moment to which the scanner corrects decay."""
    minutes = patient.uptake_time_min if scanner.decay_correction == "START" else 0.0
    remaining = 0.5 ** (minutes * 60.0 / HALF_LIFE_S)
    return patient.weight_kg * 1000.0 / (patient.injected_dose_mbq * 1e6 * remaining)


def _stored_per_suv(patient: SimulatedPatient, scanner: Scanner) -> float:
    """What the rescaled values (Bq/mL or counts) are for SUV 1."""
    activity = 1.0 / suv_per_activity(patient, scanner)
    return activity / BQ_PER_COUNT if scanner.vendor == "Philips" else activity


def _quantised(
    values: NDArray[np.float64], scanner: Scanner
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """RescaleSlope of each slice, as the header will say it, and 16-bit pixels."""
    signed = scanner.vendor == "GE"
    maximum = _SIGNED_MAXIMUM if signed else _UNSIGNED_MAXIMUM
    peaks = values.max(axis=(1, 2)) if signed else np.full(len(values), values.max())
    slopes = np.array([float(decimal(max(float(peak), 1e-6) / maximum)) for peak in peaks])
    pixels = np.clip(np.rint(values / slopes[:, None, None]), 0, maximum)
    return slopes, pixels.astype(np.int16 if signed else np.uint16)


def _acquired(
    patient: SimulatedPatient, scanner: Scanner, geometry: Geometry, plane: int
) -> datetime.datetime:
    """When a slice was acquired: bed positions go from the thighs to the head."""
    if scanner.vendor == "Philips":
        return patient.scan_start
    bed = int(plane * geometry.spacing[0] / scanner.bed_step_mm)
    return patient.scan_start + datetime.timedelta(seconds=bed * scanner.bed_seconds)


def _frame_reference_ms(
    patient: SimulatedPatient, scanner: Scanner, acquired: datetime.datetime
) -> float:
    """Time from the series' start to the frame's mean activity, in ms."""
    decay = math.log(2.0) / HALF_LIFE_S * scanner.bed_seconds
    mean_activity_s = scanner.bed_seconds / decay * math.log(decay / -math.expm1(-decay))
    return 1000.0 * ((acquired - patient.scan_start).total_seconds() + mean_activity_s)


def _constant(
    patient: SimulatedPatient, scanner: Scanner, geometry: Geometry, attenuation_corrected: bool
) -> Dataset:
    kind = "PET AC" if attenuation_corrected else "PET NAC"
    uid = unique_identifier(kind, patient.patient_id, patient.seed)
    header = patient_and_study(patient, scanner)
    series(header, uid, 4 if attenuation_corrected else 5, "PT", f"WB {kind}")
    header.SeriesDate, header.SeriesTime = (
        dicom_date(patient.scan_start),
        dicom_time(patient.scan_start),
    )
    header.SOPClassUID = pydicom.uid.PositronEmissionTomographyImageStorage
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    header.ActualFrameDuration = round(scanner.bed_seconds * 1000)
    header.CollimatorType = "NONE"
    header.NumberOfSlices = geometry.shape[0]
    header.SeriesType = ["WHOLE BODY", "IMAGE"]
    header.CountsSource = "EMISSION"
    header.DecayCorrection = scanner.decay_correction
    header.ReconstructionMethod = scanner.reconstruction
    header.RandomsCorrectionMethod = "DLYD" if scanner.vendor != "GE" else "SING"
    header.ScatterCorrectionMethod = "Model-based"
    corrections = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    if attenuation_corrected:
        header.AttenuationCorrectionMethod = "CT-derived mu-map"
    else:
        corrections.remove("ATTN")
        header.AttenuationCorrectionMethod = "NONE"
    header.CorrectedImage = corrections
    header.RadiopharmaceuticalInformationSequence = [_tracer(patient, scanner)]
    header.EnergyWindowRangeSequence = [Dataset()]
    header.EnergyWindowRangeSequence[0].EnergyWindowLowerLimit = "435"
    header.EnergyWindowRangeSequence[0].EnergyWindowUpperLimit = "650"
    header.PatientOrientationCodeSequence = [code("102538003", "SCT", "recumbent")]
    header.PatientGantryRelationshipCodeSequence = [code("102540001", "SCT", "headfirst")]
    image_plane(header, geometry)
    header.PixelRepresentation = 1 if scanner.vendor == "GE" else 0
    header.LossyImageCompression = "00"
    {"GE": _ge_style, "Siemens": _siemens_style, "Philips": _philips_style}[scanner.vendor](
        header, patient, scanner
    )
    return header


def _tracer(patient: SimulatedPatient, scanner: Scanner) -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = "FDG -- fluorodeoxyglucose"
    item.RadiopharmaceuticalStartTime = dicom_time(patient.injection_time)
    if scanner.vendor == "Siemens":
        item.RadiopharmaceuticalStartDateTime = dicom_date_time(patient.injection_time)
    zero = patient.fault == "zero_dose"
    item.RadionuclideTotalDose = "0" if zero else decimal(patient.injected_dose_mbq * 1e6)
    item.RadionuclideHalfLife = decimal(HALF_LIFE_S)
    item.RadionuclidePositronFraction = "0.97"
    item.RadionuclideCodeSequence = [code("77004003", "SCT", "^18^Fluorine")]
    item.RadiopharmaceuticalCodeSequence = [code("35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    return item


def _ge_style(header: Dataset, patient: SimulatedPatient, scanner: Scanner) -> None:
    header.Units = "BQML"
    block = header.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", dicom_date_time(patient.scan_start))


def _siemens_style(header: Dataset, patient: SimulatedPatient, scanner: Scanner) -> None:
    header.Units = "BQML"
    block = header.private_block(0x0071, "SIEMENS MED PT", create=True)
    block.add_new(0x22, "DT", dicom_date_time(patient.scan_start))


def _philips_style(header: Dataset, patient: SimulatedPatient, scanner: Scanner) -> None:
    """Philips writes an SUV factor of 0 when the console lacked what it takes."""
    header.Units = "CNTS"
    unknown = patient.fault in ("missing_weight", "zero_dose")
    factor = 0.0 if unknown else BQ_PER_COUNT * suv_per_activity(patient, scanner)
    block = header.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", decimal(factor))
    block.add_new(0x09, "DS", decimal(BQ_PER_COUNT))
