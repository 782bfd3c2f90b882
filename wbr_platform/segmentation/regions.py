"""The catalogue of regions: which regions a study has, in which layer, where and how large.

A layer is one label map in which regions do not overlap:

- ``organs``: the organs, and structures that are no organ (names that begin with "other_");
- ``healthy``: organs without the lesions of the primary algorithm;
- ``lesions``: the lesions of the primary algorithm;
- ``tumour``: all these lesions as one region.

A layer exists only when it is known: without organs neither ``organs`` nor ``healthy``, without
any lesion algorithm neither ``healthy``, ``lesions`` nor ``tumour``. A lesion algorithm that found
nothing is knowledge: then ``tumour`` has no voxel and ``healthy`` equals ``organs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.segmentation.components import RegionStatistics, region_statistics
from wbr_platform.segmentation.location import locate_lesions
from wbr_platform.segmentation.painting import SAME_GRID_MM
from wbr_platform.segmentation.segmenter import Grid, Segmentation
from wbr_platform.segmentation.vocabulary import is_organ

TUMOUR = "tumour"
# The first of these that found something is primary.
PRIMARY_ORDER = ("imported_lesions", "suv_4.0")

REGION_COLUMNS: Mapping[str, Any] = {
    "region_id": pl.String,
    "layer": pl.String,
    "kind": pl.String,
    "region": pl.String,
    "label": pl.Int64,
    "organ": pl.String,
    "algorithm": pl.String,
    "algorithm_version": pl.String,
    "grid": pl.String,
    "voxels": pl.Int64,
    "volume_ml": pl.Float64,
    "centroid_x_mm": pl.Float64,
    "centroid_y_mm": pl.Float64,
    "centroid_z_mm": pl.Float64,
    "touches_border": pl.Boolean,
}


@dataclass(frozen=True)
class RegionCatalogue:
    """Label maps by layer, their table (columns of ``regions`` but study_key), and the algorithm
    whose lesions are primary (None when no lesion algorithm was run)."""

    layers: Mapping[str, LabelMap]
    table: pl.DataFrame
    primary_algorithm: str | None

    def region_ids(self, layer: str) -> dict[int, str]:
        """Region id of every label of a layer."""
        rows = self.table.filter(pl.col("layer") == layer)
        return dict(zip(rows["label"], rows["region_id"], strict=True))


def region_id(layer: str, algorithm: str, region: str) -> str:
    """Unique in a study: <layer>/<algorithm>/<region>."""
    return f"{layer}/{algorithm}/{region}"


def primary_lesion_algorithm(lesions: Mapping[str, Segmentation]) -> str | None:
    """imported_lesions where it found something, else suv_4.0, else what was run first."""
    for name in PRIMARY_ORDER:
        if name in lesions and lesions[name].labelmap.array.any():
            return name
    for name in (*reversed(PRIMARY_ORDER), *lesions):
        if name in lesions:
            return name
    return None


def build_regions(
    grid_geometry: Geometry,
    grid: Grid,
    organs: Segmentation | None,
    lesions: Mapping[str, Segmentation],
) -> RegionCatalogue:
    """All layers on one grid, and their table."""
    primary = primary_lesion_algorithm(lesions)
    layers: dict[str, LabelMap] = {}
    rows: list[dict[str, Any]] = []
    organ_map = None if organs is None else _on_grid(organs.labelmap, grid_geometry)
    if organs is not None and organ_map is not None:
        layers["organs"] = organ_map
        rows += _rows("organs", organ_map, organs, grid)
    if primary is not None:
        drawn = lesions[primary]
        lesion_map = _on_grid(drawn.labelmap, grid_geometry)
        if organs is not None and organ_map is not None:
            layers["healthy"] = healthy_organs(organ_map, lesion_map)
            # The healthy part depends on both algorithms, so both versions stand with it.
            version = f"{organs.version}+{primary}.{drawn.version}"
            rows += _rows("healthy", layers["healthy"], replace(organs, version=version), grid)
        layers["lesions"] = lesion_map
        layers["tumour"] = tumour_burden_map(lesion_map)
        places = locate_lesions(lesion_map, organ_map)
        located = {label: place.organ for label, place in places.items() if place is not None}
        rows += _rows("lesions", lesion_map, drawn, grid, located)
        rows += _rows("tumour", layers["tumour"], drawn, grid)
    table = pl.DataFrame(rows, schema=dict(REGION_COLUMNS))
    return RegionCatalogue(layers, table, primary)


def healthy_organs(organs: LabelMap, lesions: LabelMap) -> LabelMap:
    """Organs without lesion voxels; structures that are no organ are left out."""
    labels = {label: name for label, name in organs.labels.items() if is_organ(name)}
    kept = np.zeros(max(organs.labels, default=0) + 1, dtype=organs.array.dtype)
    for label in labels:
        kept[label] = label
    array = kept[organs.array]
    array[lesions.array > 0] = 0
    return LabelMap(array, organs.geometry, labels)


def tumour_burden_map(lesions: LabelMap) -> LabelMap:
    """All lesions as one region."""
    return LabelMap((lesions.array > 0).astype(np.uint16), lesions.geometry, {1: TUMOUR})


def _on_grid(labelmap: LabelMap, geometry: Geometry) -> LabelMap:
    if labelmap.geometry.same_grid(geometry, SAME_GRID_MM):
        return labelmap
    return resample_labels(labelmap, geometry)


def _kind_and_organ(layer: str, name: str) -> tuple[str, str | None]:
    if layer == "tumour":
        return "tumour_burden", None
    if layer == "lesions":
        return "lesion", None
    if not is_organ(name):
        return "other", None
    return ("healthy_organ" if layer == "healthy" else "organ"), name


def _rows(
    layer: str,
    labelmap: LabelMap,
    drawn: Segmentation,
    grid: Grid,
    organ_of: Mapping[int, str] | None = None,
) -> Iterator[dict[str, Any]]:
    statistics = {region.label: region for region in region_statistics(labelmap.array)}
    for label, name in sorted(labelmap.labels.items()):
        kind, organ = _kind_and_organ(layer, name)
        yield {
            "region_id": region_id(layer, drawn.algorithm, name),
            "layer": layer,
            "kind": kind,
            "region": name,
            "label": label,
            "organ": organ if organ_of is None else organ_of.get(label),
            "algorithm": drawn.algorithm,
            "algorithm_version": drawn.version,
            "grid": grid,
            **_place(statistics.get(label), labelmap.geometry),
        }


def _place(region: RegionStatistics | None, geometry: Geometry) -> dict[str, Any]:
    """Size and place of a region; without a voxel it has volume 0 and no place."""
    if region is None:
        return {"voxels": 0, "volume_ml": 0.0, "touches_border": False}
    x, y, z = geometry.index_to_world(region.centroid)[0]
    edges = zip(region.box, geometry.shape, strict=True)
    return {
        "voxels": region.voxels,
        "volume_ml": region.voxels * geometry.voxel_volume_ml,
        "centroid_x_mm": float(x),
        "centroid_y_mm": float(y),
        "centroid_z_mm": float(z),
        "touches_border": any(side.start == 0 or side.stop == size for side, size in edges),
    }
