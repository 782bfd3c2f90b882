"""DICOM SEG: there and back, flipped and cropped frames, real objects, and what is refused."""

from __future__ import annotations

import copy
import io
import time
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from wbr_platform.dicom.codes import ORGANS, coded_region, normalised_code
from wbr_platform.dicom.seg import read_seg, write_seg
from wbr_platform.dicom.volumes import read_series
from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.vocabulary import organs
from wbr_platform_tests.dicom.image_headers import headers_on, uids_of
from wbr_platform_tests.reference_data import reference_data

GRID = Geometry((7, 12, 15), (3.0, 4.0, 2.5), (-30.0, -41.5, 812.25))
SAGITTAL = Geometry(
    (7, 12, 15), (3.0, 4.0, 2.5), (-30.0, -41.5, 812.25), (0, 0, 1, 1, 0, 0, 0, 1, 0)
)


def labelmap_on(geometry: Geometry) -> LabelMap:
    array = np.zeros(geometry.shape, dtype=np.uint8)
    array[1:4, 2:9, 3:11] = 4
    array[2:6, 9:12, 11:15] = 9
    array[0, 0, 0] = 2
    return LabelMap(array, geometry, {2: "kidney_left", 4: "liver", 9: "L01", 11: "spleen"})


def saved(dataset: Dataset) -> Dataset:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


@pytest.mark.parametrize("geometry", [GRID, SAGITTAL], ids=["axial", "sagittal"])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_there_and_back(geometry: Geometry, kind: Any) -> None:
    labelmap, headers = labelmap_on(geometry), headers_on(geometry)
    written = write_seg(labelmap, headers, algorithm="threshold", segmentation_type=kind)
    masks = read_seg(saved(written), geometry, uids_of(headers))
    assert [mask.name for mask in masks] == ["kidney_left", "liver", "L01", "spleen"]
    for label, mask in zip((2, 4, 9, 11), masks, strict=True):
        np.testing.assert_array_equal(mask.mask, labelmap.array == label)
        assert mask.source == "SEG"
    assert [mask.code for mask in masks] == [
        "SCT:64033007",
        "SCT:10200004",
        "SCT:108369006",
        "SCT:78961009",
    ]
    assert [mask.notes for mask in masks] == [(), (), (), ("SEGMENT_EMPTY",)]
    kidney = next(s for s in written.SegmentSequence if s.SegmentLabel == "kidney_left")
    modifier = kidney.SegmentedPropertyTypeCodeSequence[0]
    assert modifier.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"


def test_the_same_input_gives_the_same_bytes() -> None:
    contents = []
    for _ in range(2):
        buffer = io.BytesIO()
        write_seg(labelmap_on(GRID), headers_on(GRID)).save_as(buffer)
        contents.append(buffer.getvalue())
        time.sleep(0.01)
    assert contents[0] == contents[1]


def test_a_whole_body_of_twenty_organs_is_written_in_little_time() -> None:
    geometry = Geometry((150, 100, 100), (4.0, 4.0, 4.0))
    array = np.zeros(geometry.shape, dtype=np.uint8)
    for label in range(1, 21):
        array[7 * label - 5 : 7 * label + 2, 10:90, 10 : 10 + 4 * label] = label
    labelmap = LabelMap(array, geometry, {label: f"region {label}" for label in range(1, 21)})
    headers = headers_on(geometry)
    start = time.process_time()
    written = write_seg(labelmap, headers)
    assert time.process_time() - start < 2.0
    masks = read_seg(saved(written), geometry, uids_of(headers))
    assert all((mask.mask == (array == i)).all() for i, mask in enumerate(masks, start=1))


def test_compressed_frames() -> None:
    headers = headers_on(GRID)
    written = write_seg(labelmap_on(GRID), headers, segmentation_type="LABELMAP")
    written.compress(RLELossless)
    masks = read_seg(saved(written), GRID, uids_of(headers))
    np.testing.assert_array_equal(masks[1].mask, labelmap_on(GRID).array == 4)


def frames_moved(dataset: Dataset, mm: tuple[float, float, float]) -> Dataset:
    """The object with all its frames shifted, and without the images that they were drawn on."""
    moved = copy.deepcopy(dataset)
    for item in moved.PerFrameFunctionalGroupsSequence:
        del item.DerivationImageSequence
        position = item.PlanePositionSequence[0]
        old = position.ImagePositionPatient
        position.ImagePositionPatient = [float(a) + b for a, b in zip(old, mm, strict=True)]
    return moved


@pytest.mark.parametrize("shift", [(0, 0, 0), (0, 0, 0.05), (0.04, -0.04, 0.04)])
def test_planes_a_little_off(shift: tuple[float, float, float]) -> None:
    dataset = frames_moved(saved(write_seg(labelmap_on(GRID), headers_on(GRID))), shift)
    masks = read_seg(dataset, GRID, uids_of(headers_on(GRID)))
    np.testing.assert_array_equal(masks[1].mask, labelmap_on(GRID).array == 4)


@pytest.mark.parametrize("shift", [(0, 0, 1.0), (1.2, 0, 0), (0, 0.8, 0)])
def test_planes_between_the_voxels_are_refused(shift: tuple[float, float, float]) -> None:
    dataset = frames_moved(saved(write_seg(labelmap_on(GRID), headers_on(GRID))), shift)
    with pytest.raises(Refusal, match="SEG_OTHER_GRID"):
        read_seg(dataset, GRID, uids_of(headers_on(GRID)))


def test_whole_voxels_off_and_beyond_the_image() -> None:
    dataset = frames_moved(saved(write_seg(labelmap_on(GRID), headers_on(GRID))), (5.0, -8.0, 9.0))
    masks = {m.name: m for m in read_seg(dataset, GRID, uids_of(headers_on(GRID)))}
    expected = np.zeros(GRID.shape, dtype=bool)
    expected[4:7, 0:7, 5:13] = True  # three planes up, two rows up, two columns on
    np.testing.assert_array_equal(masks["liver"].mask, expected)
    assert masks["liver"].notes == ()
    assert "SEGMENT_OUTSIDE_IMAGE" in masks["L01"].notes
    assert masks["kidney_left"].notes == ("SEGMENT_EMPTY", "SEGMENT_OUTSIDE_IMAGE")


@pytest.mark.parametrize(
    ("axes", "flips"),  # those that keep the axes right-handed, as DICOM stacks its planes
    [
        ((0, 1, 2), (1, 2)),
        ((0, 1, 2), (0, 1)),
        ((2, 1, 0), (0,)),
        ((2, 1, 0), (0, 1, 2)),
        ((0, 2, 1), (1,)),
        ((1, 0, 2), (2,)),
        ((1, 2, 0), ()),
        ((2, 0, 1), (0, 2)),
    ],
)
def test_frames_along_other_axes(axes: tuple[int, int, int], flips: tuple[int, ...]) -> None:
    """Masks drawn on a reformatted image come back on the voxels of the original one."""
    labelmap = labelmap_on(GRID)
    array = np.flip(np.transpose(labelmap.array, axes), flips)
    units = GRID.direction_matrix[:, ::-1]  # columns: z, y, x
    vectors = [units[:, axis] * (-1 if i in flips else 1) for i, axis in enumerate(axes)]
    corner = [0, 0, 0]
    for i, axis in enumerate(axes):
        corner[axis] = GRID.shape[axis] - 1 if i in flips else 0
    origin = GRID.index_to_world([corner])[0]
    reformatted = Geometry(
        (array.shape[0], array.shape[1], array.shape[2]),
        (GRID.spacing[axes[0]], GRID.spacing[axes[1]], GRID.spacing[axes[2]]),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(np.column_stack(vectors[::-1]).ravel()),
    )
    written = write_seg(LabelMap(array, reformatted, labelmap.labels), headers_on(reformatted))
    masks = read_seg(saved(written), GRID, [f"9.{i}" for i in range(GRID.shape[0])])
    for label, mask in zip((2, 4, 9), masks, strict=False):
        np.testing.assert_array_equal(mask.mask, labelmap.array == label)


def test_another_voxel_size_is_refused() -> None:
    coarse = Geometry(GRID.shape, (3.0, 4.1, 2.5), GRID.origin)
    written = saved(write_seg(labelmap_on(coarse), headers_on(coarse)))
    with pytest.raises(Refusal, match="SEG_OTHER_GRID"):
        read_seg(written, GRID, [f"9.{i}" for i in range(7)])


def _no_segments(dataset: Dataset) -> None:
    dataset.SegmentSequence = []


def _truncated(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:20]


def _unknown_segment(dataset: Dataset) -> None:
    groups = dataset.PerFrameFunctionalGroupsSequence[0]
    groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 77


def _fewer_descriptions(dataset: Dataset) -> None:
    del dataset.PerFrameFunctionalGroupsSequence[-1]


def _absurd_size(dataset: Dataset) -> None:
    dataset.Rows = 60000


def _other_kind(dataset: Dataset) -> None:
    dataset.SegmentationType = "SURFACE"


@pytest.mark.parametrize(
    "spoil",
    [_no_segments, _truncated, _unknown_segment, _fewer_descriptions, _absurd_size, _other_kind],
)
def test_damaged_objects_are_refused(spoil: Any) -> None:
    dataset = saved(write_seg(labelmap_on(GRID), headers_on(GRID)))
    spoil(dataset)
    with pytest.raises(Refusal, match="SEG_DAMAGED"):
        read_seg(dataset, GRID, uids_of(headers_on(GRID)))


def test_a_frame_that_names_the_image_of_another_plane_is_refused() -> None:
    dataset = saved(write_seg(labelmap_on(GRID), headers_on(GRID)))
    uids = uids_of(headers_on(GRID))
    with pytest.raises(Refusal, match="SEG_PLANE_CONTRADICTION"):
        read_seg(dataset, GRID, uids[::-1])


def test_another_object_is_refused() -> None:
    with pytest.raises(Refusal, match="SEG_NOT_ONE"):
        read_seg(headers_on(GRID)[0], GRID, uids_of(headers_on(GRID)))


def test_codes_of_names() -> None:
    assert coded_region("kidneys").kind == ORGANS["kidney"]
    assert coded_region("vertebrae_L1").kind == ORGANS["vertebrae"]
    assert coded_region("lung_upper_lobe_left").kind.value == "45653009"
    for name in ("L01", "L123", "lesion_3", "Tumour", "GTV_Mass"):
        assert coded_region(name).kind.meaning == "Neoplasm"
    assert coded_region("something else").kind.meaning == "Anatomical Structure"
    assert normalised_code("SRT", "T-62000") == "SCT:10200004"
    assert normalised_code("SRT", "T-99999") == "SRT:T-99999"
    assert normalised_code("", "") is None
    values = [concept.value for concept in ORGANS.values()]
    assert len(set(values)) == len(values)


def test_organ_codes_agree_with_those_of_the_segmenters() -> None:
    shared = {
        name: (organ.snomed, f"SCT:{coded_region(name).kind.value}")
        for name, organ in organs().items()
        if name in ORGANS and name != "vertebrae"
    }
    assert len(shared) > 20
    assert all(theirs == ours for theirs, ours in shared.values()), shared


def grid_of_seg(dataset: Dataset) -> Geometry:
    """The grid that the frames of an object span."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    positions = sorted(
        {
            tuple(map(float, item.PlanePositionSequence[0].ImagePositionPatient))
            for item in dataset.PerFrameFunctionalGroupsSequence
        },
        key=lambda position: position[2],
    )
    measures = shared.PixelMeasuresSequence[0]
    step = min(b[2] - a[2] for a, b in pairwise(positions))
    planes = round((positions[-1][2] - positions[0][2]) / step) + 1
    return Geometry(
        (planes, dataset.Rows, dataset.Columns),
        (step, float(measures.PixelSpacing[0]), float(measures.PixelSpacing[1])),
        (positions[0][0], positions[0][1], positions[0][2]),
    )


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "least", "notes"),
    [
        ("seg_image_ct_binary", 1, ()),
        ("seg_image_ct_binary_overlap", 1, ()),
        ("seg_image_ct_binary_fractional", 128, ("FRACTIONAL_CUT_AT_HALF",)),
        ("seg_image_ct_true_fractional", 128, ("FRACTIONAL_CUT_AT_HALF",)),
    ],
)
def test_objects_of_highdicom(name: str, least: int, notes: tuple[str, ...]) -> None:
    dataset = pydicom.dcmread(reference_data("dicom_objects") / "highdicom" / f"{name}.dcm")
    geometry = grid_of_seg(dataset)
    masks = read_seg(dataset, geometry, [f"9.{i}" for i in range(geometry.shape[0])])
    frames = np.asarray(dataset.pixel_array) >= least
    numbers = [
        item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    codes = {"first segment": "SCT:272673000", "second segment": "SCT:421060004"}
    for number, mask in enumerate(masks, start=1):
        expected = sum(
            int(frame.sum()) for frame, n in zip(frames, numbers, strict=True) if n == number
        )
        assert expected > 0
        assert mask.mask.sum() == expected
        assert mask.code == codes[mask.name]
        assert mask.notes == notes


@pytest.mark.reference
def test_liver_of_dcmqi_on_its_ct(tmp_path: Path) -> None:
    """A 3-slice CT whose label image stands beside the object."""
    with zipfile.ZipFile(reference_data("dicom_objects") / "dcmqi_23x38x3.zip") as archive:
        archive.extractall(tmp_path)
    series = read_series(sorted((tmp_path / "23x38x3" / "image").iterdir()))
    dataset = pydicom.dcmread(tmp_path / "23x38x3" / "seg" / "label.seg")
    (liver,) = read_seg(dataset, series.geometry, series.sop_instance_uids)
    assert (liver.name, liver.code) == ("Liver", "SCT:10200004")
    label = sitk.ReadImage(str(tmp_path / "23x38x3" / "nrrd" / "label.nrrd"))
    resampled = sitk.Resample(
        label,
        size=series.geometry.shape[::-1],
        outputOrigin=series.geometry.origin,
        outputSpacing=series.geometry.spacing[::-1],
        outputDirection=series.geometry.direction,
        interpolator=sitk.sitkNearestNeighbor,
    )
    expected = sitk.GetArrayFromImage(resampled) > 0
    assert expected.any()
    np.testing.assert_array_equal(liver.mask, expected)


@pytest.mark.reference
def test_real_pet_lesion_of_dcmqi_has_the_volume_of_its_report() -> None:
    dataset = pydicom.dcmread(reference_data("dicom_objects") / "dcmqi_pet_sr" / "seg.dcm")
    geometry = grid_of_seg(dataset)
    (lesion,) = read_seg(dataset, geometry, [f"9.{i}" for i in range(geometry.shape[0])])
    assert lesion.code == "SCT:86049000"
    volume_ml = float(lesion.mask.sum()) * geometry.voxel_volume_ml
    assert volume_ml == pytest.approx(33.5824, rel=1e-3)
