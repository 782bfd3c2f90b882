"""SUV against independent references: digital objects, real headers, real series, refusals."""

from __future__ import annotations

from pathlib import Path

from wbr_platform.refusal import Refusal
from wbr_platform.validation import suv_objects, suv_series, suv_vectors
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport

NAME = "suv"


def validate_suv(data: Path | None = None) -> ValidationReport:
    """Compare SUV with its references.

    ``data`` is a folder of digital reference objects (``expected_suv.csv``, ``DRO_mask.nii.gz``
    and an archive or folder for each object), or the root of all reference data, which adds real
    header vectors, real series, and headers that have to be refused. None: the root, found by
    :func:`~wbr_platform.validation.reference_folder.reference_folder`.

    Raises Refusal REFERENCE_DATA_MISSING when the folder holds neither.
    """
    folder = reference_folder(data)
    if (folder / suv_objects.EXPECTED).is_file():
        return ValidationReport(NAME, tuple(suv_objects.rows(folder)))
    if not (folder / suv_objects.FOLDER / suv_objects.EXPECTED).is_file():
        raise Refusal(
            "REFERENCE_DATA_MISSING",
            f"the folder holds neither {suv_objects.EXPECTED} nor {suv_objects.FOLDER}",
            "give the folder of the objects, or the root of the reference data",
        )
    return ValidationReport(
        NAME,
        (
            *suv_objects.rows(folder / suv_objects.FOLDER),
            *suv_vectors.rows(folder / suv_vectors.FOLDER),
            *suv_series.ge_whole_body_rows(folder),
            *suv_series.lutetium_rows(folder),
            *suv_objects.refusal_rows(folder / suv_objects.FOLDER),
        ),
    )
