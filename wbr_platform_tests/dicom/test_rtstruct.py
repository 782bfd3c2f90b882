"""RT structure sets: published voxels, there and back, and what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from wbr_platform.dicom.rtstruct import read_rtstruct, write_rtstruct
from wbr_platform.dicom.volumes import SeriesPixels, read_series
from wbr_platform.imaging import Geometry, LabelMap, NamedMask
from wbr_platform.imaging.nifti import read_volume
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.image_headers import headers_on, uids_of
from wbr_platform_tests.reference_data import reference_data

OBLIQUE = tuple(
    np.linalg.qr(np.array([[0.9, 0.2, -0.1], [-0.2, 0.95, 0.1], [0.1, -0.1, 1.0]]))[0].ravel()
)
GRID = Geometry((9, 24, 30), (3.27, 4.07, 2.5), (-30.0, -41.5, 812.25))
TILTED = Geometry((9, 24, 30), (3.27, 4.07, 2.5), (-30.0, -41.5, 812.25), OBLIQUE)


def labelmap_on(geometry: Geometry) -> LabelMap:
    """A ring, two blobs that touch at a corner, a region at the border, one without voxels."""
    array = np.zeros(geometry.shape, dtype=np.uint8)
    array[2:7, 4:18, 5:20] = 1
    array[3:6, 8:12, 9:14] = 0
    array[1:3, 0:4, 24:30] = 2
    array[5, 20:22, 2:4], array[5, 22:24, 4:6] = 3, 3
    return LabelMap(array, geometry, {1: "liver", 2: "kidney_left", 3: "L01", 7: "spleen"})


def saved(dataset: Dataset) -> Dataset:
    """The data set through a file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


@pytest.mark.parametrize("geometry", [GRID, TILTED], ids=["straight", "tilted"])
def test_there_and_back(geometry: Geometry) -> None:
    labelmap, headers = labelmap_on(geometry), headers_on(geometry)
    dataset = saved(write_rtstruct(labelmap, headers, algorithm="threshold"))
    masks = read_rtstruct(dataset, geometry, uids_of(headers))
    assert [mask.name for mask in masks] == ["liver", "kidney_left", "L01", "spleen"]
    for label, mask in zip((1, 2, 3, 7), masks, strict=True):
        np.testing.assert_array_equal(mask.mask, labelmap.array == label)
        assert mask.source == "RTSTRUCT"
    assert [mask.code for mask in masks] == [
        "SCT:10200004",
        "SCT:64033007",
        "SCT:108369006",
        "SCT:78961009",
    ]
    assert [mask.notes for mask in masks] == [(), (), (), ("NO_CLOSED_CONTOUR",)]


def test_planes_are_found_by_position_when_no_image_is_named() -> None:
    labelmap, headers = labelmap_on(GRID), headers_on(GRID)
    dataset = write_rtstruct(labelmap, headers)
    for roi in dataset.ROIContourSequence:
        for contour in roi.ContourSequence:
            del contour.ContourImageSequence
            contour.ContourData = [
                float(v) + 0.04 * (i % 3 == 2) for i, v in enumerate(contour.ContourData)
            ]
    masks = read_rtstruct(dataset, GRID, uids_of(headers))
    np.testing.assert_array_equal(masks[0].mask, labelmap.array == 1)
    other = read_rtstruct(dataset, GRID, [f"9.{i}" for i in range(9)])
    np.testing.assert_array_equal(other[0].mask, labelmap.array == 1)


def test_contours_of_another_image_between_the_planes() -> None:
    """Drawn on planes of half the distance, shifted by a quarter: each plane takes the nearest."""
    fine = Geometry((18, 24, 30), (1.635, 4.07, 2.5), (-30.0, -41.5, 812.25 + 0.4))
    array = np.zeros(fine.shape, dtype=np.uint8)
    array[4:12, 5:15, 5:15] = 1
    dataset = write_rtstruct(LabelMap(array, fine, {1: "liver"}), headers_on(fine))
    mask = read_rtstruct(dataset, GRID, [f"9.{i}" for i in range(9)])[0]
    assert mask.notes == ("CONTOURS_BETWEEN_PLANES",)
    assert np.flatnonzero(mask.mask.any(axis=(1, 2))).tolist() == [2, 3, 4, 5]
    assert mask.mask[3].sum() == 100


def test_a_point_is_an_empty_region() -> None:
    dataset = write_rtstruct(labelmap_on(GRID), headers_on(GRID))
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        contour.ContourGeometricType = "POINT"
    mask = read_rtstruct(dataset, GRID, uids_of(headers_on(GRID)))[0]
    assert not mask.mask.any()
    assert mask.notes == ("NO_CLOSED_CONTOUR",)


def test_contours_outside_the_image_are_noted() -> None:
    dataset = write_rtstruct(labelmap_on(GRID), headers_on(GRID))
    short = GRID.cropped((3, 0, 0), (4, 24, 30))
    mask = read_rtstruct(dataset, short, [f"9.{i}" for i in range(4)])[0]
    assert mask.notes == ("CONTOURS_OUTSIDE_IMAGE",)
    np.testing.assert_array_equal(mask.mask, labelmap_on(GRID).array[3:7] == 1)


def _bend(contour: Dataset) -> None:
    contour.ContourData[2] = float(contour.ContourData[2]) + 4.0


def _rename(contour: Dataset) -> None:
    contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.9"


def _truncate(contour: Dataset) -> None:
    contour.ContourData = contour.ContourData[:-1]


def _empty(contour: Dataset) -> None:
    contour.ContourData = None


@pytest.mark.parametrize(
    ("spoil", "reason_code"),
    [
        (_bend, "RTSTRUCT_OBLIQUE"),
        (_rename, "RTSTRUCT_PLANE_CONTRADICTION"),
        (_truncate, "RTSTRUCT_DAMAGED"),
        (_empty, "RTSTRUCT_DAMAGED"),
    ],
)
def test_refused(spoil: object, reason_code: str) -> None:
    dataset = write_rtstruct(labelmap_on(GRID), headers_on(GRID))
    assert callable(spoil)
    spoil(dataset.ROIContourSequence[0].ContourSequence[0])
    with pytest.raises(Refusal) as refused:
        read_rtstruct(dataset, GRID, uids_of(headers_on(GRID)))
    assert refused.value.reason_code == reason_code


def test_another_object_is_refused() -> None:
    with pytest.raises(Refusal, match="RTSTRUCT_NOT_ONE"):
        read_rtstruct(headers_on(GRID)[0], GRID, uids_of(headers_on(GRID)))


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    write_rtstruct(labelmap_on(GRID), headers_on(GRID)).save_as(first, enforce_file_format=True)
    write_rtstruct(labelmap_on(GRID), headers_on(GRID)).save_as(second, enforce_file_format=True)
    assert first.getvalue() == second.getvalue()


def real_masks(tmp_path: Path, *archives: Path) -> tuple[SeriesPixels, dict[str, NamedMask]]:
    """Image and structures of archives that hold one series of images and one structure set."""
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    headers = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in files}
    images = [path for path, header in headers.items() if header.Modality in ("PT", "CT")]
    structures = next(header for header in headers.values() if header.Modality == "RTSTRUCT")
    series = read_series(images)
    masks = read_rtstruct(structures, series.geometry, series.sop_instance_uids)
    return series, {mask.name: mask for mask in masks}


@pytest.mark.reference
def test_pet_tumour_equals_the_published_mask(tmp_path: Path) -> None:
    """IBSI's voxels of GTV_Mass (5095 of them): every one, and no other."""
    folder = reference_data("pet_ge_wholebody_sts001")
    series, masks = real_masks(
        tmp_path, folder / "STS_001_FDG_PET_raw_BQML.zip", folder / "STS_001_RTSTRUCT.zip"
    )
    published = read_volume(
        reference_data("sts_pet_cohort") / "nifti" / "STS_001_PET_mask.nii.gz", "1"
    )
    start = series.geometry.world_to_index([published.geometry.origin])[0].round().astype(int)
    crop = tuple(slice(a, a + n) for a, n in zip(start, published.array.shape, strict=True))
    expected = np.zeros(series.geometry.shape, dtype=bool)
    expected[crop] = published.array > 0
    assert expected.sum() == 5095
    np.testing.assert_array_equal(masks["GTV_Mass"].mask, expected)
    assert masks["GTV_Edema"].mask.sum() == 8058


@pytest.mark.reference
def test_ct_tumour_equals_the_published_mask(tmp_path: Path) -> None:
    folder = reference_data("ibsi1_ct_phantom_pat1")
    series, masks = real_masks(tmp_path, folder / "dicom_ct_rtstruct.zip")
    published = read_volume(folder / "mask.nii.gz", "1")
    assert published.geometry.same_grid(series.geometry, 0.05)
    np.testing.assert_array_equal(masks["GTV-1"].mask, published.array > 0)


@pytest.mark.reference
def test_ct_volumes_of_an_independent_fill(tmp_path: Path) -> None:
    folder = reference_data("nsclc_lung1_001_ct_rtstruct")
    series, masks = real_masks(tmp_path, folder / "LUNG1-001_CT_RTSTRUCT.zip")
    voxel_mm3 = 1000.0 * series.geometry.voxel_volume_ml
    volumes = {name: mask.mask.sum() * voxel_mm3 for name, mask in masks.items()}
    assert volumes["GTV-1"] == pytest.approx(156323.4, abs=0.1)
    assert volumes["Lung-Left"] == pytest.approx(2276659, abs=1)
    assert volumes["Lung-Right"] == pytest.approx(2966323, abs=1)
    # pyradiomics' own conversion of the same structures: 155845.6 mm³, another boundary rule.
    assert volumes["GTV-1"] == pytest.approx(155845.6, rel=5e-3)
    assert series.array[masks["GTV-1"].mask].mean() == pytest.approx(-64.13, abs=0.01)
