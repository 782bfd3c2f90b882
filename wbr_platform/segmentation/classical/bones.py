"""Skeleton, marrow cavity and what the skull encloses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.classical.working import WorkingScan, filled_planes

BONE_GROW_HU, BONE_SEED_HU = 140.0, 240.0
BONE_LEAST_ML = 3.0
RING_RADIUS_MM = 4.0  # gaps of the cortex that are bridged before holes are filled
# A hole of bone is marrow unless it is the spinal canal (watery, near the midline) or the skull's.
HOLE_MOST_MM2 = 1500.0
CANAL_HU = (-20.0, 85.0)
CANAL_LEAST_MM2 = 80.0
CANAL_FROM_MIDLINE_MM = 30.0
CORTEX_MM = 3.0
MARROW_HU = (-150.0, 400.0)
BRAIN_HU = (-10.0, 95.0)
BRAIN_LEAST_ML = 200.0
BRAIN_MOST_ML = 2200.0
SKULL_GAP_MM = 8.0


@dataclass(frozen=True)
class Bones:
    """``whole`` bones with their ``marrow``, and the brain where a skull encloses it."""

    whole: BoolArray
    marrow: BoolArray
    brain: BoolArray


def find_bones(scan: WorkingScan, body: BoolArray, lungs: BoolArray) -> Bones:
    """Bone above 140 HU that is connected to bone above 240 HU, its marrow, and the brain."""
    grown, count = ndimage.label(body & (scan.hu >= BONE_GROW_HU), np.ones((3, 3, 3)))
    sizes = np.bincount(grown.ravel(), minlength=count + 1) * scan.voxel_ml
    seeded = np.unique(grown[(scan.hu >= BONE_SEED_HU) & (grown > 0)])
    dense = np.isin(grown, seeded[sizes[seeded] >= BONE_LEAST_ML])
    whole = dense | _marrow_holes(scan, dense, body)
    inside = scan.shrunk(whole, CORTEX_MM)
    marrow = inside & (scan.hu >= MARROW_HU[0]) & (scan.hu <= MARROW_HU[1])
    return Bones(whole, marrow, _brain(scan, dense, lungs))


def _marrow_holes(scan: WorkingScan, dense: BoolArray, body: BoolArray) -> BoolArray:
    """Holes of the closed cortex, plane by plane, that are neither canal nor skull."""
    closed = scan.closed(dense, RING_RADIUS_MM)
    holes = filled_planes(closed) & ~dense
    area_mm2 = scan.spacing[1] * scan.spacing[2]
    marrow = np.zeros_like(dense)
    for plane in np.flatnonzero(holes.any(axis=(1, 2))).tolist():
        parts, count = ndimage.label(holes[plane])
        numbers = np.arange(1, count + 1)
        areas = ndimage.sum_labels(holes[plane], parts, numbers) * area_mm2
        means = ndimage.mean(scan.hu[plane], parts, numbers)
        columns = np.array([c[1] for c in ndimage.center_of_mass(parts > 0, parts, numbers)])
        middle = float(np.median(np.argwhere(body[plane])[:, 1]))
        central = np.abs(columns - middle) * scan.spacing[2] < CANAL_FROM_MIDLINE_MM
        watery = (means > CANAL_HU[0]) & (means < CANAL_HU[1]) & (areas >= CANAL_LEAST_MM2)
        kept = numbers[(areas <= HOLE_MOST_MM2) & ~(central & watery)]
        marrow[plane] = np.isin(parts, kept)
    return marrow


def _brain(scan: WorkingScan, dense: BoolArray, lungs: BoolArray) -> BoolArray:
    """The largest soft thing that bone encloses in axial planes, above the lungs."""
    ring = scan.closed(dense, SKULL_GAP_MM)
    holes = filled_planes(ring) & ~dense
    heights = np.flatnonzero(lungs.any(axis=(1, 2)))
    if heights.size:
        holes[: int(heights[-1]) + 1] = False
    soft = holes & (scan.hu >= BRAIN_HU[0]) & (scan.hu <= BRAIN_HU[1])
    brain = scan.largest(scan.opened(soft, 2 * max(scan.spacing)))
    volume = np.count_nonzero(brain) * scan.voxel_ml
    if not BRAIN_LEAST_ML <= volume <= BRAIN_MOST_ML:
        return np.zeros_like(dense)
    return scan.closed(brain, RING_RADIUS_MM) & ~dense
