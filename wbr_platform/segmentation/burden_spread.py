"""How much a study's total metabolic tumour volume depends on the method that drew it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from wbr_platform.imaging import LabelMap

SPREAD_COLUMNS = {
    "measure": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "reason": pl.String,
}


def tmtv_ml(lesions: LabelMap) -> float:
    """Volume of all lesions of one method in mL."""
    return int(np.count_nonzero(lesions.array)) * lesions.geometry.voxel_volume_ml


def tmtv_spread(lesions: Mapping[str, LabelMap]) -> pl.DataFrame:
    """The spread of TMTV across methods (by algorithm): one row a measure.

    Methods, least, median, greatest, mean and standard deviation (n - 1) in mL, the coefficient of
    variation and the greatest over the least. Null with a reason where not defined
    (NO_ALGORITHM, ONE_ALGORITHM, NO_TUMOUR).
    """
    volumes = np.array([tmtv_ml(one) for one in lesions.values()], dtype=np.float64)
    none = None if volumes.size else "NO_ALGORITHM"
    few = none or (None if volumes.size > 1 else "ONE_ALGORITHM")
    no_mean = few or (None if volumes.mean() > 0 else "NO_TUMOUR")
    no_least = few or (None if volumes.min() > 0 else "NO_TUMOUR")
    rows = [
        ("tmtv_methods", float(volumes.size), "1", None),
        ("tmtv_least_ml", None if none else float(volumes.min()), "mL", none),
        ("tmtv_median_ml", None if none else float(np.median(volumes)), "mL", none),
        ("tmtv_greatest_ml", None if none else float(volumes.max()), "mL", none),
        ("tmtv_mean_ml", None if none else float(volumes.mean()), "mL", none),
        ("tmtv_sd_ml", None if few else float(volumes.std(ddof=1)), "mL", few),
        ("tmtv_cv", None if no_mean else float(volumes.std(ddof=1) / volumes.mean()), "1", no_mean),
        ("tmtv_ratio", None if no_least else float(volumes.max() / volumes.min()), "1", no_least),
    ]
    return pl.DataFrame(rows, schema=SPREAD_COLUMNS, orient="row")
