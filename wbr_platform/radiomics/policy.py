"""How features are extracted: every choice that changes a value, in one typed object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

FAMILIES = (
    "morphology",
    "local_intensity",
    "statistics",
    "intensity_histogram",
    "intensity_volume_histogram",
    "glcm",
    "glrlm",
    "glszm",
    "gldzm",
    "ngtdm",
    "ngldm",
)
# Not IBSI's; only policies that name it compute it.
LIFEX_FAMILY = "lifex"
AGGREGATIONS_3D = ("3D_avg", "3D_comb", "3D")
AGGREGATIONS_2D = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "2D", "2_5D")


@dataclass(frozen=True)
class FixedBinSize:
    """Grey levels of a fixed width (IBSI Q3RU); the first begins at ``origin``.

    Without an origin it is the lower bound of the re-segmentation range, else the region's minimum.
    Intensities below the origin count as level 1, those beyond ``levels`` bins as the last.
    """

    width: float
    origin: float | None = None
    levels: int | None = None


@dataclass(frozen=True)
class FixedBinNumber:
    """A fixed number of grey levels between the region's minimum and maximum (IBSI K15C)."""

    bins: int


Discretisation: TypeAlias = FixedBinSize | FixedBinNumber


@dataclass(frozen=True)
class Policy:
    """One way to extract features. Lengths are in mm, axes in the order (z, y, x).

    ``spacing``: voxel size of the grid on which everything is computed; None for an axis, or
    altogether, keeps the image's own. ``image_interpolator``: trilinear or cubic B-spline; masks
    are always interpolated linearly and hold where the membership reaches ``mask_threshold``.
    ``ivh_discretisation``: None takes the intensities as they are, in steps of one (calibrated
    discrete units, as HU). ``minimum_texture_voxels``: smaller regions get no texture.
    ``autocorrelation_box_voxels``: Moran's I and Geary's C are exact sums over all pairs of voxels;
    regions whose bounding box is larger get none (REGION_TOO_LARGE).
    ``maximum_grey_levels``: more would mean a discretisation that does not fit the unit.
    """

    name: str
    discretisation: Discretisation
    spacing: tuple[float | None, float | None, float | None] | None = None
    image_interpolator: Literal["linear", "spline"] = "linear"
    mask_threshold: float = 0.5
    round_intensities: bool = False
    resegmentation_range: tuple[float, float] | None = None
    outlier_sigma: float | None = None
    ivh_discretisation: Discretisation | None = None
    families: tuple[str, ...] = FAMILIES
    aggregations: tuple[str, ...] = AGGREGATIONS_3D
    glcm_distance: int = 1
    neighbourhood_distance: int = 1
    ngldm_coarseness: float = 0.0
    minimum_texture_voxels: int = 64
    autocorrelation_box_voxels: int = 50_000
    maximum_grey_levels: int = 1024

    def __post_init__(self) -> None:
        unknown = set(self.families) - set(FAMILIES) - {LIFEX_FAMILY}
        unknown |= set(self.aggregations) - set(AGGREGATIONS_3D) - set(AGGREGATIONS_2D)
        if unknown:
            raise ValueError(f"unknown families or aggregations: {sorted(unknown)}")
        if self.spacing is not None and any(s is not None and s <= 0 for s in self.spacing):
            raise ValueError(f"spacing must be positive, not {self.spacing}")
        if not 0 < self.mask_threshold <= 1:
            raise ValueError(f"mask_threshold lies in (0, 1], not {self.mask_threshold}")
        if min(self.glcm_distance, self.neighbourhood_distance) < 1:
            raise ValueError("distances are at least one voxel")
        for discretisation in (self.discretisation, self.ivh_discretisation):
            if isinstance(discretisation, FixedBinSize) and discretisation.width <= 0:
                raise ValueError("the width of a grey level must be positive")
            if isinstance(discretisation, FixedBinNumber) and discretisation.bins < 1:
                raise ValueError("at least one grey level is needed")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        for key in ("discretisation", "ivh_discretisation"):
            if values[key] is not None:
                values[key]["method"] = type(getattr(self, key)).__name__
        return values

    def to_json(self) -> str:
        """Canonical JSON; :meth:`from_json` gives an equal policy."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """The policy that :meth:`to_json` wrote."""
        values = json.loads(text)
        methods = {"FixedBinSize": FixedBinSize, "FixedBinNumber": FixedBinNumber}
        for key in ("discretisation", "ivh_discretisation"):
            if values[key] is not None:
                method = methods[values[key].pop("method")]
                values[key] = method(**values[key])
        for key in ("spacing", "resegmentation_range", "families", "aggregations"):
            if values[key] is not None:
                values[key] = tuple(values[key])
        return cls(**values)

    @property
    def policy_hash(self) -> str:
        """16 hexadecimal digits that change with any parameter (the name is none)."""
        parameters = {key: value for key, value in self.to_dict().items() if key != "name"}
        canonical = json.dumps(parameters, sort_keys=True).encode()
        return hashlib.sha256(canonical).hexdigest()[:16]


_UNLIMITED = 2**40

# Configurations of the IBSI reference manual, section "Reference data sets".
_DIGITAL_PHANTOM = Policy(
    name="digital_phantom",
    discretisation=FixedBinSize(1.0, origin=1.0),
    aggregations=AGGREGATIONS_3D + AGGREGATIONS_2D,
    minimum_texture_voxels=1,
    autocorrelation_box_voxels=_UNLIMITED,
)
_IBSI_A = Policy(
    name="ibsi_a",
    discretisation=FixedBinSize(25.0),
    resegmentation_range=(-500.0, 400.0),
    aggregations=AGGREGATIONS_2D,
    minimum_texture_voxels=1,
    autocorrelation_box_voxels=_UNLIMITED,
)
_IBSI_B = replace(
    _IBSI_A,
    name="ibsi_b",
    spacing=(None, 2.0, 2.0),
    round_intensities=True,
    discretisation=FixedBinNumber(32),
)
_IBSI_C = replace(
    _IBSI_B,
    name="ibsi_c",
    spacing=(2.0, 2.0, 2.0),
    resegmentation_range=(-1000.0, 400.0),
    discretisation=FixedBinSize(25.0),
    ivh_discretisation=FixedBinSize(2.5),
    aggregations=AGGREGATIONS_3D,
)
_IBSI_D = replace(
    _IBSI_C,
    name="ibsi_d",
    resegmentation_range=None,
    outlier_sigma=3.0,
    discretisation=FixedBinNumber(32),
    ivh_discretisation=None,
)
_IBSI_E = replace(
    _IBSI_D,
    name="ibsi_e",
    image_interpolator="spline",
    resegmentation_range=(-1000.0, 400.0),
    ivh_discretisation=FixedBinNumber(1000),
)
# PET on 4 mm voxels whatever the scanner's: close to what scanners reconstruct (so that noise is
# little changed and 64 voxels are 4 mL) and the same for all; grey levels of 0.25 SUV from 0.
_PET = Policy(
    name="pet_fbs_0.25",
    spacing=(4.0, 4.0, 4.0),
    discretisation=FixedBinSize(0.25, origin=0.0),
    ivh_discretisation=FixedBinSize(0.1, origin=0.0),
)
# CT on 2 mm voxels, as IBSI's configurations; levels of 25 HU from -1000, so that lung and bone
# stay in and levels mean the same in every organ.
_CT = Policy(
    name="ct_fbs_25",
    spacing=(2.0, 2.0, 2.0),
    round_intensities=True,
    discretisation=FixedBinSize(25.0, origin=-1000.0),
)
# LIFEx' defaults for PET: the image's own voxels, 64 levels between 0 and 20 SUV (what is hotter
# has the last), features averaged over the directions, textures from 64 voxels on.
_PET_LIFEX = Policy(
    name="pet_lifex",
    discretisation=FixedBinSize(20.0 / 64, origin=0.0, levels=64),
    ivh_discretisation=FixedBinSize(20.0 / 64, origin=0.0),
    families=(*FAMILIES, LIFEX_FAMILY),
    aggregations=("3D_avg", "3D"),
)
# PyRadiomics' defaults: the image's own voxels, levels of a width of 25, what it has of features.
# Its levels begin at a multiple of the width, ours at the region's minimum: features that depend on
# the levels' borders differ by that.
_PYRADIOMICS = Policy(
    name="pyradiomics_default",
    discretisation=FixedBinSize(25.0),
    families=(
        *("morphology", "statistics", "intensity_histogram"),
        *("glcm", "glrlm", "glszm", "ngtdm", "ngldm"),
    ),
    aggregations=("3D_avg", "3D"),
    minimum_texture_voxels=1,
)
# What the nine teams of IBSI's third phase used on the soft-tissue sarcoma cohort.
_STS_PET = Policy(
    name="sts_pet",
    spacing=(3.0, 3.0, 3.0),
    image_interpolator="spline",
    discretisation=FixedBinSize(0.25, origin=0.0),
    ivh_discretisation=FixedBinSize(0.1, origin=0.0),
    minimum_texture_voxels=1,
    autocorrelation_box_voxels=_UNLIMITED,
)
_STS_CT = Policy(
    name="sts_ct",
    spacing=(1.0, 1.0, 1.0),
    image_interpolator="spline",
    round_intensities=True,
    resegmentation_range=(-200.0, 200.0),
    discretisation=FixedBinSize(10.0),
    minimum_texture_voxels=1,
    autocorrelation_box_voxels=_UNLIMITED,
)

PRESETS: Mapping[str, Policy] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            _PET,
            _CT,
            _PET_LIFEX,
            _PYRADIOMICS,
            _DIGITAL_PHANTOM,
            _IBSI_A,
            _IBSI_B,
            _IBSI_C,
            _IBSI_D,
            _IBSI_E,
            _STS_PET,
            _STS_CT,
        )
    }
)
