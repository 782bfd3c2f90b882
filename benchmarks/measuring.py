"""CPU seconds and peak memory of this process."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """``cpu_seconds`` (user and system, children included) and ``peak_mib`` above the start."""

    cpu_seconds: float
    peak_mib: float


def cpu_seconds() -> float:
    """Of this process and its finished children, up to now."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


def _memory_mib(field: str) -> float:
    """A field of Linux' memory accounting (``VmRSS`` now, ``VmHWM`` highest) in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {field} in /proc/self/status")


def measured(work: Callable[[], Result], repetitions: int = 1) -> tuple[Result, Cost]:
    """The result and the cost of some work: the least CPU time of several repetitions."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
    before = _memory_mib("VmRSS")
    times = []
    for _ in range(repetitions):
        start = cpu_seconds()
        result = work()
        times.append(cpu_seconds() - start)
    return result, Cost(min(times), _memory_mib("VmHWM") - before)
