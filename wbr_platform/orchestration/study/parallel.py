"""Many studies on several cores; a worker that dies takes only its own study with it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from wbr_platform.orchestration.study.processing import StepOutcome, process_study
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.settings import Settings


def process_studies(
    study_keys: Sequence[str],
    step_names: Sequence[str],
    settings: Settings,
    *,
    recompute: bool = False,
) -> Iterator[list[StepOutcome]]:
    """Yield each study's outcomes as it finishes, ``settings.workers`` studies at a time."""
    if settings.workers == 1 or len(study_keys) == 1:
        for study_key in study_keys:
            yield _process_by_name(study_key, step_names, settings, recompute)
        return
    interrupted: list[str] = []
    with _pool(settings.workers) as pool:
        waiting: dict[Future[list[StepOutcome]], str] = {
            pool.submit(_process_by_name, key, step_names, settings, recompute): key
            for key in study_keys
        }
        for future in as_completed(waiting):
            try:
                yield future.result()
            except BrokenProcessPool:
                interrupted.append(waiting[future])
    # The pool cannot say which study killed its worker, so each gets a worker of its own.
    for study_key in interrupted:
        yield _process_alone(study_key, step_names, settings, recompute)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _process_alone(
    study_key: str, step_names: Sequence[str], settings: Settings, recompute: bool
) -> list[StepOutcome]:
    with _pool(1) as pool:
        try:
            return pool.submit(
                _process_by_name, study_key, step_names, settings, recompute
            ).result()
        except BrokenProcessPool:
            message = "the worker process died (out of memory, or killed)"
            return [
                StepOutcome(study_key, name, "failed", "WORKER_DIED", message)
                for name in step_names
            ]


def _process_by_name(
    study_key: str, step_names: Sequence[str], settings: Settings, recompute: bool
) -> list[StepOutcome]:
    wanted = set(step_names)
    steps = [step for step in study_steps(settings) if step.name in wanted]
    return process_study(study_key, steps, settings, recompute=recompute)
