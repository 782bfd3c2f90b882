"""Tumour burden and its dissemination over the whole body, from the table of lesions.

No lesion: TMTV, TLG and the count are 0, everything else is null (NO_LESION). One lesion: all
distances are 0.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from wbr_platform.biomarkers.definitions import Measured, biomarker_frame

NO_LESION: Measured = (None, "NO_LESION")


def body_surface_area_m2(height_m: float, weight_kg: float) -> float:
    """Du Bois and Du Bois 1916: 0.007184 W^0.425 H^0.725, W in kg, H in cm; in m²."""
    return 0.007184 * float(weight_kg**0.425) * float((height_m * 100.0) ** 0.725)


def tumour_burden(
    lesions: pl.DataFrame,
    height_m: float | None = None,
    weight_kg: float | None = None,
    algorithm: str | None = None,
) -> pl.DataFrame:
    """Biomarkers of one study from the lesions of one algorithm (columns of ``lesion_table``).

    ``algorithm`` fills the column of that name; by default it is the lesions' own (null when
    there is no lesion). Raises ValueError for lesions of several algorithms.
    """
    named = lesions["algorithm"].unique().to_list()
    if len(named) > 1:
        raise ValueError(f"lesions of several algorithms: {sorted(named)}")
    if algorithm is None and named:
        algorithm = named[0]
    values = {**_amount(lesions), **_dissemination(lesions, height_m, weight_kg)}
    return biomarker_frame(values, algorithm)


def _amount(lesions: pl.DataFrame) -> dict[str, Measured]:
    empty = lesions.is_empty()
    volumes = lesions["mtv_ml"]
    tmtv = float(volumes.sum())
    return {
        "tmtv_ml": (tmtv, None),
        "tlg_ml": (float(lesions["tlg_ml"].sum()), None),
        "lesion_count": (float(lesions.height), None),
        "suv_max": NO_LESION if empty else _greatest(lesions["suv_max"]),
        "suv_peak": NO_LESION if empty else _greatest(lesions["suv_peak"]),
        "largest_lesion_fraction": (
            NO_LESION if empty else (float(volumes.to_numpy().max()) / tmtv, None)
        ),
    }


def _greatest(values: pl.Series) -> Measured:
    if values.null_count() == len(values):
        return None, "NO_VALUE"
    return float(values.drop_nulls().to_numpy().max()), None


def _dissemination(
    lesions: pl.DataFrame, height_m: float | None, weight_kg: float | None
) -> dict[str, Measured]:
    names = ("dmax_mm", "sdmax_per_m", "dmax_bulk_mm", "spread_mm", "spread_bulk_mm")
    if lesions.is_empty():
        return dict.fromkeys(names, NO_LESION)
    distances = centroid_distances_mm(lesions)
    # Ties in volume: the lesion whose name comes first, that is the lowest number.
    bulk = int(np.argmax(lesions["mtv_ml"].to_numpy()))
    dmax = float(distances.max())
    return {
        "dmax_mm": (dmax, None),
        "sdmax_per_m": _standardised(dmax, height_m, weight_kg),
        "dmax_bulk_mm": (float(distances[bulk].max()), None),
        "spread_mm": (float(distances.sum()) / 2.0, None),
        "spread_bulk_mm": (float(distances[bulk].sum()), None),
    }


def centroid_distances_mm(lesions: pl.DataFrame) -> NDArray[np.float64]:
    """Euclidean distances in mm between the centroids of all lesions, a symmetric matrix."""
    points = lesions.select("centroid_x_mm", "centroid_y_mm", "centroid_z_mm").to_numpy()
    return np.asarray(squareform(pdist(points)), dtype=np.float64)


def _standardised(dmax_mm: float, height_m: float | None, weight_kg: float | None) -> Measured:
    if height_m is None or not height_m > 0:
        return None, "HEIGHT_MISSING"
    if weight_kg is None or not weight_kg > 0:
        return None, "WEIGHT_MISSING"
    return dmax_mm / 1000.0 / body_surface_area_m2(height_m, weight_kg), None
