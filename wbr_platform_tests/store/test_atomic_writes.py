"""Writes are whole or absent, also when the writer is killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from wbr_platform.store import atomic
from wbr_platform.store.exchange import exchange
from wbr_platform.store.files import Store


def leftovers(store: Store) -> list[Path]:
    return list(store.incoming_folder.iterdir()) if store.incoming_folder.exists() else []


def test_replacing_folder_swaps_whole_folders(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.study_folder("s1", "ct")
    for name in ("first", "second"):
        with store.replacing_folder(folder) as temporary:
            (temporary / "deep").mkdir()
            (temporary / "deep" / name).write_text(name)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["second"]
    assert leftovers(store) == []


def test_a_failing_block_leaves_the_old_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.write_study_files("s1", "ct") as temporary:
        (temporary / "old").touch()
    with pytest.raises(ZeroDivisionError), store.write_study_files("s1", "ct") as temporary:
        (temporary / "new").write_text(str(1 / 0))
    assert [path.name for path in store.study_folder("s1", "ct").iterdir()] == ["old"]
    assert leftovers(store) == []


def test_without_exchange_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "exchange", lambda first, second: False)
    store = Store(tmp_path)
    for name in ("first", "second"):
        with store.write_study_files("s1", "ct") as temporary:
            (temporary / name).touch()
    assert [path.name for path in store.study_folder("s1", "ct").iterdir()] == ["second"]


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is a Linux system call")
def test_exchange_swaps_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "absent")


def test_paths_outside_the_store_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for path in (tmp_path / "other", store.root, store.root / ".." / "other"):
        with pytest.raises(ValueError, match="inside the store"):
            store.write_bytes(path, b"")
    assert not (tmp_path / "other").exists()


def test_sweep_leaves_living_writers_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with atomic.incoming(store.incoming_folder) as workspace:
        (workspace / "half").touch()
        assert store.sweep() == 0
        assert (workspace / "half").exists()
    assert leftovers(store) == []


WRITER = """
import sys, time
from pathlib import Path
from wbr_platform.store.files import Store
store = Store(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    with store.write_study_files("s1", "ct") as folder:
        for part in range(4):
            (folder / f"{part}.txt").write_text(str(number) * 2000)
    store.write_bytes(store.root / "one.txt", str(number).encode() * 2000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.007, 0.012, 0.02])
def test_a_killed_writer_leaves_nothing_partial(tmp_path: Path, delay: float) -> None:
    store = Store(tmp_path)
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    acknowledged = int(writer.stdout.readline())
    time.sleep(delay)
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged = max([acknowledged, *[int(line) for line in writer.stdout]])
    writer.wait()
    texts = [path.read_text() for path in sorted(store.study_folder("s1", "ct").glob("*.txt"))]
    assert len(texts) == 4
    assert len(set(texts)) == 1  # all four of one and the same write
    one = (tmp_path / "one.txt").read_text()
    number = int(texts[0][: len(texts[0]) // 2000])
    assert number >= acknowledged
    assert one == one[: len(one) // 2000] * 2000
    store.sweep()
    assert leftovers(store) == []


def test_sweep_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    script = """
    import os, signal, sys
    from pathlib import Path
    from wbr_platform.store.files import Store
    store = Store(Path(sys.argv[1]))
    with store.write_study_files("s1", "ct") as folder:
        (folder / "half").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)])
    store = Store(tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert not store.study_folder("s1", "ct").exists()
    assert len(leftovers(store)) == 2  # the folder and its lock
    assert store.sweep() == 1
    assert leftovers(store) == []
