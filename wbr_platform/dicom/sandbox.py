"""Parsing untrusted bytes in a child process that may die without harm.

A crafted file can end a parser by a signal, fill the memory or run for ever. So everything that
parses a file of an export runs in a child with limits on memory, CPU time, wall time and file
size, in a session of its own that ends with its parent. Only JSON and plain ``.npy`` arrays (no
pickles) come back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbr_platform.refusal import Refusal

GIB = 1024**3
WORKER = "wbr_platform.dicom.sandbox_worker"
ARRAY_NAME = re.compile(r"array_\d{1,6}\.npy")
GRACE_SECONDS = 15.0  # beyond the child's own alarm: start-up, writing the answer
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Limits:
    """What a child may use; in a batch, the seconds are those of one item."""

    memory_bytes: int = 3 * GIB
    cpu_seconds: int = 120
    wall_seconds: int = 180
    file_bytes: int = 4 * GIB


DEFAULT_LIMITS = Limits()
HEADER_LIMITS = Limits(cpu_seconds=10, wall_seconds=15)


def run_in_sandbox(
    function: str, arguments: Mapping[str, Any], workspace: Path, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Call ``"package.module:function"`` with keyword arguments in a child; its dict comes back.

    The arguments must be JSON-able. Arrays anywhere in the answer travel as ``.npy`` files.
    Raises the Refusal that the function raised, or FILE_UNREADABLE (any other exception),
    FILE_EXHAUSTED_MEMORY, FILE_EXHAUSTED_TIME, FILE_KILLED_PARSER.
    """
    with _private_folder(workspace) as folder:
        request = {"function": function, "arguments": dict(arguments), "limits": asdict(limits)}
        (folder / "request.json").write_text(json.dumps(request))
        ending = _run_child(folder, limits.wall_seconds + GRACE_SECONDS)
        answers = _read_answers(folder)
        if not answers:
            raise _death(ending)
        return _unpack(answers[0], folder)


def map_in_sandbox(
    function: str,
    items: Sequence[Any],
    workspace: Path,
    limits: Limits = HEADER_LIMITS,
) -> list[dict[str, Any] | Refusal]:
    """Call ``function(item)`` for every JSON-able item; one verdict an item, in order.

    One child works through the list, so its start is paid once. When it dies, the item it was
    working on is marked with the reason and a new child goes on with the rest.
    """
    verdicts: list[dict[str, Any] | Refusal] = []
    while len(verdicts) < len(items):
        rest = items[len(verdicts) :]
        with _private_folder(workspace) as folder:
            request = {"function": function, "items": list(rest), "limits": asdict(limits)}
            (folder / "request.json").write_text(json.dumps(request))
            ending = _run_child(folder, limits.wall_seconds + GRACE_SECONDS)
            for answer in _read_answers(folder)[: len(rest)]:
                try:
                    verdicts.append(_unpack(answer, folder))
                except Refusal as refusal:
                    verdicts.append(refusal)
            if len(verdicts) < len(items):
                verdicts.append(_death(ending))
    return verdicts


@contextmanager
def _private_folder(workspace: Path) -> Iterator[Path]:
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="sandbox-", dir=workspace.absolute()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _environment() -> dict[str, str]:
    package_root = str(Path(__file__).parents[2])
    return {
        "PATH": os.defpath,
        "PYTHONPATH": package_root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        # Each thread of a numeric library reserves address space that counts against the limit.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    }


def _run_child(folder: Path, patience_seconds: float) -> int | None:
    """Run the worker on a request; its return code, or None when it had to be killed.

    The child answers item by item: patience starts anew with every answer. Its output streams are
    thrown away, for a parser's warnings quote what they read.
    """
    process = subprocess.Popen(
        # -P: never import from the working folder, where files of an export may lie.
        [sys.executable, "-P", "-m", WORKER, str(folder), str(os.getpid())],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    answers = folder / "answers.jsonl"
    seen, last_progress = -1, time.monotonic()
    try:
        while True:
            try:
                return process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                size = answers.stat().st_size if answers.exists() else 0
                if size != seen:
                    seen, last_progress = size, time.monotonic()
                elif time.monotonic() - last_progress > patience_seconds:
                    return None
    finally:
        _kill_session(process)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """End the child and everything that it started; without effect when all have ended."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _read_answers(folder: Path) -> list[dict[str, Any]]:
    """Whole lines of answers; a last line cut short by death does not count."""
    path = folder / "answers.jsonl"
    if not path.exists():
        return []
    answers: list[dict[str, Any]] = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        answer = json.loads(line)
        if not isinstance(answer, dict):
            break
        answers.append(answer)
    return answers


def _unpack(answer: dict[str, Any], folder: Path) -> dict[str, Any]:
    if answer.get("status") == "answered":
        unpacked = _load_arrays(answer["answer"], folder)
        if isinstance(unpacked, dict):
            return unpacked
    refusal = answer.get("refusal", ["FILE_UNREADABLE", "the parser failed", ""])
    raise Refusal(*(str(part) for part in refusal))


def _load_arrays(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_load_arrays(one, folder) for one in value]
    if not isinstance(value, dict):
        return value
    name = value.get("__array__")
    if name is None:
        return {key: _load_arrays(one, folder) for key, one in value.items()}
    if not ARRAY_NAME.fullmatch(str(name)):
        raise Refusal("FILE_UNREADABLE", "the parser named an array that cannot be")
    return np.load(folder / name, allow_pickle=False)


def _death(return_code: int | None) -> Refusal:
    if return_code in (None, -signal.SIGXCPU, -signal.SIGALRM):
        return Refusal(
            "FILE_EXHAUSTED_TIME", "reading took longer than allowed", "look at the file by hand"
        )
    if return_code == -signal.SIGKILL:
        return Refusal(
            "FILE_EXHAUSTED_MEMORY", "the system ended the parser", "look at the file by hand"
        )
    return Refusal(
        "FILE_KILLED_PARSER", f"the parser died (code {return_code})", "look at the file by hand"
    )
