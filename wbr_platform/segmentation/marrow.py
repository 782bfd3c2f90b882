"""Red marrow: vertebral bodies and pelvis without cortex, without what stands out.

Active marrow of adults lies in spine, pelvis, ribs and sternum; spine and pelvis are thick enough
to be measured on PET. From each bone the rim is taken (spill-over, cortex); with CT, sclerotic and
fatty or cystic voxels are left out by a window of HU; with PET, a vertebra whose mean uptake lies
beyond 3 robust standard deviations of the others is left out (metastasis, fracture, radiation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray, erode
from wbr_platform.refusal import Refusal

BONES = re.compile(
    r"vertebrae_(T\d+|L\d+|S1)|vertebral_bodies|vertebrae|sacrum|hip_(left|right)|hips"
)
WHOLE_SPINE = frozenset({"vertebral_bodies", "vertebrae"})
EROSION_MM = 4.0
# Trabecular bone: neither fat nor cyst below, nor cortex or sclerosis above.
MARROW_HU = (-50.0, 400.0)
OUTLIER_DEVIATIONS = 3.0
OUTLIER_LEAST_SHARE = 0.15  # of the median: smaller differences are no finding
OUTLIER_LEAST_BONES = 4
MAD_TO_SD = 1.4826
LEAST_ML = 5.0


def red_marrow(
    organs: LabelMap, ct: Volume | None, pet: Volume | None
) -> tuple[BoolArray, Mapping[str, float], tuple[str, ...]]:
    """Mask (z, y, x), parameters and remarks; images lie on the organs' grid.

    Raises Refusal BONES_UNKNOWN (no vertebra and no hip bone) or MARROW_TOO_SMALL (below 5 mL).
    """
    parts = {
        name: organs.mask(label) for label, name in organs.labels.items() if BONES.fullmatch(name)
    }
    parts = {name: mask for name, mask in parts.items() if mask.any()}
    if not parts:
        raise Refusal("BONES_UNKNOWN", "there is no mask of vertebrae or hip bones")
    cores = {}
    for name, mask in parts.items():
        core = erode(mask, organs.geometry.spacing, EROSION_MM)
        if ct is not None:
            core &= (ct.array >= MARROW_HU[0]) & (ct.array <= MARROW_HU[1])
        cores[name] = core
    remarks = [f"{len(cores)} bones"]
    if ct is None:
        remarks.append("NO_CT: the window of HU was not applied")
    outliers = _outliers(cores, pet) if pet is not None else ()
    if pet is None:
        remarks.append("NO_PET: outlying vertebrae were not looked for")
    if outliers:
        remarks.append(f"OUTLYING_VERTEBRAE: {', '.join(outliers)} left out")
    marrow = np.zeros(organs.geometry.shape, dtype=bool)
    for name, core in cores.items():
        if name not in outliers:
            marrow |= core
    volume = int(np.count_nonzero(marrow)) * organs.geometry.voxel_volume_ml
    if volume < LEAST_ML:
        raise Refusal("MARROW_TOO_SMALL", f"{volume:.1f} mL of marrow is left")
    parameters = {
        "erosion_mm": EROSION_MM,
        "lowest_hu": MARROW_HU[0],
        "highest_hu": MARROW_HU[1],
        "outlier_deviations": OUTLIER_DEVIATIONS,
    }
    return marrow, parameters, tuple(remarks)


def _outliers(cores: Mapping[str, BoolArray], pet: Volume) -> tuple[str, ...]:
    """Vertebrae whose mean SUV stands out from the others, by median and median deviation."""
    names = [
        name
        for name, core in cores.items()
        if name.startswith("vertebrae_") and name not in WHOLE_SPINE and core.any()
    ]
    if len(names) < OUTLIER_LEAST_BONES:
        return ()
    means: NDArray[np.float64] = np.array([float(pet.array[cores[name]].mean()) for name in names])
    median = float(np.median(means))
    deviation = MAD_TO_SD * float(np.median(np.abs(means - median)))
    limit = max(OUTLIER_DEVIATIONS * deviation, OUTLIER_LEAST_SHARE * median)
    apart = np.abs(means - median) > limit
    return tuple(name for name, far in zip(names, apart, strict=True) if far)
