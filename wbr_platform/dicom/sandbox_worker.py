"""The child of :mod:`wbr_platform.dicom.sandbox`: limits first, then the work, then JSON.

Started as ``python -P -m wbr_platform.dicom.sandbox_worker <folder> <process id of the parent>``.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
PACKAGE = "wbr_platform."


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the line above
        os._exit(1)


def _set_limits(limits: dict[str, int]) -> None:
    memory, file_size = limits["memory_bytes"], limits["file_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _set_clocks(limits: dict[str, int]) -> None:
    """CPU and wall time from now on; the default action of both signals ends the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + limits["cpu_seconds"], hard))
    signal.alarm(limits["wall_seconds"])


def _resolve(name: str) -> Callable[..., dict[str, Any]]:
    module, _, function = name.partition(":")
    if not module.startswith(PACKAGE):
        raise ValueError("only functions of the package run here")
    found: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), function)
    return found


class _Packer:
    """Takes arrays out of an answer and leaves their file names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def pack(self, value: Any) -> Any:
        import numpy as np

        if isinstance(value, np.ndarray):
            name = f"array_{self.count}.npy"
            self.count += 1
            np.save(self.folder / name, value, allow_pickle=False)
            return {"__array__": name}
        if isinstance(value, dict):
            return {str(key): self.pack(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.pack(one) for one in value]
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return None  # JSON has no such number
        return value


def _place_of(error: BaseException) -> str:
    """Type and line of an exception; never its text, which may quote the file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _is_of_a_parser(error: BaseException) -> bool:
    """Whether a library raised it over the file, and not the platform's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "wbr_platform" not in Path(frames[-1].filename).parts


def _verdict(work: Callable[[], dict[str, Any]], packer: _Packer) -> dict[str, Any]:
    from wbr_platform.refusal import Refusal

    try:
        return {"status": "answered", "answer": packer.pack(work())}
    except Refusal as refusal:
        refused = [refusal.reason_code, refusal.message, refusal.action]
    except MemoryError:
        refused = [
            "FILE_EXHAUSTED_MEMORY",
            "reading needs more memory than allowed",
            "look at the file by hand",
        ]
    except Exception as error:  # noqa: BLE001 - the boundary: recorded as the item's verdict
        refused = [
            "FILE_UNREADABLE" if _is_of_a_parser(error) else "READING_FAILED",
            f"the file cannot be read ({_place_of(error)})",
            "export it again from the archive; if it stays so, report the place named here",
        ]
    return {"status": "refused", "refusal": refused}


def _write(answers: IO[bytes], verdict: dict[str, Any]) -> None:
    answers.write(json.dumps(verdict, allow_nan=False).encode() + b"\n")
    answers.flush()


def main(folder: Path, parent: int) -> None:
    """Answer the request that lies in the folder."""
    _die_with_parent(parent)
    request = json.loads((folder / "request.json").read_text())
    limits = request["limits"]
    _set_limits(limits)
    _set_clocks(limits)
    warnings.simplefilter("ignore")
    function = _resolve(request["function"])
    packer = _Packer(folder)
    with (folder / "answers.jsonl").open("ab") as answers:
        if "arguments" in request:
            _write(answers, _verdict(lambda: function(**request["arguments"]), packer))
            return
        for item in request["items"]:
            _set_clocks(limits)
            _write(answers, _verdict(lambda item=item: function(item), packer))  # type: ignore[misc]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
