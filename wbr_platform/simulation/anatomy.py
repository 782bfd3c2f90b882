"""The reference anatomy, read from tables, and its fit to one patient.

Coordinates of the tables: LPS mm (x to the patient's left, y to the back, z to the head) of a
person of 1.72 m and 72 kg lying supine with arms up; z = 0 between T12 and L1. Proportions and
volumes follow ICRP publication 89 (reference values for adults); uptakes are typical of
[18F]FDG at one hour. Names are TotalSegmentator's class names where that has the structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.simulation.patient import Habitus
from wbr_platform.simulation.shapes import Capsule, Ellipsoid, Point, Shape, Tube

REFERENCE_HEIGHT_M = 1.72
REFERENCE_WEIGHT_KG = 72.0
MUSCLE, FAT, CAVITY = "skeletal_muscle", "subcutaneous_fat", "abdominal_fat"
# Tissue of the trunk that fills what no organ takes: HU, SUV, system of the network.
TISSUES: Mapping[str, tuple[float, float]] = {
    FAT: (-100.0, 0.30),
    MUSCLE: (55.0, 0.70),
    CAVITY: (-40.0, 0.55),
}
FAT_SHARE = {"head": 0.25, "arm": 0.4, "thigh": 1.0}  # of the trunk's fat thickness
RIBS = range(2, 11)


@dataclass(frozen=True)
class Structure:
    """A structure of the anatomy, painted in the order of the table.

    ``system`` is the node of the organ network that drives its uptake (None: follows nothing),
    ``loading`` the correlation of its log SUV with that node and ``log_sd`` its standard deviation.
    """

    name: str
    labelled: bool
    hu: float
    suv: float
    system: str | None
    loading: float | None
    log_sd: float | None


@cache
def table(name: str) -> pl.DataFrame:
    """One of the package's data tables by file name."""
    text = files("wbr_platform.simulation").joinpath(name).read_bytes()
    return pl.read_csv(text, infer_schema_length=None)


@cache
def records(name: str) -> tuple[Mapping[str, Any], ...]:
    """The rows of one of the package's data tables."""
    return tuple(table(name).iter_rows(named=True))


@cache
def structures() -> tuple[Structure, ...]:
    """All structures in painting order, the filling tissues first."""
    filling = (
        Structure(FAT, True, *TISSUES[FAT], "fat", 1.0, 0.18),
        Structure(MUSCLE, True, *TISSUES[MUSCLE], "muscle", 1.0, 0.15),
        Structure(CAVITY, False, *TISSUES[CAVITY], None, None, None),
    )
    rows = records("anatomy.csv")
    return filling + tuple(
        Structure(
            row["structure"],
            row["labelled"] == "yes",
            float(row["hu"]),
            float(row["suv"]),
            row["system"],
            row["loading"],
            row["log_sd"],
        )
        for row in rows
    )


@cache
def organ_labels() -> Mapping[int, str]:
    """Label numbers of the organ map: 1, 2, … in the order of the table."""
    labelled = [structure.name for structure in structures() if structure.labelled]
    return dict(enumerate(labelled, start=1))


@dataclass(frozen=True)
class PatientAnatomy:
    """The anatomy of one patient: shapes in patient coordinates (LPS, mm).

    ``skin`` and ``lean`` bound the body and what lies below its fat, ``cavity`` the room of the
    inner organs; ``organs`` maps each structure to the shapes whose union it is.
    """

    skin: tuple[Shape, ...]
    lean: tuple[Shape, ...]
    cavity: tuple[Shape, ...]
    organs: Mapping[str, tuple[Shape, ...]]

    def organ_at(self, point: Point) -> str | None:
        """The labelled organ at a point, as painted (the last of the table wins)."""
        z, y, x = (np.full((1, 1, 1), v, np.float32) for v in point[::-1])
        found = None
        for structure in structures():
            for shape in self.organs.get(structure.name, ()):
                if _may_hold(shape, point) and shape.distance((z, y, x)).item() < 0:
                    found = structure.name if structure.labelled else None
        return found


def _may_hold(shape: Shape, point: Point) -> bool:
    low, high = shape.bounds()
    return all(a <= v <= b for a, v, b in zip(low, point, high, strict=True))


def fit_anatomy(habitus: Habitus) -> PatientAnatomy:
    """The reference anatomy scaled, jittered and placed for one patient."""
    raw: dict[str, list[Shape]] = {}
    for row in records("shapes.csv"):
        raw.setdefault(row["structure"], []).append(_shape(row, habitus))
    raw["rib"] = _ribs(habitus)
    limbs = {name: tuple(raw.pop(name)) for name in FAT_SHARE}
    lean = (_tube("body", habitus, 0.0), *(s for shapes in limbs.values() for s in shapes))
    skin: list[Shape] = [_tube("body", habitus, habitus.fat_mm)]
    for name, shapes in limbs.items():
        skin.extend(_inflated(shape, habitus.fat_mm * FAT_SHARE[name]) for shape in shapes)
    return PatientAnatomy(
        tuple(skin),
        lean,
        (_tube("cavity", habitus, 0.0),),
        {name: tuple(shapes) for name, shapes in raw.items()},
    )


def _place(point: Point, habitus: Habitus, shift: Point = (0.0, 0.0, 0.0)) -> Point:
    transverse, axial = habitus.transverse_scale, habitus.axial_scale
    x, y, z = (p + s for p, s in zip(point, shift, strict=True))
    left, back, up = habitus.position
    return x * transverse + left, y * transverse + back, z * axial + up


def _shape(row: Mapping[str, Any], habitus: Habitus) -> Shape:
    name = str(row["structure"])
    scale = habitus.organ_scales.get(name, 1.0)
    shift = habitus.organ_shifts.get(name, (0.0, 0.0, 0.0))
    across = habitus.transverse_scale * scale
    start = _place((float(row["x"]), float(row["y"]), float(row["z"])), habitus, shift)
    if row["kind"] == "capsule":
        end = _place((float(row["x2"]), float(row["y2"]), float(row["z2"])), habitus, shift)
        return Capsule(start, end, float(row["rx"]) * across, float(row["ry"]) * across)
    radii = (
        float(row["rx"]) * across,
        float(row["ry"]) * across,
        float(row["rz"]) * habitus.axial_scale * scale,
    )
    return Ellipsoid(start, radii, float(row["exponent"]), float(row["tilt_deg"]))


def _tube(part: str, habitus: Habitus, grown_mm: float) -> Tube:
    rows = [row for row in records("outline.csv") if row["part"] == part]
    transverse, axial = habitus.transverse_scale, habitus.axial_scale
    _, back, up = habitus.position
    stations = tuple(
        (
            row["z"] * axial + up,
            row["half_width"] * transverse + grown_mm,
            row["half_depth"] * transverse + grown_mm,
            row["y_centre"] * transverse + back,
        )
        for row in rows
    )
    return Tube(stations, habitus.position[0])


def _inflated(shape: Shape, by_mm: float) -> Shape:
    if isinstance(shape, Capsule):
        return Capsule(shape.start, shape.end, shape.radius_start + by_mm, shape.radius_end + by_mm)
    if isinstance(shape, Ellipsoid):
        a, b, c = shape.radii
        return Ellipsoid(
            shape.centre, (a + by_mm, b + by_mm, c + by_mm), shape.exponent, shape.tilt_degrees
        )
    raise TypeError(f"cannot inflate {type(shape).__name__}")


def _ribs(habitus: Habitus) -> list[Shape]:
    """Ribs as chains of rods on the inner side of the chest wall, falling from back to front."""
    chest = _tube("cavity", habitus, 6.0)
    stations = np.asarray(chest.stations)
    chain: list[Shape] = []
    for rib in RIBS:
        top = 252.0 - 25.0 * (rib - 1)
        turns = np.linspace(0.12 * np.pi, (0.80 if rib < 8 else 0.6) * np.pi, 9)
        for side in (-1.0, 1.0):
            points = []
            for turn in turns:
                z = (top - 62.0 * (1 - np.cos(turn)) / 2) * habitus.axial_scale
                z += habitus.position[2]
                width, depth, middle = (
                    float(np.interp(z, stations[:, 0], stations[:, c])) for c in (1, 2, 3)
                )
                x = habitus.position[0] + side * width * np.sin(turn) ** 0.8
                points.append((x, middle + depth * np.cos(turn), float(z)))
            chain.extend(Capsule(a, b, 5.5, 5.5) for a, b in pairwise(points))
    return chain
