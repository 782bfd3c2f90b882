"""Body, lungs and airways: what air and its borders tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.classical.working import WorkingScan, filled_planes

BODY_ABOVE_HU = -300.0
COUCH_RADIUS_MM = 7.0  # plates thinner than twice this are no body
GAP_BELOW_HU = -950.0  # air between the couch and the back, no lung
WALL_GAP_MM = 8.0  # holes of a chest wall thinner than a voxel
LUNG_BELOW_HU = -400.0
LUNG_LEAST_ML = 150.0
# Bowel gas is darker than any lung as a whole.
LUNG_MEDIAN_HU = (-960.0, -450.0)
AIRWAY_BELOW_HU = -850.0
AIRWAY_AREA_MM2 = (50.0, 900.0)
AIRWAY_LEAST_MM = 30.0
VESSEL_RADIUS_MM = 5.0
SPLIT_RADII_MM = (0.0, 3.0, 6.0, 10.0, 15.0)


def find_body(scan: WorkingScan) -> BoolArray:
    """The patient without couch and clothes, holes filled.

    Lungs count before the couch is taken off: a thin chest wall alone would go with it.
    """
    dense = scan.hu > BODY_ABOVE_HU
    holes = filled_planes(scan.closed(dense, WALL_GAP_MM)) & ~dense
    labels, count = ndimage.label(holes)
    if count:
        means = np.concatenate([[0.0], ndimage.mean(scan.hu, labels, np.arange(1, count + 1))])
        dense = dense | ((labels > 0) & (means[labels] > GAP_BELOW_HU))
    core = scan.largest(scan.opened(dense, COUCH_RADIUS_MM), share=0.05)
    near = scan.grown(core, 2 * max(scan.spacing)) & dense
    return filled_planes(near)


@dataclass(frozen=True)
class Chest:
    """Lungs and airways; masks may be empty. ``split`` tells whether the sides were told apart."""

    left: BoolArray
    right: BoolArray
    airways: BoolArray
    split: bool

    @property
    def lungs(self) -> BoolArray:
        """Both."""
        return np.asarray(self.left | self.right)


def find_chest(scan: WorkingScan, body: BoolArray) -> Chest:
    """Lungs from their HU and size, the airways followed down from the trachea."""
    dark = body & (scan.hu < LUNG_BELOW_HU)
    labels, count = ndimage.label(dark)
    lungs = np.zeros_like(body)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * scan.voxel_ml
    for label in (np.flatnonzero(sizes[1:] >= LUNG_LEAST_ML) + 1).tolist():
        mask = labels == label
        if LUNG_MEDIAN_HU[0] <= float(np.median(scan.hu[mask])) <= LUNG_MEDIAN_HU[1]:
            lungs |= mask
    airways = _airways(scan, body, lungs)
    lungs &= ~scan.grown(airways, max(scan.spacing) / 2)
    lungs = scan.opened(lungs, 0.0)
    left, right, split = _sides(scan, lungs, body)
    left, right = (scan.closed(side, VESSEL_RADIUS_MM) & body & ~airways for side in (left, right))
    return Chest(left, right & ~left, airways, split)


def _airways(scan: WorkingScan, body: BoolArray, lungs: BoolArray) -> BoolArray:
    """The trachea and what follows from it downwards, plane by plane, until it gets too wide."""
    airways = np.zeros_like(body)
    air = body & (scan.hu < AIRWAY_BELOW_HU)
    area_mm2 = scan.spacing[1] * scan.spacing[2]
    heights = np.flatnonzero(lungs.any(axis=(1, 2)))
    if not heights.size:
        return airways
    middle = float(np.median(np.argwhere(lungs)[:, 2])) * scan.spacing[2]
    top = min(int(heights[-1]) + int(60.0 / scan.spacing[0]), body.shape[0] - 1)
    track: list[BoolArray] = []
    for plane in range(top, int(heights[0]), -1):
        parts, count = ndimage.label(air[plane])
        if not count:
            if len(track) * scan.spacing[0] >= AIRWAY_LEAST_MM:
                break
            track = []
            continue
        area = np.bincount(parts.ravel()) * area_mm2
        fits = [
            part
            for part in range(1, count + 1)
            if AIRWAY_AREA_MM2[0] / (2 if track else 1) <= area[part] <= AIRWAY_AREA_MM2[1]
        ]
        if track:
            fits = [part for part in fits if (track[-1] & (parts == part)).any()]
        else:
            centres = ndimage.center_of_mass(air[plane], parts, fits) if fits else []
            fits = [
                part
                for part, centre in zip(fits, centres, strict=True)
                if abs(centre[1] * scan.spacing[2] - middle) < 35.0
            ][:1]
        if not fits:
            if len(track) * scan.spacing[0] >= AIRWAY_LEAST_MM:
                break
            track = []
            continue
        track.append(np.isin(parts, fits))
        start = plane
    else:
        start = int(heights[0]) + 1
    if len(track) * scan.spacing[0] >= AIRWAY_LEAST_MM:
        for step, section in enumerate(reversed(track)):
            airways[start + step] = section
    return airways


def _sides(
    scan: WorkingScan, lungs: BoolArray, body: BoolArray
) -> tuple[BoolArray, BoolArray, bool]:
    """The left and the right lung; joined lungs are cut where they are thinnest."""
    nothing = np.zeros_like(lungs)
    if not lungs.any():
        return nothing, nothing, False
    middle = float(np.median(np.argwhere(body)[:, 2]))
    for radius in SPLIT_RADII_MM:
        labels, count = ndimage.label(scan.shrunk(lungs, radius) if radius else lungs)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        big = np.flatnonzero(sizes * scan.voxel_ml >= LUNG_LEAST_ML / 2)
        if not big.size:
            break
        columns = np.array([one[1] for one in _centres(labels, big)])
        if (columns > middle).any() and (columns < middle).any():
            seeds = np.zeros(labels.shape, dtype=np.uint8)
            seeds[np.isin(labels, big[columns > middle])] = 1
            seeds[np.isin(labels, big[columns <= middle])] = 2
            nearest = ndimage.distance_transform_edt(
                seeds == 0, sampling=scan.spacing, return_distances=False, return_indices=True
            )
            side = seeds[tuple(nearest)]
            return lungs & (side == 1), lungs & (side == 2), True
    if float(np.median(np.argwhere(lungs)[:, 2])) > middle:
        return lungs, nothing, False
    return nothing, lungs, False


def _centres(labels, wanted):  # type: ignore[no-untyped-def]
    return [(c[0], c[2]) for c in ndimage.center_of_mass(labels > 0, labels, wanted)]
