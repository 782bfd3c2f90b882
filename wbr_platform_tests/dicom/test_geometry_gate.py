"""No broken series becomes a volume; harmless variants do, with the right content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from wbr_platform.dicom.volumes import read_series
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.synthetic_series import (
    COLUMNS,
    FRAME,
    ROWS,
    SLICE_SPACING,
    SLICES,
    expected_array,
    series,
    written,
)

Planes = list[Dataset]


def _set(keyword: str, value: object, where: slice = slice(5, 6)) -> Callable[[Planes], Planes]:
    def mutate(planes: Planes) -> Planes:
        for plane in planes[where]:
            setattr(plane, keyword, value)
        return planes

    return mutate


def _delete(keyword: str, where: slice = slice(5, 6)) -> Callable[[Planes], Planes]:
    def mutate(planes: Planes) -> Planes:
        for plane in planes[where]:
            if keyword in plane:
                delattr(plane, keyword)
        return planes

    return mutate


def _moved(plane: Dataset, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
    old = [float(v) for v in plane.ImagePositionPatient]
    plane.ImagePositionPatient = [old[0] + x, old[1] + y, old[2] + z]


def _duplicate(planes: Planes) -> Planes:
    return [*planes, planes[4]]


def _conflicting_duplicate(planes: Planes) -> Planes:
    [extra] = series("CT", slices=SLICES)[4:5]
    twin = planes[4].copy()
    twin.PixelData = bytes(reversed(extra.PixelData))
    twin.SOPInstanceUID = planes[4].SOPInstanceUID + ".7"
    return [*planes, twin]


def _tilt(planes: Planes) -> Planes:
    for k, plane in enumerate(planes):
        _moved(plane, y=0.8 * k)
    return planes


def _one_shifted(planes: Planes) -> Planes:
    _moved(planes[5], x=2.0)
    return planes


def _uneven(planes: Planes) -> Planes:
    _moved(planes[5], z=1.3)
    return planes


def _creeping(planes: Planes) -> Planes:
    """Distances grow by a little each: every step is near the median, the grid is not."""
    for k, plane in enumerate(planes):
        _moved(plane, z=0.06 * k**2)
    return planes


def _two_time_points(planes: Planes) -> Planes:
    later = [plane.copy() for plane in planes]
    for plane in later:
        plane.SOPInstanceUID += ".9"
        plane.FrameReferenceTime = "600000"
    return planes + later


def _gated(planes: Planes) -> Planes:
    for plane in planes:
        plane.SeriesType, plane.NumberOfTimeSlots = ["GATED", "IMAGE"], 8
    return planes


def _half_turned(planes: Planes) -> Planes:
    for plane in planes[6:]:
        plane.ImageOrientationPatient = [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return planes


def _mixed_with_other_series(planes: Planes) -> Planes:
    others = series("CT", series_uid="1.2.826.0.1.99.5")
    for plane, other in zip(planes[8:], others[8:], strict=True):
        plane.SeriesInstanceUID = other.SeriesInstanceUID
    return planes


def _truncated(planes: Planes) -> Planes:
    planes[5].PixelData = planes[5].PixelData[:40]
    return planes


BROKEN: dict[str, tuple[Callable[[Planes], Planes], set[str]]] = {
    "missing_slice": (lambda p: p[:5] + p[6:], {"GEOMETRY_MISSING_SLICE"}),
    "three_missing": (lambda p: p[:5] + p[8:], {"GEOMETRY_MISSING_SLICE"}),
    "every_other_missing": (lambda p: p[::2], {"GEOMETRY_GAPS"}),
    "duplicate": (_duplicate, {"GEOMETRY_DUPLICATE_SLICE"}),
    "conflicting_duplicate": (_conflicting_duplicate, {"GEOMETRY_DUPLICATE_SLICE"}),
    "all_twice": (
        _two_time_points,
        {"GEOMETRY_SEVERAL_TIME_POINTS", "GEOMETRY_DUPLICATE_SLICE"},
    ),
    "gated": (_gated, {"GEOMETRY_SEVERAL_TIME_POINTS"}),
    "temporal_position": (
        _set("TemporalPositionIdentifier", 2),
        {"GEOMETRY_SEVERAL_TIME_POINTS"},
    ),
    "tilt": (_tilt, {"GEOMETRY_TILT"}),
    "one_shifted": (_one_shifted, {"GEOMETRY_SHIFTED_SLICE"}),
    "uneven": (_uneven, {"GEOMETRY_UNEVEN_SPACING"}),
    "creeping": (_creeping, {"GEOMETRY_UNEVEN_SPACING"}),
    "half_turned": (_half_turned, {"GEOMETRY_MIXED_ORIENTATION"}),
    "one_turned": (
        _set("ImageOrientationPatient", [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]),
        {"GEOMETRY_MIXED_ORIENTATION"},
    ),
    "skewed_axes": (
        _set("ImageOrientationPatient", [1.0, 0.0, 0.0, 0.5, 0.8, 0.0], slice(None)),
        {"GEOMETRY_BAD_ORIENTATION"},
    ),
    "no_orientation": (_delete("ImageOrientationPatient"), {"GEOMETRY_NO_ORIENTATION"}),
    "mixed_spacing": (_set("PixelSpacing", [4.4, 3.3]), {"GEOMETRY_MIXED_SPACING"}),
    "no_spacing": (_delete("PixelSpacing", slice(None)), {"GEOMETRY_NO_SPACING"}),
    "absurd_spacing": (
        _set("PixelSpacing", [4000.0, 3000.0], slice(None)),
        {"GEOMETRY_ABSURD_SPACING"},
    ),
    "mixed_frames": (
        _set("FrameOfReferenceUID", FRAME + ".2"),
        {"GEOMETRY_MIXED_FRAME_OF_REFERENCE"},
    ),
    "mixed_series": (_mixed_with_other_series, {"GEOMETRY_MIXED_SERIES"}),
    "mixed_patients": (_set("PatientID", "OTHER"), {"GEOMETRY_MIXED_SERIES"}),
    "mixed_matrix": (_set("Rows", ROWS - 1), {"GEOMETRY_MIXED_MATRIX"}),
    "mixed_sign": (_set("PixelRepresentation", 0), {"GEOMETRY_MIXED_PIXEL_FORMAT"}),
    "no_position": (_delete("ImagePositionPatient"), {"GEOMETRY_NO_POSITION"}),
    "no_positions": (_delete("ImagePositionPatient", slice(None)), {"GEOMETRY_NO_POSITION"}),
    "two_coordinates": (_set("ImagePositionPatient", [1.0, 2.0]), {"GEOMETRY_NO_POSITION"}),
    "absurd_position": (
        _set("ImagePositionPatient", [0.0, 0.0, 2.6e28]),
        {"GEOMETRY_ABSURD_POSITION"},
    ),
    "localizer": (
        _set("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        {"GEOMETRY_LOCALIZER"},
    ),
    "single_slice": (lambda p: p[:1], {"GEOMETRY_TOO_FEW_SLICES"}),
    "multiframe": (_set("NumberOfFrames", 4), {"ENHANCED_MULTIFRAME_UNSUPPORTED"}),
    "voxel_bomb": (
        lambda p: _set("Rows", 65535, slice(None))(_set("Columns", 65535, slice(None))(p)),
        {"GEOMETRY_TOO_MANY_VOXELS"},
    ),
    "promised_slices": (_set("NumberOfSlices", 40, slice(None)), {"GEOMETRY_MISSING_SLICE"}),
    "truncated_pixels": (_truncated, {"PIXELS_TRUNCATED"}),
    "surplus_pixels": (_set("PixelData", bytes(2 * ROWS * COLUMNS + 8)), {"PIXELS_WRONG_SIZE"}),
    "no_pixels": (_delete("PixelData"), {"PIXELS_MISSING"}),
    "no_slope": (_delete("RescaleSlope"), {"PIXELS_NO_RESCALE"}),
    "zero_slope": (_set("RescaleSlope", "0"), {"PIXELS_NO_RESCALE"}),
    "colour": (_set("SamplesPerPixel", 3, slice(None)), {"PIXELS_UNSUPPORTED_FORMAT"}),
    "inverted": (
        _set("PhotometricInterpretation", "MONOCHROME1", slice(None)),
        {"PIXELS_UNSUPPORTED_FORMAT"},
    ),
    "lossy": (_set("LossyImageCompression", "01"), {"PIXELS_LOSSY"}),
    "no_instance_uid": (_set("SOPInstanceUID", ""), {"GEOMETRY_NO_INSTANCE_UID"}),
}


@pytest.mark.parametrize("modality", ["CT", "PT"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_series_is_refused_with_its_reason(name: str, modality: str, tmp_path: Path) -> None:
    mutate, reasons = BROKEN[name]
    planes = mutate(series(modality))  # type: ignore[arg-type]
    folder = tmp_path / "export"
    folder.mkdir()
    paths = []
    for number, plane in enumerate(planes):
        plane.save_as(
            folder / f"{number}", enforce_file_format=False, implicit_vr=False, little_endian=True
        )
        paths.append(folder / f"{number}")
    with pytest.raises(Refusal) as refused:
        read_series(paths)
    assert refused.value.reason_code in reasons
    assert "PATIENT" not in str(refused.value)


@pytest.mark.parametrize("modality", ["CT", "PT"])
def test_shuffled_series_is_read_in_order(modality: str, tmp_path: Path) -> None:
    paths = written(series(modality), tmp_path)  # type: ignore[arg-type]
    shuffled = [paths[i] for i in np.random.default_rng(3).permutation(len(paths))]
    read = read_series(shuffled)
    np.testing.assert_allclose(read.array, expected_array(modality), rtol=1e-6)  # type: ignore[arg-type]
    assert read.geometry.shape == (SLICES, ROWS, COLUMNS)
    assert read.geometry.spacing == (5.0, 4.0, 3.0)
    assert read.geometry.origin == (-20.0, -30.0, 100.0)
    assert [int(header.InstanceNumber) for header in read.headers] == list(range(1, SLICES + 1))
    assert all("PixelData" not in header for header in read.headers)


def _rotation(seed: int) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


@pytest.mark.parametrize("seed", range(8))
def test_any_orientation_keeps_every_voxel_at_its_place(seed: int, tmp_path: Path) -> None:
    """Turn the patient: the world point of each voxel turns with it, z still ascends the normal."""
    rotation = _rotation(seed)
    planes = series("PT")
    for plane in planes:
        position = np.array([float(v) for v in plane.ImagePositionPatient])
        plane.ImagePositionPatient = [f"{v:.9f}" for v in rotation @ position]
        plane.ImageOrientationPatient = [f"{v:.12f}" for v in rotation[:, :2].T.ravel()]
    straight = read_series(written(series("PT"), tmp_path / "straight"))
    turned = read_series(written(planes, tmp_path / "turned"))
    np.testing.assert_array_equal(turned.array, straight.array)
    corners = [(0, 0, 0), (SLICES - 1, 0, 0), (0, ROWS - 1, 0), (3, 2, COLUMNS - 1)]
    expected = straight.geometry.index_to_world(corners) @ rotation.T
    np.testing.assert_allclose(turned.geometry.index_to_world(corners), expected, atol=1e-3)


def test_feet_first_series_descends_in_the_patient(tmp_path: Path) -> None:
    """A normal that points to the feet: array z follows the normal, not the patient's z."""
    planes = series("CT")
    for plane in planes:
        plane.ImageOrientationPatient = [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    read = read_series(written(planes, tmp_path))
    np.testing.assert_array_equal(read.array, expected_array("CT")[::-1])
    assert read.geometry.origin[2] == 100.0 + SLICE_SPACING * (SLICES - 1)
    assert read.geometry.direction_matrix[2, 2] == -1.0


def test_jitter_of_real_bed_positions_is_accepted(tmp_path: Path) -> None:
    planes = series("PT")
    _moved(planes[5], z=0.08)
    assert read_series(written(planes, tmp_path)).geometry.spacing[0] == pytest.approx(5.0)


def test_bits_above_bits_stored_are_ignored(tmp_path: Path) -> None:
    planes = series("CT")
    for plane in planes:
        values = np.frombuffer(plane.PixelData, "<u2")
        plane.PixelRepresentation, plane.BitsStored, plane.HighBit = 0, 12, 11
        plane.PixelData = (values | 0xF000).astype("<u2").tobytes()
    np.testing.assert_array_equal(
        read_series(written(planes, tmp_path)).array, expected_array("CT")
    )


def test_signed_values_keep_their_sign_below_16_bits(tmp_path: Path) -> None:
    planes = series("CT", slices=2)
    values = np.arange(-40, 40, dtype=np.int16).reshape(ROWS, COLUMNS)
    for plane in planes:
        plane.BitsStored, plane.HighBit = 12, 11
        plane.PixelData = (values & 0x0FFF).astype("<i2").tobytes()
    np.testing.assert_array_equal(read_series(written(planes, tmp_path)).array[0], values - 1024.0)


def test_garbage_file_is_refused(tmp_path: Path) -> None:
    paths = written(series("CT"), tmp_path)
    paths[3].write_bytes(bytes(128) + b"DICM" + b"\xff" * 300)
    with pytest.raises(Refusal):
        read_series(paths)
