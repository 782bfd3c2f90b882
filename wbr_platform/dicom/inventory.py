"""What lies in an export: every file identified in the sandbox, or rejected with a reason."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from wbr_platform.dicom.headers import PARSER_ERRORS, text
from wbr_platform.dicom.sandbox import map_in_sandbox
from wbr_platform.refusal import Refusal

# What computers leave in folders; not worth a line in the report.
LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".done", ".directory"})
LITTER_FOLDERS = frozenset({"__MACOSX", ".git", "@eaDir"})
MAX_FILE_BYTES = 4 * 1000**3
DICOM_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
CHUNK = 1 << 20
_IDENTITY_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "Modality",
]
_GEOMETRY_TAGS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "Rows",
    "Columns",
)


@dataclass(frozen=True)
class FileIdentity:
    """One DICOM file and to what it belongs. Holds identities: stays in the vault."""

    path: Path
    size: int
    patient_id: str
    issuer: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    modality: str


@dataclass(frozen=True)
class Rejected:
    """A file that was not taken, with the reason. Holds a path: stays in the vault."""

    path: Path
    refusal: Refusal


def list_files(root: Path) -> Iterator[Path | Rejected]:
    """Every regular file at or below a path, in a stable order; links are never followed."""
    if root.is_symlink() or not root.is_dir():
        yield _checked(root)
        return
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in LITTER_FOLDERS)
        for name in [*folders, *sorted(files)]:
            path = Path(folder) / name
            if path.is_symlink() or (name not in folders and not _is_litter(name)):
                yield _checked(path)


def _is_litter(name: str) -> bool:
    return name.lower() in LITTER or name.startswith("._")


def _checked(path: Path) -> Path | Rejected:
    try:
        status = path.lstat()
    except OSError as error:
        refusal = Refusal("FILE_MISSING", f"the file cannot be found ({type(error).__name__})")
        return Rejected(path, refusal)
    if stat.S_ISLNK(status.st_mode):
        return Rejected(path, Refusal("FILE_IS_LINK", "links are not followed", "give the file"))
    if not stat.S_ISREG(status.st_mode):
        return Rejected(path, Refusal("FILE_NOT_REGULAR", "this is a device or a pipe"))
    if path.name.endswith(".part"):
        return Rejected(
            path, Refusal("FILE_INCOMPLETE", "the file is still being written", "wait for its end")
        )
    if status.st_size == 0:
        return Rejected(path, Refusal("FILE_EMPTY", "the file is empty", "export it again"))
    if status.st_size > MAX_FILE_BYTES:
        return Rejected(path, Refusal("FILE_TOO_LARGE", "the file is larger than 4 GB"))
    return path


def identify_files(
    paths: Sequence[Path], workspace: Path
) -> tuple[list[FileIdentity], list[Rejected]]:
    """Who and what each file is, by headers read in the sandbox."""
    found: list[FileIdentity] = []
    rejected: list[Rejected] = []
    verdicts = map_in_sandbox(
        "wbr_platform.dicom.inventory:identify_file", [str(path) for path in paths], workspace
    )
    for path, verdict in zip(paths, verdicts, strict=True):
        if isinstance(verdict, Refusal):
            rejected.append(Rejected(path, verdict))
        else:
            found.append(FileIdentity(path, path.stat().st_size, **verdict))
    return found, rejected


def identify_file(path: str) -> dict[str, Any]:
    """In the sandbox: the identifiers of one file.

    Raises Refusal NOT_DICOM, DICOM_DIRECTORY or FILE_NO_IDENTIFIERS.
    """
    header = _read_identity(Path(path))
    media_class = text(header.file_meta, "MediaStorageSOPClassUID")
    if DICOM_DIRECTORY_CLASS in (text(header, "SOPClassUID"), media_class):
        raise Refusal("DICOM_DIRECTORY", "a DICOMDIR lists files, it is no image")
    identity = {
        "patient_id": text(header, "PatientID"),
        "issuer": text(header, "IssuerOfPatientID"),
        "study_instance_uid": text(header, "StudyInstanceUID"),
        "series_instance_uid": text(header, "SeriesInstanceUID"),
        "sop_instance_uid": text(header, "SOPInstanceUID"),
        "modality": text(header, "Modality"),
    }
    needed = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    missing = [name for name in needed if not identity[name]]
    if len(missing) == len(needed):
        raise Refusal("NOT_DICOM", "the file is not a DICOM object")
    if missing:
        raise Refusal(
            "FILE_NO_IDENTIFIERS",
            "StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID is missing",
            "export it again from the archive",
        )
    return identity


def _read_identity(path: Path) -> Dataset:
    with path.open("rb") as stream:
        stream.seek(128)
        has_preamble = stream.read(4) == b"DICM"
    try:
        return pydicom.dcmread(
            path, stop_before_pixels=True, force=True, specific_tags=_IDENTITY_TAGS
        )
    except PARSER_ERRORS as error:
        if not has_preamble:
            raise Refusal("NOT_DICOM", "the file is not a DICOM object") from error
        raise _unreadable(error) from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def content_digest(path: str) -> dict[str, Any]:
    """In the sandbox: hash of the pixels and of what places and scales them.

    Two copies of one image may differ in their meta information and still be the same image. An
    object without pixels is compared byte by byte.
    """
    try:
        image = pydicom.dcmread(path, force=True)
        if not image.get("PixelData"):
            return {"digest": file_digest(Path(path))}
        digest = hashlib.sha256(image.PixelData)
        for keyword in _GEOMETRY_TAGS:
            digest.update(f"{keyword}={image.get(keyword)}\n".encode())
    except PARSER_ERRORS as error:
        raise _unreadable(error) from error
    return {"digest": digest.hexdigest()}


def _unreadable(error: Exception) -> Refusal:
    return Refusal(
        "FILE_UNREADABLE",
        f"the file cannot be read ({type(error).__name__})",
        "export it again from the archive",
    )
