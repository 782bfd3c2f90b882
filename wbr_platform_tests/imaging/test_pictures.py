"""The pictures people see: right way round, true to scale, small, whatever is missing."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.pictures import (
    PICTURE_HEIGHT_PX,
    fused_slice_picture,
    organ_group,
    whole_body_picture,
)
from wbr_platform_tests.imaging.helpers import AXIS_PARALLEL_DIRECTIONS

# A body of 400 x 240 x 1000 mm round the origin.
BODY = (np.array([-200.0, -120.0, -500.0]), np.array([200.0, 120.0, 500.0]))
RIGHT_SHOULDER = np.array([-150.0, 0.0, 350.0])


def _geometry(direction: tuple[float, ...]) -> Geometry:
    cosines = np.abs(np.array(direction).reshape(3, 3))
    field_xyz = cosines.T @ np.array([440.0, 280.0, 1040.0])
    spacing = (5.0, 5.0, 5.0)
    z, y, x = (int(f / 5) for f in field_xyz[::-1])
    unplaced = Geometry((z, y, x), spacing, direction=direction)
    centre = unplaced.index_to_world([(n - 1) / 2 for n in unplaced.shape])[0]
    return replace(unplaced, origin=tuple(float(-c) for c in centre))


def _points(geometry: Geometry) -> NDArray[np.float64]:
    indices = np.indices(geometry.shape).reshape(3, -1).T
    return geometry.index_to_world(indices).reshape(*geometry.shape, 3)


def _ball(geometry: Geometry, centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(_points(geometry) - centre, axis=-1) < radius)


def _patient(geometry: Geometry) -> Volume:
    points = _points(geometry)
    body = ((points > BODY[0]) & (points < BODY[1])).all(axis=-1)
    array = body.astype(np.float32)
    array[_ball(geometry, RIGHT_SHOULDER, 30.0)] = 12.0
    return Volume(array, geometry, "SUVbw")


def _pixels(png: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int16)


@pytest.mark.parametrize("direction", AXIS_PARALLEL_DIRECTIONS[::6])
def test_uptake_in_the_right_shoulder_is_dark_in_the_upper_left(
    direction: tuple[float, ...],
) -> None:
    pixels = _pixels(whole_body_picture(_patient(_geometry(direction))))
    height = PICTURE_HEIGHT_PX
    # The coronal view takes (400 + margins) of (400 + 240 + margins) of the width.
    coronal = pixels[:height, : int(pixels.shape[1] * 440 / 720)].mean(axis=-1)
    rows, columns = np.nonzero(coronal[40:] < 30)
    # Letters and scale bar are dark too, but the shoulder outweighs them.
    assert np.median(rows) + 40 == pytest.approx(height * (0.5 - 350 / 1040), rel=0.1)
    assert np.median(columns) < coronal.shape[1] * 0.3


def test_a_ball_stays_round_whatever_the_spacing() -> None:
    geometry = Geometry((260, 70, 110), (4.0, 4.0, 4.0), (-218.0, -138.0, -518.0))
    stretched = geometry.with_spacing((8.0, 4.0, 2.0))
    pixels = _pixels(whole_body_picture(_patient(stretched)))
    dark = pixels[40:400, : int(pixels.shape[1] * 0.55)].mean(axis=-1) < 40
    rows, columns = np.nonzero(dark)
    rows_span, columns_span = np.ptp(rows), np.ptp(columns)
    assert rows_span == pytest.approx(columns_span, rel=0.2)


def test_lesions_are_red_and_organs_keep_their_colours_on_grids_of_their_own() -> None:
    pet = _patient(_geometry(AXIS_PARALLEL_DIRECTIONS[0]))
    other = _geometry(AXIS_PARALLEL_DIRECTIONS[31])
    lesions = LabelMap(
        _ball(other, RIGHT_SHOULDER, 30.0).astype(np.uint8), other, {1: "L01", 2: "L02"}
    )
    spleen = _ball(other, np.array([100.0, 30.0, 50.0]), 50.0)
    organs = LabelMap(spleen.astype(np.uint16) * 300, other, {300: "spleen"})
    pixels = _pixels(whole_body_picture(pet, organs, lesions))
    red, green, blue = (pixels[..., i] for i in range(3))
    half = pixels.shape[1] * 440 // 720
    is_red = (red > 90) & (green < 60) & (blue < 80)
    rows, columns = np.nonzero(is_red[:PICTURE_HEIGHT_PX, :half])
    assert np.median(columns) < half * 0.35
    assert np.median(rows) < PICTURE_HEIGHT_PX * 0.3
    is_blue = (blue > 120) & (red < 80)
    _, columns = np.nonzero(is_blue[:PICTURE_HEIGHT_PX, :half])
    assert np.median(columns) > half * 0.6
    assert is_blue[PICTURE_HEIGHT_PX:].any(), "the legend shows the organ's colour"
    plain = _pixels(whole_body_picture(pet))
    assert np.ptp(plain, axis=-1).max() == 0, "without overlays the picture is grey"


def test_the_picture_is_small_and_quick_with_many_lesions() -> None:
    generator = np.random.default_rng(8)
    geometry = Geometry((210, 70, 90), (5.0, 5.0, 5.0), (-222.5, -172.5, -522.5))
    pet = _patient(geometry)
    noisy = replace(pet, array=np.abs(pet.array + generator.normal(0, 0.4, geometry.shape)))
    array = np.zeros(geometry.shape, dtype=np.uint8)
    for label in range(1, 41):
        z, y, x = (int(generator.integers(20, n - 20)) for n in geometry.shape)
        array[z : z + 5, y : y + 5, x : x + 5] = label
    lesions = LabelMap(array, geometry, {n: f"L{n:02d}" for n in range(1, 41)})
    whole_body_picture(pet)  # fonts are found once in a process
    start = time.perf_counter()
    png = whole_body_picture(replace(noisy, array=noisy.array.astype(np.float32)), None, lesions)
    assert time.perf_counter() - start < 5.0  # 0.7 s when the machine does nothing else
    assert len(png) < 250_000


def test_even_pure_noise_stays_small() -> None:
    geometry = Geometry((350, 120, 160), (3.0, 3.0, 3.0), (-240.0, -180.0, -525.0))
    noise = np.random.default_rng(0).gamma(1.0, 1.0, geometry.shape).astype(np.float32)
    assert len(whole_body_picture(Volume(noise, geometry, "SUVbw"))) < 250_000


def test_an_empty_image_and_empty_label_maps_still_give_a_picture() -> None:
    geometry = Geometry((20, 10, 10), (10.0, 10.0, 10.0))
    pet = Volume(np.zeros(geometry.shape, dtype=np.float32), geometry, "SUVbw")
    nothing = LabelMap(np.zeros(geometry.shape, dtype=np.uint8), geometry, {1: "L01"})
    with_nothing = _pixels(whole_body_picture(pet, nothing, nothing))
    np.testing.assert_array_equal(with_nothing, _pixels(whole_body_picture(pet)))


def test_the_same_input_gives_the_same_bytes() -> None:
    pet = _patient(_geometry(AXIS_PARALLEL_DIRECTIONS[0]))
    assert whole_body_picture(pet) == whole_body_picture(pet)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("kidney_left", "kidneys"),
        ("Lung upper-lobe right", "lungs"),
        ("urinary_bladder", "bladder"),
        ("gallbladder", "gallbladder"),
        ("vertebra_L3", "marrow"),
        ("adrenal_gland_left", "adrenal_gland"),
        ("Liver", "liver"),
    ],
)
def test_organs_are_drawn_in_groups(name: str, group: str) -> None:
    assert organ_group(name) == group


def test_a_fused_slice_shows_pet_on_ct_in_place() -> None:
    pet = _patient(_geometry(AXIS_PARALLEL_DIRECTIONS[9]))
    ct_grid = _geometry(AXIS_PARALLEL_DIRECTIONS[40])
    points = _points(ct_grid)
    body = ((points > BODY[0]) & (points < BODY[1])).all(axis=-1)
    ct = Volume(np.where(body, 40.0, -1000.0).astype(np.float32), ct_grid, "HU")
    pixels = _pixels(fused_slice_picture(ct, pet, "axial", RIGHT_SHOULDER[2]))
    warm = pixels[..., 0] - pixels[..., 2] > 60
    rows, columns = np.nonzero(warm)
    assert columns.mean() < pixels.shape[1] * 0.35
    assert rows.mean() == pytest.approx(pixels.shape[0] / 2, rel=0.2)
    elsewhere = _pixels(fused_slice_picture(ct, pet, "axial", -300.0))
    assert not (elsewhere[..., 0] - elsewhere[..., 2] > 60).any()


def test_a_slice_lies_in_the_middle_unless_told_otherwise() -> None:
    pet = _patient(_geometry(AXIS_PARALLEL_DIRECTIONS[7]))
    middle = fused_slice_picture(None, pet, "coronal")
    assert middle == fused_slice_picture(None, pet, "coronal", 0.0)


def test_a_slice_needs_one_image_at_least() -> None:
    pet = _patient(_geometry(AXIS_PARALLEL_DIRECTIONS[0]))
    assert fused_slice_picture(None, pet, "coronal", 0.0).startswith(b"\x89PNG")
    ct = replace(pet, unit="HU")
    assert fused_slice_picture(ct, None, "sagittal", 0.0).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="needs a CT or a PET"):
        fused_slice_picture(None, None, "axial", 0.0)
