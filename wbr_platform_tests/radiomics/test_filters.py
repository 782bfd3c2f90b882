"""Filters: what theory says of them, whatever the image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from wbr_platform.imaging import Geometry, Volume
from wbr_platform.radiomics.filters.boundary import Boundary, cropped, padded
from wbr_platform.radiomics.filters.laws import KERNELS, laws
from wbr_platform.radiomics.filters.nonseparable import riesz_log, simoncelli
from wbr_platform.radiomics.filters.rotations import pooled, rotations
from wbr_platform.radiomics.filters.specification import Filter
from wbr_platform.radiomics.filters.wavelets import separable_wavelet

SHAPE = (12, 16, 18)
BOUNDARIES: tuple[Boundary, ...] = ("zero", "nearest", "periodic", "mirror")
EVERY = (
    Filter("mean", support=3),
    Filter("log", sigma=2.0),
    Filter("laws", kernels=("E5", "L5", "S5"), pooling="max", energy_distance=2),
    Filter("gabor", sigma=3.0, wavelength=4.0, gamma=0.8, angle_step=45.0, orthogonal_planes=True),
    Filter("wavelet", wavelet="db2", passes="LHH", level=2, pooling="average"),
    Filter("simoncelli", level=2),
    Filter("riesz_log", sigma=2.0, riesz_orders=(0, 1, 1)),
)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("filtered", EVERY, ids=lambda f: f.kind)
def test_response_maps_share_the_grid(filtered: Filter, boundary: Boundary) -> None:
    volume = Volume(image(), Geometry(SHAPE, (2.0, 2.0, 2.0)), "HU")
    response = Filter(**{**filtered.__dict__, "boundary": boundary}).apply(volume)
    assert response.geometry == volume.geometry
    assert response.unit == "1"
    assert np.isfinite(response.array).all()


@pytest.mark.parametrize("boundary", ["nearest", "periodic", "mirror"])
def test_band_passes_ignore_a_constant(boundary: Boundary) -> None:
    flat = Volume(np.full(SHAPE, 7.0, np.float32), Geometry(SHAPE, (1.0, 1.0, 1.0)), "HU")
    assert Filter("mean", boundary, support=5).apply(flat).array == pytest.approx(7.0)
    for filtered in (EVERY[2], EVERY[4], EVERY[5], EVERY[6]):
        response = Filter(**{**filtered.__dict__, "boundary": boundary}).apply(flat).array
        assert np.abs(response).max() < 1e-5, filtered.kind


def test_there_are_24_rotations_of_a_cube_and_4_of_a_square() -> None:
    kernels = [np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 3.0]), np.array([5.0, 1.0, 2.0])]
    for number, expected in ((3, 24), (2, 4)):
        found = {tuple(map(tuple, turned)) for turned in rotations(kernels[:number])}
        assert len(found) == expected


def test_pooling_over_rotations_makes_a_filter_invariant() -> None:
    cube = np.random.default_rng(1).normal(size=(10, 10, 10))
    for response in (
        lambda a: laws(a, ("E5", "S5", "L5"), "periodic", "max", 1),
        lambda a: separable_wavelet(a, "db3", "LHH", "mirror", 2, "average"),
    ):
        turned = np.rot90(cube, axes=(0, 2))
        np.testing.assert_allclose(
            response(turned), np.rot90(response(cube), axes=(0, 2)), atol=1e-12
        )


def test_laws_kernels_are_normalised_and_run_along_x_first() -> None:
    for kernel in KERNELS.values():
        assert np.linalg.norm(kernel) == pytest.approx(1.0)
    impulse = np.zeros((7, 7, 7))
    impulse[3, 3, 3] = 1.0
    response = laws(impulse, ("E5", "L5", "S5"), "zero")
    expected = np.einsum("z,y,x->zyx", KERNELS["S5"], KERNELS["L5"], KERNELS["E5"])
    np.testing.assert_allclose(response[1:6, 1:6, 1:6], expected, atol=1e-12)


def test_laplacian_of_gaussian_is_scipys() -> None:
    volume = Volume(image(), Geometry(SHAPE, (2.0, 2.0, 2.0)), "HU")
    expected = ndimage.gaussian_laplace(volume.array.astype(float), 1.5, mode="wrap")
    found = Filter("log", "periodic", sigma=3.0).apply(volume).array
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_riesz_transforms_of_one_order_keep_the_energy() -> None:
    """Σ |R_l|² = 1 over the multi-indices l of an order, for a band-pass of real response."""
    cube = np.random.default_rng(2).normal(size=(17, 17, 17))
    orders = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
    energy = sum(np.sum(simoncelli(cube, 2, "periodic", False, one) ** 2) for one in orders)
    assert energy == pytest.approx(np.sum(simoncelli(cube, 2, "periodic") ** 2))


def test_riesz_transform_of_first_order_is_odd() -> None:
    impulse = np.zeros((33, 33, 33))
    impulse[16, 16, 16] = 1.0
    response = riesz_log(impulse, 2.0, (1, 0, 0), (1.0, 1.0, 1.0), "periodic")
    np.testing.assert_allclose(response, -response[:, :, ::-1], atol=1e-12)
    np.testing.assert_allclose(response, response[::-1], atol=1e-12)


def test_padding_and_cropping_undo_each_other() -> None:
    for boundary in BOUNDARIES:
        wide = padded(image(), 3, (0, 2), boundary)
        assert wide.shape == (18, 16, 24)
        np.testing.assert_array_equal(cropped(wide, 3, (0, 2)), image())


def test_pooling_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no response"):
        pooled([], "max")
    with pytest.raises(ValueError, match="odd"):
        Filter("mean", support=4).apply(Volume(image(), Geometry(SHAPE, (1.0, 1.0, 1.0)), "HU"))
