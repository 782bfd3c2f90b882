"""Taking exports into the vault: which files make up which study, and what was not taken."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from wbr_platform.dicom.archive import NAMES_FILE, is_zip
from wbr_platform.dicom.duplicates import merge_files
from wbr_platform.dicom.inventory import (
    FileIdentity,
    Rejected,
    file_digest,
    identify_files,
    list_files,
)
from wbr_platform.dicom.nifti_studies import FILE_COLUMNS, MANIFEST_NAME, file_beside
from wbr_platform.dicom.sandbox import GIB, Limits, run_in_sandbox
from wbr_platform.dicom.vault import Vault
from wbr_platform.refusal import Refusal

Change = Literal["new", "changed", "unchanged"]
EXTRACTION_LIMITS = Limits(cpu_seconds=3600, wall_seconds=7200, file_bytes=3 * GIB)


@dataclass(frozen=True)
class IngestedStudy:
    """One study of an export; ``change`` compares its fingerprint with what was known before."""

    study_key: str
    patient_key: str
    files: int
    series: int
    fingerprint: str
    change: Change


@dataclass(frozen=True)
class RejectedFile:
    """A file that was not taken; ``file_key`` is a keyed hash of its path."""

    file_key: str
    reason_code: str
    message: str


@dataclass(frozen=True)
class IngestReport:
    """What came of the exports; nothing that was given is missing from both lists but litter."""

    studies: tuple[IngestedStudy, ...]
    rejected: tuple[RejectedFile, ...]


@dataclass
class _Listing:
    """Files found, before anything was parsed. ``names``: original names of extracted files."""

    files: list[Path] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    names: dict[Path, dict[str, str]] = field(default_factory=dict)


def register_exports(exports: Sequence[Path], vault: Vault) -> IngestReport:
    """Register folders, zips, single files and NIfTI manifests; see :class:`IngestReport`.

    Idempotent: the same files give the same keys and fingerprints, wherever they lie. A study that
    gained, lost or replaced images is "changed". Files already registered stay part of their study
    as long as they exist.
    """
    with vault.registering():
        listing = _Listing()
        for export in exports:
            _list_export(Path(export).absolute(), vault, listing)
        studies = _register_nifti(listing, vault)
        taken = {path for _, of_study in studies for path in of_study}
        paths = sorted({path for path in listing.files if path not in taken})
        found, unreadable = identify_files(paths, vault.workspace)
        listing.rejected.extend(unreadable)
        ingested = [study for study, _ in studies] + _register_dicom(found, vault)
    rejected = {
        RejectedFile(
            vault.pseudonyms.file_key(str(one.path)), one.refusal.reason_code, one.refusal.message
        )
        for one in listing.rejected
    }
    return IngestReport(
        tuple(sorted(ingested, key=lambda study: study.study_key)),
        tuple(sorted(rejected, key=lambda one: (one.reason_code, one.file_key))),
    )


def _list_export(export: Path, vault: Vault, listing: _Listing) -> None:
    if export.resolve().is_relative_to(vault.root.resolve()):
        listing.rejected.append(
            Rejected(export, Refusal("EXPORT_IN_VAULT", "the export lies inside the vault"))
        )
        return
    for found in list_files(export):
        if isinstance(found, Rejected):
            listing.rejected.append(found)
            continue
        try:
            if is_zip(found):
                _list_archive(found, vault, listing)
            else:
                _add(found, found.name, listing)
        except Refusal as refusal:
            listing.rejected.append(Rejected(found, refusal))
        except OSError as error:
            gone = Refusal("FILE_MISSING", f"the file cannot be read ({type(error).__name__})")
            listing.rejected.append(Rejected(found, gone))


def _add(path: Path, name: str, listing: _Listing) -> None:
    (listing.manifests if name == MANIFEST_NAME else listing.files).append(path)


def _list_archive(archive: Path, vault: Vault, listing: _Listing) -> None:
    """Extract an archive once (it is known by its content) and list what it held."""
    folder = vault.extracted / file_digest(archive)[:32]
    if not folder.exists():
        unfinished = vault.extracted / f"{uuid4().hex}.part"
        try:
            run_in_sandbox(
                "wbr_platform.dicom.archive:extract_archive",
                {"archive": str(archive), "folder": str(unfinished)},
                vault.workspace,
                EXTRACTION_LIMITS,
            )
            unfinished.rename(folder)
        finally:
            if unfinished.exists():  # the child was killed before it could clean up
                shutil.rmtree(unfinished)
    names: dict[str, str] = json.loads((folder / NAMES_FILE).read_text())
    for flat, original in sorted(names.items()):
        name = Path(original.replace("\\", "/")).name
        if "__MACOSX" in original or name.startswith("._") or name == ".DS_Store":
            continue
        path = folder / flat
        listing.names[path] = names
        if path.stat().st_size == 0:
            listing.rejected.append(Rejected(path, Refusal("FILE_EMPTY", "the file is empty")))
        else:
            _add(path, name, listing)


def _register_dicom(found: Iterable[FileIdentity], vault: Vault) -> list[IngestedStudy]:
    groups: dict[tuple[str, str, str], list[FileIdentity]] = defaultdict(list)
    for one in found:
        groups[(one.issuer, one.patient_id, one.study_instance_uid)].append(one)
    return [_register_study(identity, files, vault) for identity, files in sorted(groups.items())]


def _register_study(
    identity: tuple[str, str, str], files: Sequence[FileIdentity], vault: Vault
) -> IngestedStudy:
    issuer, patient_id, study_instance_uid = identity
    pseudonyms = vault.pseudonyms
    study_key = pseudonyms.study_key(patient_id, issuer, study_instance_uid)
    # Without a PatientID nobody can say whether two studies are of one patient: each stands alone.
    patient_key = pseudonyms.patient_key(patient_id or f"study {study_instance_uid}", issuer)
    before = vault.read_source(study_key)
    merged = merge_files([] if before is None else before["files"], files, vault.workspace)
    fingerprint = _fingerprint(
        f"{entry['sop']}:{entry['copies'][0][1]}:{entry['conflict']}" for entry in merged
    )
    record = {
        "kind": "dicom",
        "study_key": study_key,
        "patient_key": patient_key,
        "identity": {
            "issuer": issuer,
            "patient_id": patient_id,
            "study_instance_uid": study_instance_uid,
        },
        "fingerprint": fingerprint,
        "files": merged,
        "conflicts": sorted({entry["series"] for entry in merged if entry["conflict"]}),
    }
    return _stored(record, before, len({entry["series"] for entry in merged}), vault)


def _stored(
    record: Mapping[str, Any], before: Mapping[str, Any] | None, series: int, vault: Vault
) -> IngestedStudy:
    change: Change = "new"
    if before is not None:
        change = "unchanged" if before["fingerprint"] == record["fingerprint"] else "changed"
    if before != record:
        vault.write_source(record["study_key"], record)
    return IngestedStudy(
        record["study_key"],
        record["patient_key"],
        len(record["files"]),
        series,
        record["fingerprint"],
        change,
    )


def _fingerprint(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]


def _register_nifti(
    listing: _Listing, vault: Vault
) -> list[tuple[IngestedStudy, tuple[Path, ...]]]:
    """Studies of all manifests, each with the files that belong to it."""
    registered: list[tuple[IngestedStudy, tuple[Path, ...]]] = []
    for manifest in listing.manifests:
        try:
            parsed = run_in_sandbox(
                "wbr_platform.dicom.nifti_studies:parse_manifest",
                {"path": str(manifest)},
                vault.workspace,
            )
        except Refusal as refusal:
            listing.rejected.append(Rejected(manifest, refusal))
            continue
        for line, code, message in parsed["errors"]:
            said = Refusal(code, f"row {line}: {message}")
            listing.rejected.append(Rejected(manifest / f"row {line}", said))
        seen: set[str] = set()
        for row in parsed["rows"]:
            try:
                study, paths = _register_row(row, manifest, listing, seen, vault)
                registered.append((study, paths))
            except Refusal as refusal:
                said = Refusal(refusal.reason_code, f"row {row['row']}: {refusal.message}")
                listing.rejected.append(Rejected(manifest / f"row {row['row']}", said))
    return registered


def _register_row(
    row: Mapping[str, Any], manifest: Path, listing: _Listing, seen: set[str], vault: Vault
) -> tuple[IngestedStudy, tuple[Path, ...]]:
    names = listing.names.get(manifest)
    paths = {
        column: file_beside(manifest, row[column], names)
        for column in FILE_COLUMNS
        if column in row
    }
    pseudonyms = vault.pseudonyms
    study_key = pseudonyms.study_key(row["patient_id"], "", f"nifti {row['study_id']}")
    if study_key in seen:
        raise Refusal(
            "NIFTI_MANIFEST_DUPLICATE",
            "two rows of one patient have the same study_id and study_date",
        )
    seen.add(study_key)
    fields = {
        key: value
        for key, value in row.items()
        if key not in (*FILE_COLUMNS, "patient_id", "study_id", "row")
    }
    digests = [f"{column}:{file_digest(path)}" for column, path in paths.items()]
    record = {
        "kind": "nifti",
        "study_key": study_key,
        "patient_key": pseudonyms.patient_key(row["patient_id"]),
        "identity": {"patient_id": row["patient_id"], "study_id": row["study_id"]},
        "fingerprint": _fingerprint([*digests, json.dumps(fields, sort_keys=True)]),
        "files": [
            {"column": column, "copies": [[str(path), path.stat().st_size, 0]]}
            for column, path in paths.items()
        ],
        "fields": fields,
    }
    study = _stored(record, vault.read_source(study_key), len(paths), vault)
    return study, tuple(paths.values())
