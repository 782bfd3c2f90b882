"""NIfTI: what is written comes back, in the same place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.nifti import (
    labels_path,
    read_labelmap,
    read_volume,
    write_labelmap,
    write_volume,
)
from wbr_platform.refusal import Refusal
from wbr_platform_tests.imaging.helpers import AXIS_PARALLEL_DIRECTIONS, oblique_geometry

GRIDS = [
    Geometry((4, 5, 6), (3.27, 4.0, 4.1), (-120.5, 33.25, -881.3), direction)
    for direction in AXIS_PARALLEL_DIRECTIONS[::7]
] + [oblique_geometry((4, 5, 6))]


@pytest.mark.parametrize("geometry", GRIDS)
def test_a_volume_comes_back_in_place(geometry: Geometry, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(5, 3, geometry.shape).astype(np.float32)
    write_volume(Volume(values, geometry, "SUVbw"), tmp_path / "pet.nii.gz")
    back = read_volume(tmp_path / "pet.nii.gz", "SUVbw")
    np.testing.assert_array_equal(back.array, values)
    assert back.array.dtype == np.float32
    assert back.unit == "SUVbw"
    assert back.geometry.same_grid(geometry)


@pytest.mark.parametrize("highest", [3, 255, 256, 1000])
def test_labels_come_back_with_their_names(highest: int, tmp_path: Path) -> None:
    geometry = oblique_geometry((2, 3, 4))
    array = np.zeros(geometry.shape, dtype=np.int32)
    array[1, 2, 3], array[0, 1, 2] = highest, 1
    names = {1: "liver", highest: "rate (µ)"}
    path = tmp_path / "organs.nii.gz"
    write_labelmap(LabelMap(array, geometry, names), path)
    back = read_labelmap(path)
    np.testing.assert_array_equal(back.array, array)
    assert dict(back.labels) == names
    assert back.geometry.same_grid(geometry)
    assert json.loads((tmp_path / "organs.labels.json").read_text())["1"] == "liver"


def test_labels_without_names_get_one(tmp_path: Path) -> None:
    path = tmp_path / "mask.nii.gz"
    image = sitk.GetImageFromArray(np.arange(8, dtype=np.float32).reshape(2, 2, 2) % 3)
    sitk.WriteImage(image, str(path))
    assert dict(read_labelmap(path).labels) == {1: "label_1", 2: "label_2"}


def test_the_file_of_names_stands_beside(tmp_path: Path) -> None:
    assert labels_path(tmp_path / "a.b.nii.gz") == tmp_path / "a.b.labels.json"
    assert labels_path(tmp_path / "a.nii") == tmp_path / "a.labels.json"


def test_one_time_point_of_a_fourth_dimension_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "one.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([sitk.Image(3, 4, 5, sitk.sitkFloat32)]), str(path))
    assert read_volume(path, "HU").geometry.shape == (5, 4, 3)


def test_several_time_points_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([sitk.Image(3, 4, 5, sitk.sitkFloat32)] * 2), str(path))
    with pytest.raises(Refusal) as refusal:
        read_volume(path, "HU")
    assert refusal.value.reason_code == "NIFTI_NOT_3D"


def test_an_unreadable_file_is_refused_without_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "DOE_JANE_19500101.nii.gz"
    path.write_bytes(b"not an image")
    with pytest.raises(Refusal) as refusal:
        read_volume(path, "HU")
    assert refusal.value.reason_code == "NIFTI_UNREADABLE"
    assert "DOE" not in str(refusal.value)
