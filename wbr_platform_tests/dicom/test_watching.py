"""When an export counts as complete."""

from __future__ import annotations

import json
import os
from pathlib import Path

from wbr_platform.dicom.pseudonym import Pseudonyms
from wbr_platform.dicom.watching import Look, export_fingerprint, settled_exports

NAMES = Pseudonyms(bytes(32))


def _look(folder: Path, before: Look | None, now: float) -> Look:
    cursor = {} if before is None else json.loads(json.dumps(before.cursor))
    return settled_exports(folder, cursor, NAMES, now, quiet_seconds=30)


def test_quiet_export_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "Doe Jane" / "deep").mkdir(parents=True)
    (tmp_path / "Doe Jane" / "deep" / "image").write_bytes(b"1")
    first = _look(tmp_path, None, 1000)
    assert (first.settled, first.waiting) == ((), 1)
    early = _look(tmp_path, first, 1029)
    assert early.settled == ()
    settled = _look(tmp_path, early, 1030)
    assert [one.path for one in settled.settled] == [tmp_path / "Doe Jane"]
    assert settled.waiting == 0
    assert _look(tmp_path, settled, 2000).settled == ()
    assert "Doe" not in json.dumps(settled.cursor)
    assert "Doe" not in settled.settled[0].export_key


def test_growing_export_waits_at_every_point(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    look = None
    for second in range(20):
        (export / str(second)).write_bytes(b"x")
        look = _look(tmp_path, look, 1000.0 + 29 * second)
        assert look.settled == ()
    look = _look(tmp_path, look, 5000)
    assert len(look.settled) == 1
    (export / "late").write_bytes(b"x")
    look = _look(tmp_path, look, 5010)
    assert look.settled == ()
    assert len(_look(tmp_path, look, 5100).settled) == 1


def test_marker_settles_at_once_but_never_an_unfinished_file(tmp_path: Path) -> None:
    for name in ("done", "unfinished", "empty"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".done").touch()
    (tmp_path / "done" / "image").write_bytes(b"x")
    (tmp_path / "unfinished" / "image.part").write_bytes(b"x")
    (tmp_path / "scan.zip").write_bytes(b"x")
    (tmp_path / "scan.zip.done").touch()
    look = _look(tmp_path, None, 1000)
    assert [one.path.name for one in look.settled] == ["done", "scan.zip"]
    assert [one.path.name for one in _look(tmp_path, look, 9000).settled] == []


def test_other_things_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"x")
    (tmp_path / "coming.part").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "link").symlink_to("/etc")
    look = _look(tmp_path, None, 1000)
    assert (look.settled, look.waiting, look.cursor) == ((), 0, {})


def test_same_size_written_anew_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "export" / "image"
    path.parent.mkdir()
    path.write_bytes(b"1")
    os.utime(path, (1, 1))
    before = export_fingerprint(path.parent)
    path.write_bytes(b"2")
    assert export_fingerprint(path.parent) != before
