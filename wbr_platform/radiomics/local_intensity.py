"""Local and global intensity peak: the mean over a sphere of 1 mL (IBSI family 9ST6).

The local peak (VJGA) lies round the region's voxel of highest intensity, the global peak (0F91)
round whichever of its voxels gives the highest mean. Every voxel of the image whose centre lies in
the sphere counts, whether or not it belongs to the region. For SUV the local peak is SUVpeak.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wbr_platform.imaging.volume import Volume
from wbr_platform.radiomics.crop import Box, Margin, cut_padded, grown, tight_box
from wbr_platform.refusal import Refusal

# Radius of a sphere of 1 cm³ in mm.
PEAK_RADIUS_MM = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)

_PLANES = 32


def peak_margin(spacing: tuple[float, float, float]) -> Margin:
    """How many voxels (z, y, x) the sphere reaches from its centre."""
    reach = [int(PEAK_RADIUS_MM // step) for step in spacing]
    return reach[0], reach[1], reach[2]


def sphere_rows(spacing: tuple[float, float, float]) -> NDArray[np.int64]:
    """The sphere as rows (dz, dy, n): n voxels on both sides of the row's middle lie in it."""
    reach_z, reach_y, _ = peak_margin(spacing)
    rows = []
    for dz in range(-reach_z, reach_z + 1):
        for dy in range(-reach_y, reach_y + 1):
            left = PEAK_RADIUS_MM**2 - (dz * spacing[0]) ** 2 - (dy * spacing[1]) ** 2
            if left >= 0:
                rows.append((dz, dy, int(math.sqrt(left) / spacing[2])))
    return np.array(rows, dtype=np.int64)


@njit(cache=True, nogil=True)
def _running_sums(image: Any) -> tuple[Any, Any, bool]:
    """Running sums along x of the intensities and of the voxels inside the image (not NaN).

    The second array is a dummy and the last value False when all voxels are inside.
    """
    depth, height, width = image.shape
    sums = np.empty((depth, height, width + 1), dtype=np.float64)
    outside = 0
    for z in range(depth):
        for y in range(height):
            total = 0.0
            sums[z, y, 0] = 0.0
            for x in range(width):
                value = image[z, y, x]
                inside = value == value
                total += value if inside else 0.0
                outside += 0 if inside else 1
                sums[z, y, x + 1] = total
    if outside == 0:
        return sums, np.zeros((1, 1, 1), dtype=np.float64), False
    counts = np.empty((depth, height, width + 1), dtype=np.float64)
    for z in range(depth):
        for y in range(height):
            number = 0.0
            counts[z, y, 0] = 0.0
            for x in range(width):
                value = image[z, y, x]
                number += 1.0 if value == value else 0.0
                counts[z, y, x + 1] = number
    return sums, counts, True


@njit(cache=True, nogil=True)
def _sphere_sums(sums: Any, rows: Any, z: int, y: int, first: int, last: int, totals: Any) -> None:
    """Sums over the sphere round each voxel x of a row, first ≤ x < last."""
    totals[first:last] = 0.0
    for r in range(rows.shape[0]):
        row = sums[z + rows[r, 0], y + rows[r, 1]]
        half = rows[r, 2]
        left, right = row[first - half : last - half], row[first + half + 1 : last + half + 1]
        target = totals[first:last]
        for k in range(last - first):
            target[k] += right[k] - left[k]


@njit(cache=True, nogil=True)
def _peaks(
    image: Any, mask: Any, rows: Any, first: int, last: int, highest: float, search_all: bool
) -> tuple[float, float]:
    """Local and global peak over the centres in the planes ``first`` to ``last`` - 1."""
    sums, counts, some_outside = _running_sums(image)
    width = mask.shape[2]
    in_sphere = 0.0
    for r in range(rows.shape[0]):
        in_sphere += 2 * rows[r, 2] + 1
    totals, numbers = np.empty(width), np.full(width, in_sphere)
    local_peak, global_peak = -np.inf, -np.inf
    for z in range(first, last):
        for y in range(mask.shape[1]):
            # The part of the row that holds a centre of interest.
            begin, end = width, 0
            for x in range(width):
                if mask[z, y, x] and (search_all or image[z, y, x] == highest):
                    begin, end = min(begin, x), x + 1
            if begin >= end:
                continue
            _sphere_sums(sums, rows, z, y, begin, end, totals)
            if some_outside:
                _sphere_sums(counts, rows, z, y, begin, end, numbers)
            for x in range(begin, end):
                if mask[z, y, x]:
                    mean = totals[x] / numbers[x]
                    global_peak = max(global_peak, mean)
                    if image[z, y, x] == highest:
                        local_peak = max(local_peak, mean)
    return local_peak, global_peak


def intensity_peaks(
    image: NDArray[np.floating[Any]],
    mask: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    search_all: bool = True,
) -> tuple[float, float]:
    """Local and global peak of a crop (z, y, x) whose margin is at least :func:`peak_margin`.

    Voxels beyond the image are NaN and do not count. Several voxels of highest intensity: the
    highest of their means. Without ``search_all`` only the local peak is right. Works through a
    few planes at a time, so that memory stays small for regions as large as the body.
    """
    rows, reach = sphere_rows(spacing), peak_margin(spacing)[0]
    highest = float(image[mask].max())
    local_peak, global_peak = -math.inf, -math.inf
    for start in range(reach, mask.shape[0] - reach, _PLANES):
        stop = min(start + _PLANES, mask.shape[0] - reach)
        part = slice(start - reach, stop + reach)
        found = _peaks(
            image[part],
            mask[part],
            rows,
            reach,
            part.stop - part.start - reach,
            highest,
            search_all,
        )
        local_peak, global_peak = max(local_peak, found[0]), max(global_peak, found[1])
    return local_peak, global_peak


def _peaks_of(volume: Volume, mask: NDArray[np.bool_], search_all: bool) -> tuple[float, float]:
    box = tight_box(mask)
    if box is None:
        raise Refusal("EMPTY_REGION", "an empty region has no intensity peak")
    spacing = volume.geometry.spacing
    wide: Box = grown(box, peak_margin(spacing))
    image = cut_padded(volume.array, wide, np.nan)
    region = cut_padded(mask, wide, False)
    if not np.isfinite(image[region]).all():
        raise Refusal("NOT_FINITE_INTENSITY", "the region holds voxels that are no number")
    return intensity_peaks(image, region, spacing, search_all)


def local_intensity_peak(volume: Volume, mask: NDArray[np.bool_]) -> float:
    """IBSI local intensity peak (VJGA) of a region, in the volume's unit; for SUV, SUVpeak.

    ``mask`` is boolean (z, y, x) on the volume's grid. Refusal EMPTY_REGION when it has no voxel.
    """
    return _peaks_of(volume, mask, search_all=False)[0]


def global_intensity_peak(volume: Volume, mask: NDArray[np.bool_]) -> float:
    """IBSI global intensity peak (0F91) of a region, in the volume's unit.

    ``mask`` is boolean (z, y, x) on the volume's grid. Refusal EMPTY_REGION when it has no voxel.
    """
    return _peaks_of(volume, mask, search_all=True)[1]
