"""Intensity peaks: published values, a slow reference, and the corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.imaging import Geometry, Volume
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.radiomics.local_intensity import (
    PEAK_RADIUS_MM,
    global_intensity_peak,
    local_intensity_peak,
)
from wbr_platform.refusal import Refusal
from wbr_platform_tests.reference_data import reference_data


def slow_sphere_mean(volume: Volume, centre: np.ndarray) -> float:
    """Mean over all voxels of the image within the radius of a voxel, one distance at a time."""
    indices = np.indices(volume.array.shape).reshape(3, -1).T
    offsets = (indices - centre) * np.asarray(volume.geometry.spacing)
    inside = np.linalg.norm(offsets, axis=1) <= PEAK_RADIUS_MM
    return float(volume.array.ravel()[inside].mean(dtype=np.float64))


@pytest.mark.reference
def test_peaks_of_the_digital_phantom() -> None:
    folder = reference_data("ibsi1_digital_phantom")
    volume = read_volume(folder / "phantom.nii.gz", "1")
    mask = read_labelmap(folder / "mask.nii.gz").array > 0
    assert round(local_intensity_peak(volume, mask), 1) == 2.6
    assert round(global_intensity_peak(volume, mask), 1) == 3.1


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (3.0, 1.7, 2.4), (9.0, 9.0, 9.0)])
def test_peaks_equal_a_slow_search(spacing: tuple[float, float, float]) -> None:
    generator = np.random.default_rng(4)
    array = generator.normal(size=(6, 9, 8)).astype(np.float32)
    volume = Volume(array, Geometry(array.shape, spacing), "SUVbw")
    mask = generator.random(array.shape) < 0.3
    means = [slow_sphere_mean(volume, index) for index in np.argwhere(mask)]
    hottest = int(np.argmax(array[mask]))
    assert global_intensity_peak(volume, mask) == pytest.approx(max(means), rel=1e-6)
    assert local_intensity_peak(volume, mask) == pytest.approx(means[hottest], rel=1e-6)


def test_of_equally_hot_voxels_the_highest_surroundings_win() -> None:
    array = np.zeros((3, 3, 30), dtype=np.float32)
    array[1, 1, 3] = array[1, 1, 26] = 10.0
    array[1, 1, 27] = 9.0
    volume = Volume(array, Geometry(array.shape, (3.0, 3.0, 3.0)), "SUVbw")
    mask = np.zeros(array.shape, dtype=bool)
    mask[1, 1, [3, 26]] = True
    expected = slow_sphere_mean(volume, np.array([1, 1, 26]))
    assert local_intensity_peak(volume, mask) == pytest.approx(expected, rel=1e-6)


def test_an_empty_region_is_refused() -> None:
    volume = Volume(np.zeros((2, 2, 2), np.float32), Geometry((2, 2, 2), (4.0, 4.0, 4.0)), "SUVbw")
    with pytest.raises(Refusal, match="EMPTY_REGION"):
        local_intensity_peak(volume, np.zeros((2, 2, 2), dtype=bool))
