"""An image given more than once: the same one is taken once, two different ones are a conflict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbr_platform.dicom.inventory import FileIdentity, file_digest
from wbr_platform.dicom.sandbox import map_in_sandbox
from wbr_platform.refusal import Refusal

Entry = dict[str, Any]
Copy = list[Any]  # [path, size in bytes, mtime in ns]


def merge_files(
    known: Sequence[Mapping[str, Any]], found: Sequence[FileIdentity], workspace: Path
) -> list[Entry]:
    """The images of a study after an export came: one entry a SOPInstanceUID, sorted by it.

    An entry holds "sop", "series", "modality", "copies" (a list of [path, size, mtime in ns] of
    which the first is used) and "conflict" (the copies are not the same image). Copies known
    before come first, as long as they exist with their size.
    """
    before = {old["sop"]: old for old in known}
    entries: dict[str, Entry] = {}
    for old in known:
        copies = [copy for copy in old["copies"] if _copy_of(Path(copy[0]))[1:2] == copy[1:2]]
        if copies:
            entries[old["sop"]] = {**old, "copies": copies}
    for one in sorted(found, key=lambda one: str(one.path)):
        _add(entries, one)
    to_compare: list[Entry] = []
    for sop, entry in entries.items():
        if len(entry["copies"]) == 1:
            entry["conflict"] = False
        elif sop not in before or entry["copies"] != before[sop]["copies"]:
            to_compare.append(entry)
    _compare(to_compare, workspace)
    return [entries[sop] for sop in sorted(entries)]


def _add(entries: dict[str, Entry], one: FileIdentity) -> None:
    copy = _copy_of(one.path)
    entry = entries.setdefault(one.sop_instance_uid, {"sop": one.sop_instance_uid, "copies": []})
    paths = [known[0] for known in entry["copies"]]
    if copy[0] in paths:
        entry["copies"][paths.index(copy[0])] = copy
    else:
        entry["copies"].append(copy)
    if entry["copies"][0] is copy:
        entry.update(series=one.series_instance_uid, modality=one.modality)


def _copy_of(path: Path) -> Copy:
    """Path, size and time of a file; size -1 when it is gone."""
    if not path.is_file():
        return [str(path), -1, 0]
    status = path.stat()
    return [str(path), status.st_size, status.st_mtime_ns]


def _compare(entries: Sequence[Entry], workspace: Path) -> None:
    """Set "conflict": whether copies hold different images; by bytes, then pixels and geometry."""
    unlike: list[tuple[Entry, list[str]]] = []
    for entry in entries:
        by_bytes = {file_digest(Path(copy[0])): str(copy[0]) for copy in entry["copies"]}
        entry["conflict"] = len(by_bytes) > 1
        if entry["conflict"]:
            unlike.append((entry, list(by_bytes.values())))
    verdicts = iter(
        map_in_sandbox(
            "wbr_platform.dicom.inventory:content_digest",
            [path for _, paths in unlike for path in paths],
            workspace,
        )
    )
    for entry, paths in unlike:
        of_entry = [next(verdicts) for _ in paths]
        digests = {one["digest"] for one in of_entry if not isinstance(one, Refusal)}
        unreadable = any(isinstance(one, Refusal) for one in of_entry)
        entry["conflict"] = unreadable or len(digests) > 1
