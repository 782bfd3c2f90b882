"""The one table of features: every name, code and unit of the platform comes from ``features.csv``.

A feature's name is the tag of IBSI's reference values, with its aggregation as a suffix
(``cm_joint_entr_3D_comb``). Names in LIFEx (v7 column heads) and PyRadiomics stand with the
aggregation that those programs compute.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from wbr_platform.radiomics.policy import Policy

# In the table for their codes only: IBSI's teams found no consensus on the oriented minimum
# bounding box and the minimum volume enclosing ellipsoid, and the engine does not compute them.
NOT_COMPUTED = frozenset(
    f"morph_{kind}_dens_{shape}" for kind in ("vol", "area") for shape in ("ombb", "mvee")
)

DIALECTS = ("ibsi", "lifex", "pyradiomics")


@dataclass(frozen=True)
class Feature:
    """One row of the table. ``base_name`` is the name without the aggregation."""

    name: str
    base_name: str
    ibsi_code: str
    ibsi_name: str
    family: str
    family_code: str
    aggregation: str
    aggregation_code: str
    unit: str
    standardised: bool
    lifex_name: str | None
    pyradiomics_name: str | None

    def name_in(self, dialect: str) -> str | None:
        """The feature's name in ``ibsi``, ``lifex`` or ``pyradiomics``; None where it has none."""
        names = {
            "ibsi": self.ibsi_name,
            "lifex": self.lifex_name,
            "pyradiomics": self.pyradiomics_name,
        }
        if dialect not in names:
            raise ValueError(f"{dialect!r} is not one of {', '.join(DIALECTS)}")
        return names[dialect]

    def describe(self, dialect: str = "ibsi") -> dict[str, str | None]:
        """What a person wants to see of the feature, with its name in one dialect."""
        return {
            "name": self.name,
            f"{dialect} name": self.name_in(dialect),
            "IBSI code": self.ibsi_code,
            "family": self.family,
            "aggregation": self.aggregation or None,
            "unit": self.unit,
        }


def _read() -> tuple[Feature, ...]:
    text = resources.files("wbr_platform.radiomics").joinpath("features.csv").read_text("utf-8")
    features = []
    for row in csv.DictReader(text.splitlines()):
        standardised = row.pop("standardised") == "yes"
        lifex_name, pyradiomics_name = row.pop("lifex_name"), row.pop("pyradiomics_name")
        features.append(
            Feature(
                **row,
                standardised=standardised,
                lifex_name=lifex_name or None,
                pyradiomics_name=pyradiomics_name or None,
            )
        )
    return tuple(features)


FEATURES: tuple[Feature, ...] = _read()
FEATURES_BY_NAME: Mapping[str, Feature] = MappingProxyType({f.name: f for f in FEATURES})


@cache
def feature_names(policy: Policy) -> tuple[str, ...]:
    """The features that a policy computes, in the table's order."""
    return tuple(
        feature.name
        for feature in FEATURES
        if feature.name not in NOT_COMPUTED
        and feature.family in policy.families
        and (not feature.aggregation or feature.aggregation in policy.aggregations)
    )
