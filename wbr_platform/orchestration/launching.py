"""The main job, run from the command line through the same Dagster definitions as in the UI."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from wbr_platform.dicom.reading import IngestReport, register_exports
from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.build import build_definitions
from wbr_platform.orchestration.exports import inventory_metadata
from wbr_platform.orchestration.freshness import stale_studies
from wbr_platform.orchestration.instance import open_instance
from wbr_platform.orchestration.jobs import COHORT_JOB, STUDY_JOB
from wbr_platform.orchestration.partitions import (
    STUDIES,
    add_studies,
    contiguous_batches,
    range_tags,
)
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study_assets import EXPORTS, EXPORTS_VERSION
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many steps are done, and how many there are."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class StageResult:
    """How one job ended; ``problems`` holds one line for each failed step or study."""

    job: str
    success: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """How the whole run ended."""

    stages: tuple[StageResult, ...]
    studies: tuple[str, ...]
    processed: tuple[str, ...]

    @property
    def success(self) -> bool:
        """Whether no step failed (a refused study is no failure)."""
        return all(stage.success for stage in self.stages)

    @property
    def problems(self) -> tuple[str, ...]:
        """Every problem, in order."""
        return tuple(problem for stage in self.stages for problem in stage.problems)


def ingest(exports: Sequence[Path], settings: Settings) -> IngestReport:
    """Read exports, register their studies as partitions, and tell Dagster what came."""
    with open_instance(settings) as instance:
        return _ingest(instance, exports, settings)


def run(
    exports: Sequence[Path], settings: Settings, progress: Progress, *, recompute: bool = False
) -> RunResult:
    """Ingest the exports (none: only what is registered), process what is not up to date, and
    refresh the cohort. Goes on after failed studies; the result names them."""
    definitions = build_definitions(settings)
    stages = []
    with open_instance(settings) as instance:
        if exports:
            progress("reading exports", 0, 1)
            _ingest(instance, exports, settings)
            progress("reading exports", 1, 1)
        known = list(instance.get_dynamic_partitions(str(STUDIES.name)))
        wanted = known if recompute else stale_studies(known, settings)
        batches = contiguous_batches(known, wanted, settings.studies_per_run)
        with _watching_studies(wanted, settings, progress, recompute):
            for batch in batches:
                config = {"ops": {"study_pipeline": {"config": {"recompute": recompute}}}}
                tags = range_tags(batch)
                stages.append(_execute(definitions, instance, STUDY_JOB, config, tags))
        progress("cohort", 0, 1)
        stages.append(_execute(definitions, instance, COHORT_JOB))
        progress("cohort", 1, 1)
    return RunResult(tuple(stages), tuple(known), tuple(wanted))


def _ingest(
    instance: dg.DagsterInstance, exports: Sequence[Path], settings: Settings
) -> IngestReport:
    report = register_exports(exports, Vault(settings.vault))
    add_studies(instance, [study.study_key for study in report.studies])
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            EXPORTS,
            metadata=inventory_metadata(report),
            tags={"dagster/data_version": EXPORTS_VERSION},
        )
    )
    return report


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> StageResult:
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config={**QUIET, **(config or {})},
        tags=dict(tags or {}),
        raise_on_error=False,
    )
    return StageResult(job, result.success, tuple(_problems(result)))


def _problems(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """One line for each failed study, step and asset check."""
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        raised = failure.user_failure_data
        told = raised.metadata.get("causes") if raised else None
        if isinstance(told, dg.JsonMetadataValue) and isinstance(told.value, list):
            yield from map(str, told.value)
        elif failure.error is not None:
            yield f"{event.step_key}: {failure.error.message.strip()}"
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            asset = check.asset_key.to_user_string()
            yield f"check {check.check_name} of {asset}: {check.description or 'not passed'}"


@contextmanager
def _watching_studies(
    study_keys: Sequence[str], settings: Settings, progress: Progress, recompute: bool
) -> Iterator[None]:
    """Report progress from the manifests that appear while the studies are processed."""
    store = Store(settings.store)
    steps = study_steps(settings)
    total = len(study_keys) * len(steps)
    before = {} if not recompute else _stamps(study_keys, store)
    stop = threading.Event()

    def count() -> int:
        now = _stamps(study_keys, store)
        return sum(now[key] != before.get(key) for key in now)

    def watch() -> None:
        while not stop.wait(0.5):
            progress("studies", count(), total)

    watcher = threading.Thread(target=watch, daemon=True)
    progress("studies", 0, total)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        progress("studies", total, total)


def _stamps(study_keys: Sequence[str], store: Store) -> dict[tuple[str, str], str]:
    """Creation times of the manifests that exist, by study and asset."""
    return {
        (key, manifest.asset): manifest.created
        for key in study_keys
        for manifest in store.study_manifests(key)
    }
