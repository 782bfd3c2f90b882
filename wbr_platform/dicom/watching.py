"""Which exports in a watched folder are complete: pure looks, remembered in a JSON-able cursor."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbr_platform.dicom.pseudonym import Pseudonyms

DONE_MARKER = ".done"
UNFINISHED_SUFFIX = ".part"
QUIET_SECONDS = 30.0


@dataclass(frozen=True)
class SettledExport:
    """A complete export. ``path`` may hold identities: for the reader only.

    ``export_key`` (keyed hash of the name) and ``signature`` (hash of counts, sizes and times) are
    for logs, tags and run keys; the signature changes when files come or change.
    """

    path: Path
    export_key: str
    signature: str


@dataclass(frozen=True)
class Look:
    """What one look found: exports newly complete, how many are not yet, and the next cursor."""

    settled: tuple[SettledExport, ...]
    waiting: int
    cursor: dict[str, dict[str, Any]]


def settled_exports(
    folder: Path,
    previous: Mapping[str, Mapping[str, Any]],
    pseudonyms: Pseudonyms,
    now: float,
    quiet_seconds: float = QUIET_SECONDS,
) -> Look:
    """Look at the immediate children (folders and .zip files) of a watched folder.

    ``previous`` is the cursor of the last look ({} at first), ``now`` a time in seconds since the
    epoch. An export is complete when it has a ``.done`` marker (in the folder, or ``<name>.done``
    beside a zip), or when it has looked the same for ``quiet_seconds`` over two looks or more;
    never while anything in it ends in ``.part``. A complete export is reported once, and again when
    it has changed since. The keys of the cursor are hashes; it holds no name.
    """
    settled: list[SettledExport] = []
    cursor: dict[str, dict[str, Any]] = {}
    waiting = 0
    for path in _exports(folder):
        key = pseudonyms.file_key(path.name)
        signature, unfinished = _signature(path)
        seen = previous.get(key, {})
        same = seen.get("signature") == signature
        since = float(seen["since"]) if same else now
        quiet = same and now - since >= quiet_seconds
        complete = not unfinished and (quiet or _is_marked_done(path))
        reported = same and bool(seen.get("reported"))
        if complete and not reported:
            settled.append(SettledExport(path, key, signature))
        waiting += not complete
        cursor[key] = {"signature": signature, "since": since, "reported": complete or reported}
    return Look(tuple(settled), waiting, cursor)


def export_fingerprint(path: Path) -> str:
    """Hash of an export's file count, total size and newest modification time."""
    return _signature(path)[0]


def _exports(folder: Path) -> list[Path]:
    """Folders and zips, without hidden ones, links and what is still being written."""
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and not path.name.endswith(UNFINISHED_SUFFIX)
        and not path.is_symlink()
        and (path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip"))
    ]


def _is_marked_done(path: Path) -> bool:
    if path.is_dir():
        return (path / DONE_MARKER).exists()
    return path.with_name(path.name + DONE_MARKER).exists()


def _signature(path: Path) -> tuple[str, bool]:
    """The signature of an export and whether it holds an unfinished file.

    A file that vanishes between listing and looking (a rename on its way) counts as unfinished.
    """
    files = [path] if path.is_file() else _files_below(path)
    count, size, newest, unfinished = 0, 0, 0, False
    for file in files:
        if file.name == DONE_MARKER:
            continue
        try:
            status = file.lstat()
        except FileNotFoundError:
            unfinished = True
            continue
        count, size = count + 1, size + status.st_size
        newest = max(newest, status.st_mtime_ns)
        unfinished = unfinished or file.name.endswith(UNFINISHED_SUFFIX)
    text = f"{count}:{size}:{newest}"
    return hashlib.sha256(text.encode()).hexdigest()[:32], unfinished or count == 0


def _files_below(folder: Path) -> list[Path]:
    return [
        Path(parent) / name
        for parent, _, names in os.walk(folder, followlinks=False)
        for name in names
    ]
