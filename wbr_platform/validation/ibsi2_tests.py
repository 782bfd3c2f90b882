"""The tests of IBSI-2: which filter on which phantom (table 6.1 of the manual), or on the CT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from wbr_platform.radiomics.filters.specification import Filter
from wbr_platform.radiomics.policy import FixedBinNumber, Policy

_MEAN = Filter("mean", "zero", support=15)
_LOG = Filter("log", "mirror", sigma=5.0)
_LAWS_IMPULSE = Filter("laws", "zero", kernels=("E5", "L5", "S5"))
_LAWS_BOARD = Filter("laws", "mirror", kernels=("E3", "W5", "R5"))
_LAWS_PLANE = Filter("laws", "mirror", kernels=("L5", "S5"), in_plane=True)
_GABOR_IMPULSE = Filter("gabor", "zero", sigma=10.0, wavelength=4.0, gamma=0.5, in_plane=True)
_GABOR_SPHERE = Filter("gabor", "mirror", sigma=20.0, wavelength=8.0, gamma=2.5, in_plane=True)
_DAUBECHIES = Filter("wavelet", "zero", wavelet="db2", passes="LHL")
_COIFLET = Filter("wavelet", "periodic", wavelet="coif1", passes="HHL")
_HAAR = Filter("wavelet", "mirror", wavelet="haar", passes="LLL", level=2, pooling="average")
_SIMONCELLI = Filter("simoncelli", "periodic")
_RIESZ_LOG = Filter("riesz_log", "zero", sigma=3.0, riesz_orders=(1, 0, 0))

_MAPS = {
    "1_a_1": ("checkerboard", _MEAN),
    "1_a_2": ("checkerboard", replace(_MEAN, boundary="nearest")),
    "1_a_3": ("checkerboard", replace(_MEAN, boundary="periodic")),
    "1_a_4": ("checkerboard", replace(_MEAN, boundary="mirror")),
    "1_b_1": ("impulse", replace(_MEAN, in_plane=True)),
    "2_a": ("impulse", Filter("log", "zero", sigma=3.0)),
    "2_b": ("checkerboard", _LOG),
    "2_c": ("checkerboard", replace(_LOG, in_plane=True)),
    "3_a_1": ("impulse", _LAWS_IMPULSE),
    "3_a_2": ("impulse", replace(_LAWS_IMPULSE, pooling="max")),
    "3_a_3": ("impulse", replace(_LAWS_IMPULSE, pooling="max", energy_distance=7)),
    "3_b_1": ("checkerboard", _LAWS_BOARD),
    "3_b_2": ("checkerboard", replace(_LAWS_BOARD, pooling="max")),
    "3_b_3": ("checkerboard", replace(_LAWS_BOARD, pooling="max", energy_distance=7)),
    "3_c_1": ("checkerboard", _LAWS_PLANE),
    "3_c_2": ("checkerboard", replace(_LAWS_PLANE, pooling="max")),
    "3_c_3": ("checkerboard", replace(_LAWS_PLANE, pooling="max", energy_distance=7)),
    "4_a_1": ("impulse", replace(_GABOR_IMPULSE, angle=60.0)),
    "4_a_2": (
        "impulse",
        replace(_GABOR_IMPULSE, angle_step=45.0, orthogonal_planes=True, pooling="average"),
    ),
    "4_b_1": ("sphere", replace(_GABOR_SPHERE, angle=225.0)),
    "4_b_2": (
        "sphere",
        replace(_GABOR_SPHERE, angle_step=22.5, orthogonal_planes=True, pooling="average"),
    ),
    "5_a_1": ("impulse", _DAUBECHIES),
    "5_a_2": ("impulse", replace(_DAUBECHIES, pooling="average")),
    "6_a_1": ("sphere", _COIFLET),
    "6_a_2": ("sphere", replace(_COIFLET, pooling="average")),
    "7_a_1": ("checkerboard", _HAAR),
    "7_a_2": ("checkerboard", replace(_HAAR, passes="HHH")),
    "8_a_1": ("checkerboard", _SIMONCELLI),
    "8_a_2": ("checkerboard", replace(_SIMONCELLI, level=2)),
    "8_a_3": ("checkerboard", replace(_SIMONCELLI, level=3)),
    "9_a": ("impulse", _RIESZ_LOG),
    "9_b_1": ("sphere", replace(_RIESZ_LOG, boundary="periodic", riesz_orders=(0, 2, 0))),
    "10_b_1": ("pattern_1", replace(_SIMONCELLI, riesz_orders=(0, 2, 0))),
}
RESPONSE_MAPS: Mapping[str, tuple[str, Filter]] = MappingProxyType(_MAPS)

# The CT for filtered features, soft tissue and lung: A on its own grid and slice by slice, B on
# voxels of 1 mm and in the volume. Simoncelli's wavelet is periodic, as the consensus is.
_POLICY_A = Policy(
    name="ibsi2_a",
    round_intensities=True,
    resegmentation_range=(-1000.0, 400.0),
    discretisation=FixedBinNumber(32),
    families=("statistics",),
)
FILTERED_POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "A": _POLICY_A,
        "B": replace(
            _POLICY_A, name="ibsi2_b", spacing=(1.0, 1.0, 1.0), image_interpolator="spline"
        ),
    }
)
_WAVELET = Filter("wavelet", wavelet="db3", passes="LH", pooling="average")
_LAWS = Filter("laws", kernels=("L5", "E5"), pooling="max", energy_distance=7)
_GABOR = Filter("gabor", sigma=5.0, wavelength=2.0, gamma=1.5, angle_step=22.5)
FILTERED_FEATURES: Mapping[str, Filter | None] = MappingProxyType(
    {
        "1.A": None,
        "1.B": None,
        "2.A": Filter("mean", support=5, in_plane=True),
        "2.B": Filter("mean", support=5),
        "3.A": Filter("log", sigma=1.5, in_plane=True),
        "3.B": Filter("log", sigma=1.5),
        "4.A": replace(_LAWS, in_plane=True),
        "4.B": replace(_LAWS, kernels=("L5", "E5", "E5")),
        "5.A": replace(_GABOR, in_plane=True),
        "5.B": replace(_GABOR, orthogonal_planes=True),
        "6.A": replace(_WAVELET, in_plane=True),
        "6.B": replace(_WAVELET, passes="LLH"),
        "7.A": replace(_WAVELET, passes="HH", level=2, in_plane=True),
        "7.B": replace(_WAVELET, passes="HHH", level=2),
        "8.A": replace(_SIMONCELLI, in_plane=True),
        "8.B": _SIMONCELLI,
        "9.A": replace(_SIMONCELLI, level=2, in_plane=True),
        "9.B": replace(_SIMONCELLI, level=2),
    }
)
