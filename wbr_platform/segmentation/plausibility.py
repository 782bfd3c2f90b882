"""Limits outside which an organ's mask or uptake is more likely a mistake than a patient."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

# mL for whole organs of adults: wide enough for hepatomegaly, splenectomy remnants and athletes.
ORGAN_VOLUME_RANGES_ML: Mapping[str, tuple[float, float]] = {
    "brain": (700, 2000),
    "lung_left": (400, 5000),
    "lung_right": (400, 5500),
    "heart": (250, 1800),
    "liver": (500, 5000),
    "spleen": (30, 3000),
    "kidney_left": (40, 600),
    "kidney_right": (40, 600),
    "stomach": (20, 3000),
    "pancreas": (15, 300),
    "urinary_bladder": (5, 1500),
    "aorta": (30, 800),
}

# SUVbw of FDG in the liver: published means lie near 2.0 to 2.5.
LIVER_SUV_MEAN_RANGE = (0.8, 5.0)


def implausible_volumes(regions: pl.DataFrame) -> pl.DataFrame:
    """Organs (columns study_key, organ, volume_ml, touches_border) outside their limits.

    Organs cut by the edge of the image are judged by the upper limit only.
    """
    limits = pl.DataFrame(
        [(organ, low, high) for organ, (low, high) in ORGAN_VOLUME_RANGES_ML.items()],
        schema={"organ": pl.String, "lowest_ml": pl.Float64, "highest_ml": pl.Float64},
        orient="row",
    )
    too_small = (pl.col("volume_ml") < pl.col("lowest_ml")) & ~pl.col("touches_border")
    too_large = pl.col("volume_ml") > pl.col("highest_ml")
    return (
        regions.join(limits, on="organ")
        .filter(too_small | too_large)
        .select("study_key", "organ", "volume_ml", "lowest_ml", "highest_ml")
        .sort("study_key", "organ")
    )


def implausible_liver_uptake(livers: pl.DataFrame) -> pl.DataFrame:
    """Rows (study_key, value = mean SUVbw of the liver) outside the limits or without a value."""
    low, high = LIVER_SUV_MEAN_RANGE
    return livers.filter(pl.col("value").is_null() | ~pl.col("value").is_between(low, high)).sort(
        "study_key"
    )
