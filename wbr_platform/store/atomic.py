"""Writes that are whole or absent: prepared in a private folder, synced, renamed into place."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wbr_platform.store.exchange import exchange
from wbr_platform.store.locks import take_abandoned_lock, take_new_lock

_LOCK_SUFFIX = ".lock"
# Another process may remove an emptied parent folder between its creation and the rename.
_RENAME_ATTEMPTS = 20


def fsync(path: Path) -> None:
    """Bring a file's bytes, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Bring every file and folder below (and the folder itself) to the disk."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent) / name
            if not path.is_symlink():
                fsync(path)
        fsync(Path(parent))


def make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        fsync(path.parent)


@contextmanager
def incoming(folder: Path) -> Iterator[Path]:
    """A private empty folder inside ``folder``; removed in the end with all that is left in it.

    Its owner holds a lock for as long as it lives, so that ``sweep`` can tell what a killed writer
    left behind from what is being written now.
    """
    make_folder(folder)
    descriptor = None
    while descriptor is None:
        workspace = folder / uuid.uuid4().hex
        lock = workspace.with_suffix(_LOCK_SUFFIX)
        descriptor = take_new_lock(lock)
    try:
        workspace.mkdir()
        yield workspace
    finally:
        _remove_workspace(workspace, lock, descriptor)


def sweep(folder: Path) -> int:
    """Remove what killed writers left in the folder of ``incoming``; how many there were."""
    swept = 0
    for lock in folder.glob(f"*{_LOCK_SUFFIX}"):
        descriptor = take_abandoned_lock(lock)
        if descriptor is not None:
            _remove_workspace(lock.with_suffix(""), lock, descriptor)
            swept += 1
    return swept


def _remove_workspace(workspace: Path, lock: Path, descriptor: int) -> None:
    """Data first, then the lock: data without a lock never exists."""
    try:
        if workspace.exists():
            shutil.rmtree(workspace)
        lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def write_file(target: Path, write: Callable[[Path], None], incoming_folder: Path) -> None:
    """Let ``write`` fill a temporary file, then put it in place of ``target`` in one step."""
    with incoming(incoming_folder) as workspace:
        temporary = workspace / target.name
        write(temporary)
        place_file(temporary, target)


def place_file(temporary: Path, target: Path) -> None:
    """Sync a finished file and rename it over ``target``, whose folder is created if need be."""
    fsync(temporary)
    for attempt in range(1, _RENAME_ATTEMPTS + 1):
        make_folder(target.parent)
        try:
            os.replace(temporary, target)
            break
        except FileNotFoundError:
            if attempt == _RENAME_ATTEMPTS or not temporary.exists():
                raise
    fsync(target.parent)


def remove_file(path: Path) -> bool:
    """Remove a file; whether it was there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    fsync(path.parent)
    return True


@contextmanager
def replacing_folder(target: Path, incoming_folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``target`` when the block ends well.

    When the block raises, ``target`` stays as it was. Where the system can swap two folders
    (Linux), readers see the old or the new folder at any moment; elsewhere there is an instant
    between two renames in which they see none, and they never see a part.
    """
    with incoming(incoming_folder) as workspace:
        fresh = workspace / "new"
        fresh.mkdir()
        yield fresh
        fsync_tree(fresh)
        _put_folder(fresh, target, workspace / "old")
        fsync(target.parent)


def remove_folder(target: Path, incoming_folder: Path) -> bool:
    """Take a folder out of sight in one step, then delete it; whether it was there."""
    with incoming(incoming_folder) as workspace:
        try:
            os.rename(target, workspace / "old")
        except FileNotFoundError:
            return False
        fsync(target.parent)
        return True


def _put_folder(fresh: Path, target: Path, old: Path) -> None:
    for attempt in range(1, _RENAME_ATTEMPTS + 1):
        make_folder(target.parent)
        try:
            if not target.exists():
                os.rename(fresh, target)
            elif not exchange(fresh, target):
                os.rename(target, old)
                os.rename(fresh, target)
            return
        except OSError:
            # Another process has put or removed the target in this very moment.
            if attempt == _RENAME_ATTEMPTS:
                raise
