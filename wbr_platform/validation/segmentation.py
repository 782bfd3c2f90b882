"""Segmentation against independent references: organs, contours, measures, simulated truth."""

from __future__ import annotations

from pathlib import Path

from wbr_platform.validation import (
    segmentation_contours,
    segmentation_measures,
    segmentation_regions,
    segmentation_simulated,
)
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport

NAME = "segmentation"


def validate_segmentation(data: Path | None = None) -> ValidationReport:
    """Compare regions, lesion methods and comparison measures with their references.

    ``data`` is the root of all reference data; None: found by
    :func:`~wbr_platform.validation.reference_folder.reference_folder`. A data set that is absent
    is a row that failed.

    Raises Refusal REFERENCE_DATA_MISSING when there is no such folder.
    """
    root = reference_folder(data)
    return ValidationReport(
        NAME,
        (
            *segmentation_regions.statistics_rows(root),
            *segmentation_measures.rows(),
            *segmentation_contours.rows(root),
            *segmentation_simulated.rows(),
            *segmentation_regions.classical_rows(root),
            *segmentation_regions.derived_rows(root),
        ),
    )
