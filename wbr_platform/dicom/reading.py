"""What the platform asks of an export: register it, describe a study, read its PET, CT and masks.

All parsing happens in the sandbox; identities stay in the vault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wbr_platform import __version__
from wbr_platform.dicom.nifti_reading import (
    nifti_rows,
    read_nifti_image,
    read_nifti_masks,
    unpacked_mask,
)
from wbr_platform.dicom.parsing import geometry_from_dict
from wbr_platform.dicom.pseudonym import age_years, shifted_date
from wbr_platform.dicom.registration import (
    IngestedStudy,
    IngestReport,
    RejectedFile,
    register_exports,
)
from wbr_platform.dicom.rows import acquisition_row, present_path, study_row
from wbr_platform.dicom.sandbox import GIB, Limits, run_in_sandbox
from wbr_platform.dicom.vault import Vault
from wbr_platform.imaging.volume import NamedMask, Volume
from wbr_platform.refusal import Refusal

__all__ = [
    "IngestReport",
    "IngestedStudy",
    "RejectedFile",
    "StudyDescription",
    "describe_study",
    "read_ct",
    "read_masks",
    "read_pet",
    "register_exports",
]

DESCRIPTION_VERSION = 1  # of the rules behind a remembered description
DESCRIBE_LIMITS = Limits(cpu_seconds=600, wall_seconds=900)
VOLUME_LIMITS = Limits(memory_bytes=6 * GIB, cpu_seconds=600, wall_seconds=900)


@dataclass(frozen=True)
class StudyDescription:
    """A study for the tables ``studies`` (one row) and ``acquisitions`` (a row a series).

    ``headers`` holds, for each series key, the technical header fields that may leave.
    """

    study: dict[str, Any]
    acquisitions: list[dict[str, Any]]
    refusal: Refusal | None
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def describe_study(vault: Vault, study_key: str) -> StudyDescription:
    """What a registered study holds, what was chosen of it, and whether it is accepted.

    Raises Refusal STUDY_UNKNOWN; every other reason is in the description's ``refusal``.
    """
    record = vault.source(study_key)
    try:
        if record["kind"] == "nifti":
            return StudyDescription(*nifti_rows(vault, record))
        described = _described(vault, record)
    except Refusal as refusal:
        return StudyDescription(study_row(record, refusal), [], refusal)
    said = described["selection"]["refusal"]
    refused = None if said is None else Refusal(*said)
    headers = {
        vault.pseudonyms.series_key(one["series_instance_uid"]): one["fields"]
        for one in described["series"]
    }
    return StudyDescription(
        _study_row(vault, record, described, refused),
        [_acquisition_row(vault, study_key, one) for one in described["series"]],
        refused,
        headers,
    )


def read_pet(vault: Vault, study_key: str) -> Volume:
    """The chosen PET in SUVbw; Refusal NO_PET, or the reason why it cannot be read."""
    record = vault.source(study_key)
    if record["kind"] == "nifti":
        return read_nifti_image(vault, record, "pet")
    return _read_series(vault, record, "pet", "parse_pet", "SUVbw")


def read_ct(vault: Vault, study_key: str) -> Volume:
    """The chosen CT in HU; Refusal NO_CT, or the reason why it cannot be read."""
    record = vault.source(study_key)
    if record["kind"] == "nifti":
        return read_nifti_image(vault, record, "ct")
    return _read_series(vault, record, "ct", "parse_ct", "HU")


def read_masks(vault: Vault, study_key: str) -> list[NamedMask]:
    """All masks that came with the study, each on the grid of its PET or CT; [] when none came."""
    record = vault.source(study_key)
    if record["kind"] == "nifti":
        return read_nifti_masks(vault, record)
    selection = _described(vault, record)["selection"]
    masks: list[NamedMask] = []
    for series, image in selection["masks"]:
        image_paths = _series_paths(record, selection[image])
        for mask_path in _series_paths(record, series):
            answer = run_in_sandbox(
                "wbr_platform.dicom.parsing:parse_masks",
                {"mask_path": mask_path, "image_paths": image_paths},
                vault.workspace,
                VOLUME_LIMITS,
            )
            geometry = geometry_from_dict(answer["geometry"])
            masks.extend(
                NamedMask(
                    one["name"],
                    unpacked_mask(one["bits"], geometry.shape),
                    geometry,
                    one["source"],
                    one["code"],
                    tuple(one["notes"]),
                )
                for one in answer["masks"]
            )
    return masks


def _described(vault: Vault, record: Mapping[str, Any]) -> dict[str, Any]:
    """The sandbox's description of a DICOM study, remembered for its fingerprint."""
    study_key = record["study_key"]
    remembered = vault.read_choice(study_key)
    stamp = [DESCRIPTION_VERSION, __version__, record["fingerprint"]]
    if remembered is not None and remembered["stamp"] == stamp:
        described: dict[str, Any] = remembered["described"]
        return described
    described = run_in_sandbox(
        "wbr_platform.dicom.describing:describe_files",
        {
            "files": [[present_path(entry), entry["series"]] for entry in record["files"]],
            "conflicts": record["conflicts"],
        },
        vault.workspace,
        DESCRIBE_LIMITS,
    )
    vault.write_choice(study_key, {"stamp": stamp, "described": described})
    return described


def _series_paths(record: Mapping[str, Any], series_instance_uid: str) -> list[str]:
    return [
        present_path(entry) for entry in record["files"] if entry["series"] == series_instance_uid
    ]


def _read_series(
    vault: Vault,
    record: Mapping[str, Any],
    role: Literal["pet", "ct"],
    function: str,
    unit: Literal["SUVbw", "HU"],
) -> Volume:
    selection = _described(vault, record)["selection"]
    series = selection[role]
    if series is None:
        refused = selection["refusal"]
        if refused is not None:
            raise Refusal(*refused)
        raise Refusal(f"NO_{role.upper()}", f"the study has no {role.upper()} that can be used")
    answer = run_in_sandbox(
        f"wbr_platform.dicom.parsing:{function}",
        {"paths": _series_paths(record, series)},
        vault.workspace,
        VOLUME_LIMITS,
    )
    registered = {entry["sop"] for entry in record["files"] if entry["series"] == series}
    if set(answer["instances"]) != registered:
        raise Refusal(
            "SOURCE_CHANGED", "a file changed after it was registered", "register the export again"
        )
    return Volume(answer["array"], geometry_from_dict(answer["geometry"]), unit)


def _study_row(
    vault: Vault,
    record: Mapping[str, Any],
    described: Mapping[str, Any],
    refusal: Refusal | None,
) -> dict[str, Any]:
    patient, selection = described["patient"], described["selection"]
    shift = vault.pseudonyms.date_shift_days(record["patient_key"])
    return study_row(
        record,
        refusal,
        study_date=shifted_date(patient["study_date"], shift),
        sex=patient["sex"],
        age_years=age_years(patient["birth_date"], patient["study_date"], patient["patient_age"]),
        weight_kg=patient["weight_kg"],
        height_m=patient["height_m"],
        has_pet=selection["pet"] is not None,
        has_ct=selection["ct"] is not None,
        mask_sources=selection["mask_files"],
    )


def _acquisition_row(vault: Vault, study_key: str, one: Mapping[str, Any]) -> dict[str, Any]:
    suv = one["suv"] or {}
    return acquisition_row(
        study_key=study_key,
        series_key=vault.pseudonyms.series_key(one["series_instance_uid"]),
        modality=one["modality"],
        role=one["role"],
        choice_reason_code=one["reason_code"],
        choice_reason=one["reason"],
        manufacturer=one["manufacturer"],
        model=one["model"],
        scanner=one["scanner"],
        reconstruction=one["reconstruction"],
        slices=one["images"],
        spacing_z_mm=one["spacing_z_mm"],
        spacing_y_mm=one["spacing_y_mm"],
        spacing_x_mm=one["spacing_x_mm"],
        radionuclide=suv.get("radionuclide"),
        radiopharmaceutical=suv.get("radiopharmaceutical"),
        injected_dose_mbq=suv.get("injected_dose_mbq"),
        uptake_time_min=suv.get("uptake_time_min"),
        units=suv.get("units"),
        decay_correction=suv.get("decay_correction"),
        decay_reference=suv.get("decay_reference"),
        suv_flags=",".join(suv["flags"]) if suv.get("flags") else None,
    )
