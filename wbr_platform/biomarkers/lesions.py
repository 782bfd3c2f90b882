"""Standard measures of every lesion: SUVmax, SUVmean, SUVpeak, MTV, TLG, place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import ndimage

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import Box, grow_box
from wbr_platform.imaging.neighbourhood import overlap_or_nearest
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.radiomics.local_intensity import local_intensity_peak
from wbr_platform.refusal import Refusal

LESION_COLUMNS: Mapping[str, Any] = {
    "region_id": pl.String,
    "algorithm": pl.String,
    "lesion": pl.String,
    "organ": pl.String,
    "suv_max": pl.Float64,
    "suv_mean": pl.Float64,
    "suv_peak": pl.Float64,
    "mtv_ml": pl.Float64,
    "tlg_ml": pl.Float64,
    "centroid_x_mm": pl.Float64,
    "centroid_y_mm": pl.Float64,
    "centroid_z_mm": pl.Float64,
}

SAME_GRID_MM = 1e-6
# Voxels outside the lesion count for SUVpeak: its 1 mL sphere has a radius of 6.2 mm.
PEAK_MARGIN_MM = 8.0
# Structures with this prefix in an organ label map are no organ.
OTHER_PREFIX = "other_"


def lesion_table(
    pet: Volume, lesions: LabelMap, organs: LabelMap | None, algorithm: str
) -> pl.DataFrame:
    """One row a lesion that has a voxel on the PET, in the order of the labels.

    ``pet`` in SUVbw; ``lesions`` and ``organs`` on any grid. Columns as in the table ``lesions``
    but study_key. ``organ`` is the organ that a lesion overlaps most, else the nearest; null when
    no organ is known or near. Refusal PET_NOT_SUV.
    """
    if pet.unit != "SUVbw":
        raise Refusal("PET_NOT_SUV", f"the PET is in {pet.unit}", "convert it to SUVbw")
    lesions = _on_grid_of(pet, lesions)
    organs = None if organs is None else _on_grid_of(pet, organs)
    boxes = ndimage.find_objects(lesions.array.astype(np.int32))
    rows = [
        _row(pet, lesions, organs, label, boxes[label - 1]) | {"algorithm": algorithm}
        for label in sorted(lesions.labels)
        if label <= len(boxes) and boxes[label - 1] is not None
    ]
    for row in rows:
        row["region_id"] = f"lesions/{algorithm}/{row['lesion']}"
    return pl.DataFrame(rows, schema=dict(LESION_COLUMNS))


def _on_grid_of(pet: Volume, labelmap: LabelMap) -> LabelMap:
    if labelmap.geometry.same_grid(pet.geometry, SAME_GRID_MM):
        return labelmap
    return resample_labels(labelmap, pet.geometry)


def _row(
    pet: Volume, lesions: LabelMap, organs: LabelMap | None, label: int, box: Box
) -> dict[str, Any]:
    geometry = pet.geometry
    inside = lesions.array[box] == label
    values = pet.array[box][inside].astype(np.float64)
    start = [side.start for side in box]
    centroid = geometry.index_to_world(np.argwhere(inside).mean(axis=0) + start)[0]
    volume = values.size * geometry.voxel_volume_ml
    return {
        "lesion": lesions.labels[label],
        "organ": _organ(lesions, organs, label, box),
        "suv_max": float(values.max()),
        "suv_mean": float(values.mean()),
        "suv_peak": _suv_peak(pet, lesions, label, box),
        "mtv_ml": volume,
        "tlg_ml": float(values.mean()) * volume,
        "centroid_x_mm": float(centroid[0]),
        "centroid_y_mm": float(centroid[1]),
        "centroid_z_mm": float(centroid[2]),
    }


def _suv_peak(pet: Volume, lesions: LabelMap, label: int, box: Box) -> float:
    wide = grow_box(box, pet.geometry.shape, pet.geometry.spacing, PEAK_MARGIN_MM)
    start = (wide[0].start, wide[1].start, wide[2].start)
    crop = np.ascontiguousarray(pet.array[wide])
    shape = (crop.shape[0], crop.shape[1], crop.shape[2])
    volume = Volume(crop, pet.geometry.cropped(start, shape), pet.unit)
    return float(local_intensity_peak(volume, lesions.array[wide] == label))


def _organ(lesions: LabelMap, organs: LabelMap | None, label: int, box: Box) -> str | None:
    if organs is None:
        return None
    candidates = [k for k, name in organs.labels.items() if not name.startswith(OTHER_PREFIX)]
    near = overlap_or_nearest(
        lesions.array,
        label,
        box,
        organs.array,
        candidates,
        lesions.geometry.spacing,
    )
    return None if near is None else organs.labels[near.label]
