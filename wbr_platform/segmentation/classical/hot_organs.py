"""Bladder, kidneys and heart uptake: hot things of the right place, size and density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.classical.air import Chest
from wbr_platform.segmentation.classical.working import WorkingScan

HU_SLACK = 20.0  # of single voxels, for noise
SEED_STEPS = (1.0, 1.25, 1.5, 2.0, 3.0)  # higher seeds are tried when nothing fits


@dataclass(frozen=True)
class Window:
    """Where an organ's uptake may be and what it is like.

    ``x_mm`` from the midline (left is positive), ``below_mm`` under the lungs' base (negative:
    above), ``depth`` as a share of the body's depth from the front; ``seed_suv`` must be reached
    and ``share`` of the component's 95th percentile is its border; ``volume_ml`` and mean ``hu``.
    """

    x_mm: tuple[float, float]
    below_mm: tuple[float, float]
    depth: tuple[float, float]
    seed_suv: float
    share: float
    volume_ml: tuple[float, float]
    hu: tuple[float, float]


WINDOWS = {
    "kidney_left": Window((20, 115), (-70, 190), (0.45, 1.0), 2.4, 0.5, (40, 350), (0, 260)),
    "kidney_right": Window((-115, -20), (-70, 210), (0.45, 1.0), 2.4, 0.5, (40, 350), (0, 260)),
    "urinary_bladder": Window((-60, 60), (230, 520), (0.1, 0.75), 5.0, 0.4, (10, 1200), (-25, 45)),
    "heart": Window((-30, 100), (-130, 10), (0.1, 0.6), 5.0, 0.45, (60, 700), (0, 250)),
}


def find_hot_organs(
    scan: WorkingScan, body: BoolArray, chest: Chest, taken: BoolArray
) -> dict[str, BoolArray]:
    """The organs of ``WINDOWS`` that are found; nothing without PET or without lungs to go by."""
    heights = np.flatnonzero(chest.lungs.any(axis=(1, 2)))
    if scan.suv is None or not heights.size:
        return {}
    places = _Places.of(scan, body, int(heights[0]))
    found: dict[str, BoolArray] = {}
    for name, window in WINDOWS.items():
        mask = _find(scan, scan.suv, places.within(window) & ~taken, window)
        if mask is not None:
            found[name] = mask
            taken = taken | mask
    return found


@dataclass(frozen=True)
class _Places:
    """Coordinates of the voxels in terms of the body."""

    x: NDArray[Any]
    below: NDArray[Any]
    depth: NDArray[np.float32]
    body: BoolArray

    @classmethod
    def of(cls, scan: WorkingScan, body: BoolArray, base: int) -> _Places:
        columns = np.argwhere(body.any(axis=(0, 1)))[:, 0]
        middle = float(np.median(np.argwhere(body)[:, 2])) if columns.size else 0.0
        rows = np.arange(body.shape[1])
        occupied = body.any(axis=2)
        front = np.where(occupied, rows, body.shape[1]).min(axis=1)
        back = np.where(occupied, rows, -1).max(axis=1)
        length = np.maximum(back - front, 1)
        depth = (rows[None, :] - front[:, None]) / length[:, None]
        return cls(
            (np.arange(body.shape[2]) - middle) * scan.spacing[2],
            (base - np.arange(body.shape[0])) * scan.spacing[0],
            depth.astype(np.float32),
            body,
        )

    def within(self, window: Window) -> BoolArray:
        x = (self.x >= window.x_mm[0]) & (self.x <= window.x_mm[1])
        z = (self.below >= window.below_mm[0]) & (self.below <= window.below_mm[1])
        y = (self.depth >= window.depth[0]) & (self.depth <= window.depth[1])
        return np.asarray(self.body & z[:, None, None] & y[:, :, None] & x[None, None, :])


def _find(
    scan: WorkingScan, suv: NDArray[np.float32], where: BoolArray, window: Window
) -> BoolArray | None:
    """The hot component of the greatest total uptake that fits; None when none does.

    A component that is too large has run into a neighbour: a higher border is tried.
    """
    where = where & (scan.hu >= window.hu[0] - HU_SLACK) & (scan.hu <= window.hu[1] + HU_SLACK)
    best: BoolArray | None = None
    most = 0.0
    for seed_suv in (window.seed_suv * step for step in SEED_STEPS):
        labels, _ = ndimage.label(where & (suv >= seed_suv))
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            mask = labels[box] == label
            if np.count_nonzero(mask) * scan.voxel_ml < 0.2 * window.volume_ml[0]:
                continue
            grown = _grown(scan, suv, where, labels == label, window)
            if grown is not None and float(suv[grown].sum()) > most:
                best, most = grown, float(suv[grown].sum())
        if best is not None:
            return best
    return None


def _grown(
    scan: WorkingScan,
    suv: NDArray[np.float32],
    where: BoolArray,
    seed: BoolArray,
    window: Window,
) -> BoolArray | None:
    """A seed grown to its border; None when no border gives the organ's volume and density."""
    top = float(np.percentile(suv[seed], 95))
    for share in np.arange(window.share, 0.85, 0.1):
        mask = _connected(where & (suv >= share * top), seed)
        volume = np.count_nonzero(mask) * scan.voxel_ml
        if volume < window.volume_ml[0]:
            return None
        if volume <= window.volume_ml[1]:
            density = float(np.median(scan.hu[mask]))
            return mask if window.hu[0] <= density <= window.hu[1] else None
    return None


def _connected(mask: BoolArray, seed: BoolArray) -> BoolArray:
    labels, _ = ndimage.label(mask)
    wanted = np.unique(labels[seed])
    return np.isin(labels, wanted[wanted > 0])
