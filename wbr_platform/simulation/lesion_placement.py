"""Drawing lesions of a given total volume and placing them where tumours are found."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wbr_platform.simulation.anatomy import PatientAnatomy, records
from wbr_platform.simulation.patient import Habitus, LesionTruth
from wbr_platform.simulation.shapes import Point

MINIMUM_VOLUME_ML = 1.5
MOST_LESIONS = 14
GAP_MM = 16.0  # between surfaces: two voxels of the coarsest PET, so that lesions stay apart
ATTEMPTS = 60
_SURFACE = np.array(
    [
        (x, y, z)
        for x in (-1, 0, 1)
        for y in (-1, 0, 1)
        for z in (-1, 0, 1)
        if (x, y, z) != (0, 0, 0)
    ],
    dtype=np.float64,
)
_SURFACE /= np.linalg.norm(_SURFACE, axis=1, keepdims=True)


def draw_lesions(
    total_ml: float,
    burden_score: float,
    anatomy: PatientAnatomy,
    habitus: Habitus,
    random: np.random.Generator,
) -> tuple[LesionTruth, ...]:
    """Lesions whose volumes add up to about ``total_ml``, named L01 (largest), L02, …

    The number grows with ``burden_score`` (standard score of log TMTV). A lesion for which no free
    place is found is halved until one is, so the true total is the sum over what is returned.
    """
    placed: list[LesionTruth] = []
    level = 7.0 * math.exp(0.25 * float(random.standard_normal()))
    for volume in _volumes(total_ml, burden_score, random):
        lesion = _placed(volume, level, placed, anatomy, habitus, random)
        if lesion is not None:
            placed.append(lesion)
    placed.sort(key=lambda lesion: -lesion.volume_ml)
    return tuple(
        LesionTruth(f"L{number:02d}", *_fields(lesion)) for number, lesion in enumerate(placed, 1)
    )


def _fields(lesion: LesionTruth) -> tuple[str, str | None, Point, Point, float, float, float]:
    return (
        lesion.site,
        lesion.organ,
        lesion.centre,
        lesion.radii,
        lesion.volume_ml,
        lesion.suv_mean,
        lesion.core,
    )


def _volumes(
    total_ml: float, burden_score: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Volumes in mL, the largest first, none below the minimum."""
    wanted = 1 + int(random.poisson(math.exp(1.0 + 0.35 * burden_score)))
    number = max(1, min(wanted, MOST_LESIONS, int(total_ml / (2 * MINIMUM_VOLUME_ML))))
    spare = max(total_ml - number * MINIMUM_VOLUME_ML, 0.0)
    volumes = MINIMUM_VOLUME_ML + spare * random.dirichlet(np.full(number, 1.1))
    return np.asarray(np.sort(volumes)[::-1])


def _placed(
    volume_ml: float,
    level: float,
    others: Sequence[LesionTruth],
    anatomy: PatientAnatomy,
    habitus: Habitus,
    random: np.random.Generator,
) -> LesionTruth | None:
    suv_mean = max(3.2, level * math.exp(0.2 * float(random.standard_normal())))
    stretch = np.exp(random.uniform(-0.15, 0.15, 3))
    stretch /= stretch.prod() ** (1 / 3)
    core = float(random.choice([1.0, 1.35, 0.45])) if volume_ml > 8 else 1.0
    while volume_ml >= MINIMUM_VOLUME_ML / 2:
        radius = (volume_ml * 1000.0 * 3.0 / (4.0 * math.pi)) ** (1 / 3)
        radii = tuple(float(v) for v in radius * stretch)
        for _ in range(ATTEMPTS):
            site, centre = _candidate(radius, habitus, random)
            if _free(centre, max(radii), others) and _inside(centre, radii, anatomy):
                organ = anatomy.organ_at(centre)
                shape = (radii[0], radii[1], radii[2])
                return LesionTruth("", site, organ, centre, shape, volume_ml, suv_mean, core)
        volume_ml /= 2.0
    return None


def _candidate(radius: float, habitus: Habitus, random: np.random.Generator) -> tuple[str, Point]:
    """A site that can hold the radius (the roomiest when none can) and a point in it."""
    scale = habitus.transverse_scale
    sites = records("lesion_sites.csv")
    roomiest = max(site["max_radius"] for site in sites)
    needed = min(radius / scale, roomiest)
    roomy = [site for site in sites if site["max_radius"] >= needed]
    weights = np.array([site["weight"] for site in roomy])
    row = roomy[int(random.choice(len(roomy), p=weights / weights.sum()))]
    spread = random.uniform(-1.0, 1.0, 3)
    left, back, up = habitus.position
    return str(row["site"]), (
        round(float((row["x"] + row["spread_x"] * spread[0]) * scale + left), 2),
        round(float((row["y"] + row["spread_y"] * spread[1]) * scale + back), 2),
        round(float((row["z"] + row["spread_z"] * spread[2]) * habitus.axial_scale + up), 2),
    )


def _free(centre: Point, radius: float, others: Sequence[LesionTruth]) -> bool:
    return all(
        math.dist(centre, other.centre) > radius + max(other.radii) + GAP_MM for other in others
    )


def _inside(centre: Point, radii: Sequence[float], anatomy: PatientAnatomy) -> bool:
    """Whether the lesion's surface lies below the fat, in the trunk or a limb."""
    points = np.asarray(centre) + _SURFACE * np.asarray(radii)
    x, y, z = (points[:, axis].astype(np.float32) for axis in range(3))
    distance = np.min([shape.distance((z, y, x)) for shape in anatomy.lean], axis=0)
    return bool((distance < 0).all())
