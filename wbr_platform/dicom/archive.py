"""Taking a zip file apart without trusting anything that it says about itself.

:func:`extract_archive` runs inside the child of :mod:`wbr_platform.dicom.sandbox`. Bytes are
counted as they come out, entries get names of our own, and a refused archive leaves nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbr_platform.refusal import Refusal

GB = 1000**3
CHUNK = 1 << 20
NAMES_FILE = "names.json"
KEPT_SUFFIXES = (".nii.gz", ".nii", ".csv", ".json", ".dcm")
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENCRYPTED = 0x1
_ASK_AGAIN = "make the archive again, or give the folder itself"


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold."""

    entries: int = 50_000
    file_bytes: int = 2 * GB
    total_bytes: int = 60 * GB
    ratio: float = 200.0
    ratio_from_bytes: int = 1 << 20  # a ratio says nothing about a tiny file
    free_bytes: int = 1 * GB  # has to stay free on the disk


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip; a DICOM file with such a preamble is a DICOM file."""
    with path.open("rb") as stream:
        start = stream.read(132)
    return start[:4] in ZIP_MAGIC and start[128:132] != b"DICM"


def extract_archive(
    archive: str, folder: str, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS
) -> dict[str, Any]:
    """Extract all files of a zip flat into ``folder``, which must not exist yet.

    Files are named by a hash of their entry; ``names.json`` beside them says which name each had.
    Returns {"files": count, "bytes": total}. Raises Refusal ARCHIVE_… and then leaves no folder.
    """
    target = Path(folder)
    target.mkdir(parents=True)
    try:
        return _extract(Path(archive), target, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError) as error:
        shutil.rmtree(target)
        if isinstance(error, Refusal):
            raise
        raise Refusal(
            "ARCHIVE_DAMAGED", "the zip file is truncated or damaged", _ASK_AGAIN
        ) from error
    except NotImplementedError as error:
        shutil.rmtree(target)
        raise Refusal(
            "ARCHIVE_UNSUPPORTED", "the zip file uses an unknown compression", _ASK_AGAIN
        ) from error
    except BaseException:
        shutil.rmtree(target)
        raise


def _extract(archive: Path, target: Path, limits: ArchiveLimits) -> dict[str, Any]:
    names: dict[str, str] = {}
    total = 0
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        if len(entries) > limits.entries:
            raise Refusal(
                "ARCHIVE_TOO_MANY_ENTRIES",
                f"{len(entries)} entries, {limits.entries} are allowed",
                "split the export",
            )
        for number, entry in enumerate(entries):
            if entry.is_dir():
                continue
            _check_entry(entry)
            name = _flat_name(number, entry.filename)
            total += _extract_entry(opened, entry, target / name, total, limits)
            names[name] = entry.filename
    if not names:
        raise Refusal("ARCHIVE_EMPTY", "the zip file holds no file", _ASK_AGAIN)
    listing = json.dumps(names, ensure_ascii=True, indent=0)
    (target / NAMES_FILE).write_text(listing)
    return {"files": len(names), "bytes": total}


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise Refusal("ARCHIVE_ENCRYPTED", "the zip file is encrypted", "export it unencrypted")
    mode = entry.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        raise Refusal("ARCHIVE_LINK", "the zip file holds a link or a device", _ASK_AGAIN)


def _flat_name(number: int, name: str) -> str:
    """A name of our own; entries with the same name stay apart by their number."""
    digest = hashlib.sha256(f"{number}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
    suffix = next((kept for kept in KEPT_SUFFIXES if name.lower().endswith(kept)), "")
    return digest[:32] + suffix


def _extract_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, before: int, limits: ArchiveLimits
) -> int:
    written = 0
    with opened.open(entry) as stream, path.open("xb") as out:
        for chunk in _chunks(stream):
            if written == 0 and chunk[:4] in ZIP_MAGIC and chunk[128:132] != b"DICM":
                raise Refusal("ARCHIVE_NESTED", "a zip file inside the zip file", _ASK_AGAIN)
            written += len(chunk)
            _check_size(written, before, entry, limits)
            if shutil.disk_usage(path.parent).free - len(chunk) < limits.free_bytes:
                raise Refusal("ARCHIVE_DISK_FULL", "too little disk space", "make room and retry")
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return written


def _chunks(stream: Any) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _check_size(written: int, before: int, entry: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    if written > limits.file_bytes:
        raise Refusal("ARCHIVE_FILE_TOO_LARGE", "a file of the archive is too large")
    if before + written > limits.total_bytes:
        raise Refusal("ARCHIVE_TOO_LARGE", "the archive is too large", "split the export")
    # zipfile never reads more compressed bytes of an entry than its header claims.
    compressed = max(entry.compress_size, 1)
    if written > limits.ratio_from_bytes and written / compressed > limits.ratio:
        raise Refusal("ARCHIVE_BOMB", "a file of the archive is compressed beyond belief")
