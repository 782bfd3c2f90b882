"""PERCIST's reference regions without masks of liver and aorta: found by place and evenness."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from wbr_platform.imaging import Volume
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.classical.air import Chest
from wbr_platform.segmentation.classical.bones import Bones
from wbr_platform.segmentation.classical.working import WorkingScan
from wbr_platform.segmentation.reference_regions import (
    ReferenceRegion,
    cylinder_in,
    sphere_in,
)

SOFT_HU = (0.0, 220.0)
# The liver's core: soft tissue at least this far from fat, air, bone and lung.
LIVER_CORE_MM = 17.0
LIVER_BELOW_DOME_MM = 170.0
AORTA_BESIDE_SPINE_MM = (-12.0, 45.0)  # to the left of the vertebra's middle
AORTA_BEFORE_SPINE_MM = (-25.0, 45.0)
AORTA_RADIUS_MM = 7.0
HU_TO_DENSITY = 1000.0


def liver_reference(scan: WorkingScan, body: BoolArray, chest: Chest) -> ReferenceRegion | None:
    """A 3 cm sphere in the deepest even soft tissue below the right lung."""
    heights = np.flatnonzero(chest.right.any(axis=(1, 2)))
    if not heights.size:
        return None
    soft = body & (scan.hu >= SOFT_HU[0]) & (scan.hu <= SOFT_HU[1]) & ~chest.lungs
    # Under the lung: below a column of the right lung, and no further than the liver reaches.
    dome = chest.right.any(axis=0)
    lowest = np.where(dome, np.argmax(chest.right, axis=0), -1)
    planes = np.arange(body.shape[0])[:, None, None]
    reach = int(LIVER_BELOW_DOME_MM / scan.spacing[0])
    under = (planes < lowest) & (planes >= lowest - reach)
    smooth = ndimage.uniform_filter(np.where(soft, scan.hu, -1000.0), 3)
    core = scan.shrunk(soft & (smooth > SOFT_HU[0]), LIVER_CORE_MM) & under
    core = scan.largest(core)
    if not core.any():
        return None
    organ = scan.grown(core, LIVER_CORE_MM) & soft
    image = _image(scan)
    return sphere_in(image, organ, plausible=_plausible(image, (0.8, 5.0), (20.0, 200.0)))


def blood_reference(
    scan: WorkingScan, body: BoolArray, chest: Chest, bones: Bones
) -> ReferenceRegion | None:
    """A cylinder in the descending thoracic aorta, to the left and in front of the spine."""
    if not chest.split:
        return None
    soft = body & (scan.hu >= SOFT_HU[0]) & (scan.hu <= 400.0) & ~bones.whole & ~chest.lungs
    aorta = np.zeros_like(body)
    heights = np.flatnonzero(chest.left.any(axis=(1, 2)) & chest.right.any(axis=(1, 2)))
    low, high = heights[0], heights[-1]
    for plane in range(int(low + 0.15 * (high - low)), int(low + 0.6 * (high - low)) + 1):
        centre = _vertebra(scan, bones, chest, plane)
        if centre is None:
            continue
        y, x = (np.arange(soft.shape[1])[:, None], np.arange(soft.shape[2])[None, :])
        left = (x - centre[1]) * scan.spacing[2]
        before = (centre[0] - y) * scan.spacing[1]
        beside = (left >= AORTA_BESIDE_SPINE_MM[0]) & (left <= AORTA_BESIDE_SPINE_MM[1])
        in_front = (before >= AORTA_BEFORE_SPINE_MM[0]) & (before <= AORTA_BEFORE_SPINE_MM[1])
        window = beside & in_front
        depth = ndimage.distance_transform_edt(soft[plane] & window, sampling=scan.spacing[1:])
        if depth.max() < AORTA_RADIUS_MM:
            continue
        best = np.unravel_index(int(np.argmax(depth)), depth.shape)
        radius = min(float(depth.max()), 13.0)
        distance = np.hypot((y - best[0]) * scan.spacing[1], (x - best[1]) * scan.spacing[2])
        aorta[plane] = distance < radius
    if not aorta.any():
        return None
    image = _image(scan)
    return cylinder_in(image, aorta, plausible=_plausible(image, (0.3, 4.0), (10.0, 400.0)))


def _image(scan: WorkingScan) -> Volume:
    """The PET where there is one, else the CT as density (1000 + HU), whose ratios make sense."""
    if scan.suv is not None:
        return Volume(scan.suv, scan.geometry, "SUVbw")
    return Volume(scan.hu + np.float32(HU_TO_DENSITY), scan.geometry, "1")


def _plausible(
    image: Volume, suv: tuple[float, float], hu: tuple[float, float]
) -> tuple[float, float]:
    if image.unit == "SUVbw":
        return suv
    return hu[0] + HU_TO_DENSITY, hu[1] + HU_TO_DENSITY


def _vertebra(
    scan: WorkingScan, bones: Bones, chest: Chest, plane: int
) -> tuple[float, float] | None:
    """Row and column of the middle of the vertebral body: the bone deepest between the lungs."""
    left, right = (np.argwhere(side[plane])[:, 1] for side in (chest.left, chest.right))
    if not (left.size and right.size):
        return None
    window = np.zeros(bones.whole.shape[1:], dtype=bool)
    middle = (np.median(left) + np.median(right)) / 2
    half = int(30.0 / scan.spacing[2])
    window[:, max(0, int(middle) - half) : int(middle) + half + 1] = True
    rows = np.argwhere(chest.lungs[plane])[:, 0]
    window[: int(np.median(rows))] = False
    depth = ndimage.distance_transform_edt(bones.whole[plane] & window, sampling=scan.spacing[1:])
    if depth.max() < 6.0:
        return None
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(y), float(x)
