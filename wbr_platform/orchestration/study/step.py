"""A study step: a thin function between the store and one science function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from wbr_platform.refusal import Refusal

if TYPE_CHECKING:
    from wbr_platform.orchestration.study.workspace import StudyWorkspace
    from wbr_platform.settings import Settings


@dataclass(frozen=True)
class StepResult:
    """What a step made besides the files in its folder.

    ``metadata`` is shown in the user interface: numbers, texts, and PNG bytes for pictures (kept
    as files of the step).
    ``tables`` are the study's rows by table name, without ``study_key``. A ``refusal`` says that
    the step came to a definite no; its rows and files are kept all the same.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    refusal: Refusal | None = None


Compute = Callable[["StudyWorkspace"], StepResult]


@dataclass(frozen=True)
class StudyStep:
    """One study-level asset: its name, what it needs, its code version and how it is shown.

    ``parameters`` picks the settings that change its result: they enter its stamp, so that a
    changed setting makes this step and all below it stale, and nothing else. ``tables`` names the
    tables whose rows it owns.
    """

    name: str
    compute: Compute
    upstream: tuple[str, ...]
    group: str
    kinds: tuple[str, ...]
    description: str
    code_version: str
    tables: tuple[str, ...] = ()
    parameters: Callable[[Settings], Mapping[str, Any]] = lambda settings: {}


def in_dependency_order(steps: Sequence[StudyStep]) -> tuple[StudyStep, ...]:
    """The steps so that each comes after all that it needs; ValueError on a cycle or a gap."""
    by_name = {step.name: step for step in steps}
    ordered: dict[str, StudyStep] = {}

    def visit(step: StudyStep, path: tuple[str, ...]) -> None:
        if step.name in ordered:
            return
        if step.name in path:
            raise ValueError(f"steps depend on each other in a circle: {(*path, step.name)}")
        for name in step.upstream:
            if name not in by_name:
                raise ValueError(f"step {step.name} needs {name}, which does not exist")
            visit(by_name[name], (*path, step.name))
        ordered[step.name] = step

    for step in steps:
        visit(step, ())
    return tuple(ordered.values())
