"""A child may die in any way: the parent goes on, and says what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wbr_platform.dicom import sandbox_worker
from wbr_platform.dicom.sandbox import Limits, map_in_sandbox, run_in_sandbox
from wbr_platform.refusal import Refusal

IDENTIFY = "wbr_platform.dicom.inventory:identify_file"
TRIALS = """
import ctypes, os, signal, time
import numpy as np
from wbr_platform.refusal import Refusal

def trial(what):
    if what == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "abort":
        os.abort()
    if what == "leave":
        os._exit(0)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "memory":
        return {"array": np.ones(2 * 1024**3 // 8 * 2)}
    if what == "sleep":
        time.sleep(60)
    if what == "spin":
        while True:
            pass
    if what == "recursion":
        return trial_again(what)
    if what == "refuse":
        raise Refusal("SOME_REASON", "words", "action")
    if what == "grandchild":
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        return {"pid": pid}
    if what == "nan":
        return {"value": float("nan")}
    if what == "object":
        return {"value": np.array([{}], dtype=object)}
    return {"said": what, "array": np.arange(3)}

def trial_again(what):
    return trial_again(what)
"""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A module of trials inside a package folder of its own that shadows nothing."""
    folder = tmp_path_factory.mktemp("trials")
    (folder / "wbr_trials.py").write_text(TRIALS)
    return str(folder)


@pytest.fixture(autouse=True)
def _trials_can_be_found(trial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from wbr_platform.dicom import sandbox

    environment = sandbox._environment()
    environment["PYTHONPATH"] += os.pathsep + trial
    monkeypatch.setattr(sandbox, "_environment", lambda: environment)
    starter = (
        "import sys; from pathlib import Path; import wbr_platform.dicom.sandbox_worker as w; "
        "w.PACKAGE = 'wbr_'; w.main(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    original = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        assert command[1:4] == ["-P", "-m", sandbox.WORKER]
        return original([sys.executable, "-P", "-c", starter, *command[4:]], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sandbox.subprocess, "Popen", start)


QUICK = Limits(memory_bytes=2 * 1024**3, cpu_seconds=1, wall_seconds=2)
DEATHS = {
    "segfault": "FILE_KILLED_PARSER",
    "abort": "FILE_KILLED_PARSER",
    "leave": "FILE_KILLED_PARSER",
    "killed": "FILE_EXHAUSTED_MEMORY",
    "memory": "FILE_EXHAUSTED_MEMORY",
    "sleep": "FILE_EXHAUSTED_TIME",
    "spin": "FILE_EXHAUSTED_TIME",
    "recursion": "FILE_UNREADABLE",
    "refuse": "SOME_REASON",
    "object": "FILE_UNREADABLE",
}


def test_batch_marks_each_death_and_reads_the_good_files(tmp_path: Path) -> None:
    items = [item for bad in DEATHS for item in (f"good {bad}", bad)] + ["last"]
    verdicts = map_in_sandbox("wbr_trials:trial", items, tmp_path, QUICK)
    assert len(verdicts) == len(items)
    for item, verdict in zip(items, verdicts, strict=True):
        if item in DEATHS:
            assert isinstance(verdict, Refusal)
            assert verdict.reason_code == DEATHS[item]
        else:
            assert not isinstance(verdict, Refusal)
            assert verdict["said"] == item
            assert verdict["array"].tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["segfault", "refuse", "memory"])
def test_single_call_raises_the_reason(what: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        run_in_sandbox("wbr_trials:trial", {"what": what}, tmp_path, QUICK)
    assert refused.value.reason_code == DEATHS[what]
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_none_become_none(tmp_path: Path) -> None:
    answer = run_in_sandbox("wbr_trials:trial", {"what": "nan"}, tmp_path, QUICK)
    assert answer == {"value": None}


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    answer = run_in_sandbox("wbr_trials:trial", {"what": "grandchild"}, tmp_path, QUICK)
    for _ in range(100):
        if not _is_running(answer["pid"]):
            return
        time.sleep(0.02)
    os.kill(answer["pid"], signal.SIGKILL)
    pytest.fail("the grandchild outlived its parent")


def _is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_only_functions_of_the_package_run() -> None:
    with pytest.raises(ValueError, match="package"):
        sandbox_worker._resolve("os:system")
