"""Studies given as NIfTI files with a manifest, ``nifti_studies.csv``, beside them.

Columns: ``patient_id`` (needed), ``study_id``; paths relative to the manifest: ``pet`` (SUVbw),
``ct`` (HU), ``lesion_mask``, ``lesion_mask_ct``, ``organ_mask``; and ``sex``, ``age_years``,
``weight_kg``, ``height_m``, ``study_date``, ``manufacturer``, ``model``, ``reconstruction``.
The functions ``parse_…`` run in the sandbox.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wbr_platform.dicom.nifti_integrity import check_nifti
from wbr_platform.dicom.parsing import geometry_as_dict
from wbr_platform.dicom.pseudonym import OLDEST_AGE, parse_date
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.imaging.resampling import resample_labels
from wbr_platform.imaging.volume import LabelMap, Unit, Volume
from wbr_platform.refusal import Refusal

MANIFEST_NAME = "nifti_studies.csv"
IMAGE_COLUMNS: Mapping[str, Unit] = {"pet": "SUVbw", "ct": "HU"}
MASK_COLUMNS = ("lesion_mask", "lesion_mask_ct", "organ_mask")
FILE_COLUMNS = (*IMAGE_COLUMNS, *MASK_COLUMNS)
NUMBER_RANGES = {"age_years": (0.0, 130.0), "weight_kg": (0.5, 700.0), "height_m": (0.2, 2.8)}
TEXT_COLUMNS = ("manufacturer", "model", "reconstruction")
MAX_MANIFEST_BYTES = 50_000_000
MAX_ROWS = 100_000
HIGHEST_USUAL_SUV = 500.0  # of the 99.9th percentile; Bq/mL lie a thousand times higher
SAME_GRID_MM = 0.1


def parse_manifest(path: str) -> dict[str, Any]:
    """In the sandbox: the rows of a manifest.

    Returns {"rows": [fields, plus "row": line number], "errors": [[line number, reason code,
    message]]}. Raises Refusal NIFTI_MANIFEST_UNREADABLE.
    """
    if Path(path).stat().st_size > MAX_MANIFEST_BYTES:
        raise Refusal("NIFTI_MANIFEST_UNREADABLE", "the manifest is too large")
    rows: list[dict[str, Any]] = []
    errors: list[tuple[int, str, str]] = []
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            if "patient_id" not in columns or not set(FILE_COLUMNS) & set(columns):
                raise Refusal(
                    "NIFTI_MANIFEST_UNREADABLE",
                    "the manifest needs the column patient_id and one of "
                    + ", ".join(FILE_COLUMNS),
                    "see the documentation of nifti_studies.csv",
                )
            for number, row in enumerate(reader, start=2):
                if number > MAX_ROWS:
                    raise Refusal("NIFTI_MANIFEST_UNREADABLE", "the manifest has too many rows")
                try:
                    rows.append({**_fields(row), "row": number})
                except Refusal as refusal:
                    errors.append((number, refusal.reason_code, refusal.message))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal(
            "NIFTI_MANIFEST_UNREADABLE", "the manifest is not a CSV table in UTF-8"
        ) from error
    return {"rows": rows, "errors": errors}


def _fields(row: Mapping[str, str | None]) -> dict[str, Any]:
    """Typed fields of a row; Refusal NIFTI_MANIFEST_VALUE names the column, never the value."""
    values = {key: (row.get(key) or "").strip() for key in (*FILE_COLUMNS, *TEXT_COLUMNS)}
    fields: dict[str, Any] = {key: value for key, value in values.items() if value}
    fields["patient_id"] = (row.get("patient_id") or "").strip()
    if not fields["patient_id"]:
        raise Refusal("NIFTI_MANIFEST_VALUE", "patient_id is empty")
    if not any(fields.get(column) for column in IMAGE_COLUMNS):
        raise Refusal("NIFTI_MANIFEST_VALUE", "neither pet nor ct is given")
    fields["study_date"] = (row.get("study_date") or "").strip()
    if fields["study_date"] and parse_date(fields["study_date"]) is None:
        raise Refusal("NIFTI_MANIFEST_VALUE", "study_date is no date")
    fields["study_id"] = (row.get("study_id") or "").strip() or fields["study_date"]
    sex = (row.get("sex") or "").strip().upper()
    if sex not in ("", "M", "F", "O"):
        raise Refusal("NIFTI_MANIFEST_VALUE", "sex is not M, F or O")
    fields["sex"] = sex or None
    for column, (low, high) in NUMBER_RANGES.items():
        fields[column] = _number(column, (row.get(column) or "").strip(), low, high)
    if fields["age_years"] is not None:
        fields["age_years"] = min(fields["age_years"], OLDEST_AGE)
    return fields


def _number(column: str, value: str, low: float, high: float) -> float | None:
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise Refusal("NIFTI_MANIFEST_VALUE", f"{column} is not a number from {low} to {high}")
    return number


def file_beside(manifest: Path, relative: str, names: Mapping[str, str] | None) -> Path:
    """The file that a manifest names; it must lie below the manifest's folder, without links.

    ``names`` says, for an extracted archive, which file stands for which entry.
    Raises Refusal NIFTI_PATH_OUTSIDE or NIFTI_FILE_MISSING.
    """
    wanted = PurePosixPath(relative.replace("\\", "/"))
    if wanted.is_absolute() or ".." in wanted.parts:
        raise Refusal("NIFTI_PATH_OUTSIDE", "a path of the manifest leaves its folder")
    if names is None:
        path = manifest.parent / wanted
        if path.is_file() and not path.resolve().is_relative_to(manifest.parent.resolve()):
            raise Refusal("NIFTI_PATH_OUTSIDE", "a path of the manifest leaves its folder")
    else:
        entry = str(PurePosixPath(names[manifest.name]).parent / wanted)
        by_entry = {str(PurePosixPath(original)): flat for flat, original in names.items()}
        path = manifest.parent / by_entry.get(entry, "missing")
    if not path.is_file():
        raise Refusal(
            "NIFTI_FILE_MISSING", "a file of the manifest does not exist", "check the paths"
        )
    return path


def parse_nifti_image(path: str, column: str) -> dict[str, Any]:
    """In the sandbox: one image: {"array", "geometry"}.

    Raises Refusal NIFTI_UNREADABLE, NIFTI_NOT_3D, NIFTI_NOT_FINITE, NIFTI_NOT_SUV, NIFTI_NOT_HU.
    """
    volume = _checked_image(path, column)
    return {"array": volume.array, "geometry": geometry_as_dict(volume.geometry)}


def _checked_image(path: str, column: str) -> Volume:
    check_nifti(Path(path))
    volume = read_volume(Path(path), IMAGE_COLUMNS[column])
    if not np.isfinite(volume.array).all():
        raise Refusal("NIFTI_NOT_FINITE", f"the {column} image holds values that are no numbers")
    if column == "pet" and float(np.percentile(volume.array, 99.9)) > HIGHEST_USUAL_SUV:
        raise Refusal(
            "NIFTI_NOT_SUV", "the PET's values are far too high for SUVbw", "convert it to SUVbw"
        )
    if column == "ct" and float(volume.array.min()) >= 0:
        raise Refusal(
            "NIFTI_NOT_HU", "the CT has no negative value: not Hounsfield units", "convert it to HU"
        )
    return volume


def _checked_labels(path: str) -> LabelMap:
    check_nifti(Path(path))
    return read_labelmap(Path(path))


def parse_nifti_masks(files: Mapping[str, str]) -> dict[str, Any]:
    """In the sandbox: all masks of a study, each on the grid of its PET or CT.

    A mask on neither grid is resampled onto the PET's (``lesion_mask_ct``: the CT's), with a note.
    Returns {"masks": [{"name", "column", "notes", "bits", "geometry"}]}.
    """
    images = {
        column: _checked_image(files[column], column).geometry
        for column in IMAGE_COLUMNS
        if column in files
    }
    masks: list[dict[str, Any]] = []
    for column in MASK_COLUMNS:
        if column not in files:
            continue
        labelmap = _checked_labels(files[column])
        home = "ct" if column == "lesion_mask_ct" and "ct" in images else next(iter(images))
        order = sorted(images, key=lambda name: name != home)
        notes = [column]
        same = [n for n in order if labelmap.geometry.same_grid(images[n], SAME_GRID_MM)]
        if same:
            labelmap = LabelMap(labelmap.array, images[same[0]], labelmap.labels)
        else:
            labelmap = resample_labels(labelmap, images[home])
            notes.append(f"resampled_to_{home}")
        masks.extend(
            {
                "name": _mask_name(column, label, name, len(labelmap.labels)),
                "column": column,
                "notes": notes,
                "bits": np.packbits(labelmap.array == label),
                "geometry": geometry_as_dict(labelmap.geometry),
            }
            for label, name in sorted(labelmap.labels.items())
        )
    return {"masks": masks}


def _mask_name(column: str, label: int, name: str, labels: int) -> str:
    """Names in lesion columns say "lesion", whatever the label is called (or not called)."""
    if column == "organ_mask":
        return name
    if name == f"label_{label}":
        return "lesion" if labels == 1 else f"lesion_{label}"
    return f"lesion_{name}"


def describe_nifti(files: Mapping[str, str]) -> dict[str, Any]:
    """In the sandbox: {column: {"geometry", "refusal": [code, message, action] or null}}."""
    described: dict[str, Any] = {}
    for column, path in files.items():
        try:
            if column in IMAGE_COLUMNS:
                geometry = _checked_image(path, column).geometry
            else:
                geometry = _checked_labels(path).geometry
            described[column] = {"geometry": geometry_as_dict(geometry), "refusal": None}
        except Refusal as refusal:
            words = [refusal.reason_code, refusal.message, refusal.action]
            described[column] = {"geometry": None, "refusal": words}
    return described
