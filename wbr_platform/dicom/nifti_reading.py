"""Studies registered from a NIfTI manifest: their description, images and masks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from wbr_platform.dicom.nifti_studies import IMAGE_COLUMNS
from wbr_platform.dicom.parsing import geometry_from_dict
from wbr_platform.dicom.pseudonym import region_name, shifted_date, technical_text
from wbr_platform.dicom.rows import acquisition_row, present_path, scanner_of, study_row
from wbr_platform.dicom.sandbox import GIB, Limits, run_in_sandbox
from wbr_platform.dicom.vault import Vault
from wbr_platform.imaging.volume import NamedMask, Volume
from wbr_platform.refusal import Refusal

NIFTI_LIMITS = Limits(memory_bytes=6 * GIB, cpu_seconds=600, wall_seconds=900)
_MODALITIES = {"pet": "PT", "ct": "CT"}
_IDENTITY_WORD = re.compile(r"[^\W_]{3,}")


def nifti_rows(
    vault: Vault, record: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], Refusal | None]:
    """The row of ``studies``, the rows of ``acquisitions``, and the refusal of the study if any."""
    described = run_in_sandbox(
        "wbr_platform.dicom.nifti_studies:describe_nifti",
        {"files": _paths(record)},
        vault.workspace,
        NIFTI_LIMITS,
    )
    rows = [_acquisition(vault, record, column, said) for column, said in described.items()]
    refusals = [Refusal(*said["refusal"]) for said in described.values() if said["refusal"]]
    refusal = refusals[0] if refusals else None
    fields = record["fields"]
    shift = vault.pseudonyms.date_shift_days(record["patient_key"])
    study = study_row(
        record,
        refusal,
        study_date=shifted_date(fields["study_date"], shift),
        sex=fields["sex"],
        age_years=fields["age_years"],
        weight_kg=fields["weight_kg"],
        height_m=fields["height_m"],
        has_pet=_usable(described, "pet"),
        has_ct=_usable(described, "ct"),
        mask_sources=sum(column not in IMAGE_COLUMNS for column in described),
    )
    return study, rows, refusal


def _usable(described: Mapping[str, Any], column: str) -> bool:
    return column in described and described[column]["refusal"] is None


def _acquisition(
    vault: Vault, record: Mapping[str, Any], column: str, said: Mapping[str, Any]
) -> dict[str, Any]:
    fields, refused = record["fields"], said["refusal"]
    identity = _identity(record)
    technical = {
        name: technical_text(fields.get(name, ""), identity)
        for name in ("manufacturer", "model", "reconstruction")
    }
    shape, spacing = (None, None, None), (None, None, None)
    if said["geometry"] is not None:
        shape, spacing = said["geometry"]["shape"], said["geometry"]["spacing"]
    role = column if column in IMAGE_COLUMNS else "masks"
    return acquisition_row(
        study_key=record["study_key"],
        series_key=vault.pseudonyms.series_key(f"{record['study_key']} {column}"),
        modality=_MODALITIES.get(column, "SEG"),
        role="unused" if refused else role,
        choice_reason_code=refused[0] if refused else "NIFTI_MANIFEST",
        choice_reason=refused[1] if refused else f"given in the manifest as {column}",
        scanner=scanner_of(technical["manufacturer"], technical["model"]),
        slices=shape[0],
        spacing_z_mm=spacing[0],
        spacing_y_mm=spacing[1],
        spacing_x_mm=spacing[2],
        **technical,
    )


def read_nifti_image(
    vault: Vault, record: Mapping[str, Any], column: Literal["pet", "ct"]
) -> Volume:
    """The PET (SUVbw) or CT (HU) of a manifest's study; Refusal NO_PET or NO_CT without one."""
    files = _paths(record)
    if column not in files:
        raise Refusal(f"NO_{column.upper()}", f"the manifest names no {column} for this study")
    answer = run_in_sandbox(
        "wbr_platform.dicom.nifti_studies:parse_nifti_image",
        {"path": files[column], "column": column},
        vault.workspace,
        NIFTI_LIMITS,
    )
    geometry = geometry_from_dict(answer["geometry"])
    return Volume(answer["array"], geometry, IMAGE_COLUMNS[column])


def read_nifti_masks(vault: Vault, record: Mapping[str, Any]) -> list[NamedMask]:
    """The masks of a manifest's study; their first note is the manifest's column."""
    files = _paths(record)
    if set(files) <= set(IMAGE_COLUMNS):
        return []
    answer = run_in_sandbox(
        "wbr_platform.dicom.nifti_studies:parse_nifti_masks",
        {"files": files},
        vault.workspace,
        NIFTI_LIMITS,
    )
    identity = _identity(record)
    masks: list[NamedMask] = []
    for number, one in enumerate(answer["masks"], start=1):
        geometry = geometry_from_dict(one["geometry"])
        name = region_name(one["name"], identity) or f"region_{number}"
        mask = unpacked_mask(one["bits"], geometry.shape)
        masks.append(NamedMask(name, mask, geometry, "NIfTI", None, tuple(one["notes"])))
    return masks


def unpacked_mask(bits: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """The mask (z, y, x) of packed bits; Refusal MASKS_UNREADABLE when they are too few."""
    packed, voxels = np.asarray(bits), int(np.prod(shape))
    if packed.dtype != np.uint8 or packed.size != -(-voxels // 8):
        raise Refusal("MASKS_UNREADABLE", "a mask does not fill its grid")
    return np.unpackbits(packed, count=voxels).reshape(shape).astype(bool)


def _identity(record: Mapping[str, Any]) -> frozenset[str]:
    words = (_IDENTITY_WORD.findall(value) for value in record["identity"].values())
    return frozenset(word.upper() for found in words for word in found)


def _paths(record: Mapping[str, Any]) -> dict[str, str]:
    return {entry["column"]: present_path(entry) for entry in record["files"]}
