from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.dicom.suv.conversion import suv_conversion
from wbr_platform.dicom.volumes import SeriesPixels, read_series
from wbr_platform.refusal import Refusal
from wbr_platform.simulation.cohort import CohortDesign, CohortTruth, Faults, simulate_cohort
from wbr_platform.simulation.phantom import Phantom, make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS

PET, CT = ("PT", 4), ("CT", 3)
REQUIRED_OF_PET = """
SOPClassUID PatientName PatientBirthDate StudyDate ReferringPhysicianName StudyID
AccessionNumber Modality SeriesDate SeriesTime Units CountsSource SeriesType NumberOfSlices
CorrectedImage DecayCorrection CollimatorType Manufacturer
RadiopharmaceuticalInformationSequence PatientOrientationCodeSequence
PatientGantryRelationshipCodeSequence FrameOfReferenceUID PositionReferenceIndicator ImageType
PixelSpacing ImageOrientationPatient ImagePositionPatient SliceThickness SamplesPerPixel
PhotometricInterpretation BitsAllocated RescaleSlope RescaleIntercept FrameReferenceTime
ImageIndex AcquisitionDate AcquisitionTime ActualFrameDuration EnergyWindowRangeSequence
"""
Groups = dict[tuple[str, int], list[Path]]


def grouped(export: Path) -> Groups:
    groups: Groups = defaultdict(list)
    for path in sorted(export.rglob("*")):
        if path.is_file() and path.suffix != ".TXT":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            groups[(str(header.Modality), int(header.SeriesNumber))].append(path)
    return groups


def phantom_of(cohort: CohortTruth, index: int) -> Phantom:
    patient = Population.of(cohort.design).patient(index)
    return make_phantom(patient, SCANNERS[patient.scanner], cohort.design.scale)


@pytest.fixture(scope="module", params=range(4), ids=lambda i: f"SIM-{i + 1:03d}")
def study(request: pytest.FixtureRequest, cohort: CohortTruth) -> tuple[Groups, Phantom]:
    export = cohort.exports / f"SIM-{request.param + 1:03d}"
    return grouped(export), phantom_of(cohort, request.param)


def test_series_read_back_on_their_grid(study: tuple[Groups, Phantom]) -> None:
    groups, phantom = study
    pet, ct = read_series(groups[PET]), read_series(groups[CT])
    assert pet.geometry.same_grid(phantom.pet.geometry)
    assert ct.geometry.same_grid(phantom.ct.geometry)
    assert np.abs(ct.array - phantom.ct.array).max() < 0.51


def test_suv_comes_back_within_quantisation(study: tuple[Groups, Phantom]) -> None:
    groups, phantom = study
    series = read_series(groups[PET])
    suv = series.array * suv_conversion(series.headers).factors[:, None, None]
    visible = phantom.pet.array > 0.3
    error = np.abs(suv[visible] / phantom.pet.array[visible] - 1.0)
    assert np.median(error) < 0.0005
    assert error.max() < 0.005


def test_pet_and_ct_share_study_and_frame(study: tuple[Groups, Phantom]) -> None:
    groups, _ = study
    headers = [pydicom.dcmread(groups[key][0], stop_before_pixels=True) for key in (PET, CT)]
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert headers[0][keyword].value == headers[1][keyword].value
    assert headers[0].SeriesInstanceUID != headers[1].SeriesInstanceUID


def test_every_identifier_is_unique(cohort: CohortTruth) -> None:
    seen: set[str] = set()
    count = 0
    for path in cohort.exports.rglob("*"):
        if path.is_file() and path.suffix != ".TXT":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
            seen.add(str(header.SOPInstanceUID))
            count += 1
    assert len(seen) == count


def test_elements_are_in_order_and_complete(study: tuple[Groups, Phantom]) -> None:
    """Required (type 1 and 2) attributes of the PET modules, DICOM PS3.3 A.21.3."""
    groups, _ = study
    image = pydicom.dcmread(groups[PET][0])
    tags = [int(tag) for tag in image.keys()]  # noqa: SIM118 - the order in the file
    assert tags == sorted(tags)

    assert [keyword for keyword in REQUIRED_OF_PET.split() if keyword not in image] == []


def _pet(cohort: CohortTruth, index: int) -> tuple[Dataset, SeriesPixels]:
    series = read_series(grouped(cohort.exports / f"SIM-{index + 1:03d}")[PET])
    return series.headers[0], series


def test_ge_style(cohort: CohortTruth) -> None:
    header, series = _pet(cohort, 0)
    tracer = header.RadiopharmaceuticalInformationSequence[0]
    assert (header.Units, header.DecayCorrection) == ("BQML", "START")
    assert "RadiopharmaceuticalStartDateTime" not in tracer
    assert header[0x0009, 0x100D].value
    assert len({float(h.RescaleSlope) for h in series.headers}) > len(series.headers) // 2
    conversion = suv_conversion(series.headers)
    assert conversion.decay_reference == "ge_scan_time"
    assert "DECAY_REFERENCES_DISAGREE" not in conversion.flags


def test_siemens_style(cohort: CohortTruth) -> None:
    header, series = _pet(cohort, 1)
    tracer = header.RadiopharmaceuticalInformationSequence[0]
    assert header.Units == "BQML"
    assert tracer.RadiopharmaceuticalStartDateTime
    assert header[0x0071, 0x1022].value
    assert len({str(h.AcquisitionTime) for h in series.headers}) > 3
    conversion = suv_conversion(series.headers)
    assert conversion.decay_reference == "siemens_decay_time"
    assert conversion.flags == ()


def test_philips_style(cohort: CohortTruth) -> None:
    header, series = _pet(cohort, 2)
    assert header.Units == "CNTS"
    assert header[0x7053, 0x1000].value > 0
    assert header[0x7053, 0x1009].value > 0
    conversion = suv_conversion(series.headers)
    assert not {"PHILIPS_FACTORS_DISAGREE", "PHILIPS_FACTORS_UNCHECKED"} & set(conversion.flags)


def test_decay_corrected_to_administration(cohort: CohortTruth) -> None:
    header, series = _pet(cohort, 3)
    assert header.DecayCorrection == "ADMIN"
    assert suv_conversion(series.headers).decay_reference == "administration"


def test_uptake_time_and_dose_are_those_of_the_truth(cohort: CohortTruth) -> None:
    truth = cohort.table("patients")
    for index, row in enumerate(truth.iter_rows(named=True)):
        conversion = suv_conversion(_pet(cohort, index)[1].headers)
        assert conversion.uptake_time_min == pytest.approx(row["uptake_time_min"], abs=0.02)
        assert conversion.injected_dose_mbq == pytest.approx(row["injected_dose_mbq"])


def test_exports_hold_litter(cohort: CohortTruth) -> None:
    for export in cohort.exports.iterdir():
        groups = grouped(export)
        scout = pydicom.dcmread(groups[("CT", 1)][0])
        assert "LOCALIZER" in scout.ImageType
        assert scout.pixel_array.shape == (scout.Rows, scout.Columns)
        assert (export / "README.TXT").exists()
        uncorrected = groups.get(("PT", 5), [])
        assert bool(uncorrected) == (export.name == "SIM-004")
        for path in uncorrected[:1]:
            assert "ATTN" not in pydicom.dcmread(path).CorrectedImage


def segment_volumes(path: Path) -> dict[str, int]:
    segmentation = pydicom.dcmread(path)
    numbers = {int(s.SegmentNumber): str(s.SegmentLabel) for s in segmentation.SegmentSequence}
    frames: NDArray[np.uint8] = segmentation.pixel_array
    volumes: dict[str, int] = defaultdict(int)
    for frame, groups in zip(frames, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        shared = segmentation.SharedFunctionalGroupsSequence[0]  # where there is one segment only
        where = groups if "SegmentIdentificationSequence" in groups else shared
        number = int(where.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        volumes[numbers[number]] += int(np.count_nonzero(frame))
    return dict(volumes)


def test_masks_hold_the_true_voxels(study: tuple[Groups, Phantom]) -> None:
    groups, phantom = study
    for key, labelmap in ((20, phantom.organs), (21, phantom.lesions)):
        (path,) = groups[("SEG", key)]
        expected = {
            name: int((labelmap.array == label).sum())
            for label, name in labelmap.labels.items()
            if (labelmap.array == label).any()
        }
        assert segment_volumes(path) == expected


@pytest.mark.parametrize(
    ("scanner", "fault", "reason_code"),
    [
        ("siemens_biograph_mct", "missing_weight", "SUV_WEIGHT_MISSING"),
        ("philips_ingenuity_tf", "missing_weight", "SUV_WEIGHT_MISSING"),
        ("ge_discovery_690", "zero_dose", "SUV_DOSE_MISSING"),
        ("ge_discovery_690", "missing_slice", "GEOMETRY_MISSING_SLICE"),
    ],
)
def test_each_fault_is_refused(tmp_path: Path, scanner: str, fault: str, reason_code: str) -> None:
    groups = _export_with_fault(tmp_path, scanner, fault)
    with pytest.raises(Refusal) as refused:
        suv_conversion(read_series(groups[PET]).headers)
    assert refused.value.reason_code == reason_code


def test_an_export_may_hold_an_uncorrected_pet_alone(tmp_path: Path) -> None:
    groups = _export_with_fault(tmp_path, "ge_discovery_690", "no_attenuation_correction")
    assert PET not in groups
    assert "ATTN" not in pydicom.dcmread(groups[("PT", 5)][0]).CorrectedImage


def _export_with_fault(folder: Path, scanner: str, fault: str) -> Groups:
    design = CohortDesign(
        patients=1,
        seed=2,
        scale="tiny",
        scanners=(scanner,),
        faults=Faults(**{"missing_weight": 0, fault: 1}),
        uncorrected_pet_every=0,
    )
    cohort = simulate_cohort(design, folder)
    assert cohort.table("patients")["fault"].to_list() == [fault]
    return grouped(cohort.exports / "SIM-001")
