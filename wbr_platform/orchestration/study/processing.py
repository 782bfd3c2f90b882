"""Run the steps of one study: fresh ones are left, a refusal is a result, a failure stays here."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.study.quarantine import quarantine_rows
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.locks import file_lock
from wbr_platform.store.manifests import Manifest, stamp

Status = Literal["done", "refused", "unchanged", "failed", "blocked"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepOutcome:
    """What became of one step of one study.

    ``unchanged``: inputs and parameters are those of the stored result. ``blocked``: a step above
    failed. ``failed``: an error of the program, not of the data.
    """

    study_key: str
    step: str
    status: Status
    reason_code: str | None = None
    message: str = ""
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the step's stored result is up to date now."""
        return self.status in ("done", "refused", "unchanged")


def expected_stamp(
    step: StudyStep, study_key: str, store: Store, vault: Vault, settings: Settings
) -> str:
    """The stamp that an up-to-date result of the step carries, given what lies above it."""
    above = {}
    for name in step.upstream:
        manifest = store.read_manifest(name, study_key)
        above[name] = manifest.stamp if manifest else "missing"
    if not step.upstream:
        above["source"] = str(vault.source(study_key)["fingerprint"])
    return stamp(step.code_version, dict(step.parameters(settings)), above)


def is_fresh(
    step: StudyStep, study_key: str, store: Store, vault: Vault, settings: Settings
) -> bool:
    """Whether the stored result is what the step would compute again."""
    manifest = store.read_manifest(step.name, study_key)
    return manifest is not None and manifest.stamp == expected_stamp(
        step, study_key, store, vault, settings
    )


def process_study(
    study_key: str,
    steps: Sequence[StudyStep],
    settings: Settings,
    *,
    recompute: bool = False,
) -> list[StepOutcome]:
    """Bring the given steps (in dependency order) of one study up to date.

    Never raises for what a step does: an unexpected error is recorded as ``failed`` and only the
    steps below it are ``blocked``. With ``recompute`` fresh results are made again.
    """
    store, vault = Store(settings.store), Vault(settings.vault)
    # Two runs may be asked for the same study: the second then finds it done.
    with file_lock(store.root / ".locks" / f"{study_key}.lock"):
        outcomes = _process_steps(study_key, steps, store, vault, settings, recompute)
        refused = quarantine_rows(store.study_manifests(study_key))
        store.write_part("quarantine", refused, study_key)
    return outcomes


def _process_steps(
    study_key: str,
    steps: Sequence[StudyStep],
    store: Store,
    vault: Vault,
    settings: Settings,
    recompute: bool,
) -> list[StepOutcome]:
    failed: set[str] = set()
    outcomes: list[StepOutcome] = []
    for step in steps:
        if failed.intersection(step.upstream):
            failed.add(step.name)
            outcomes.append(StepOutcome(study_key, step.name, "blocked", "UPSTREAM_FAILED"))
            continue
        if not recompute and is_fresh(step, study_key, store, vault, settings):
            outcomes.append(StepOutcome(study_key, step.name, "unchanged"))
            continue
        outcome = _run_step(step, study_key, store, vault, settings)
        if outcome.status == "failed":
            failed.add(step.name)
        outcomes.append(outcome)
    return outcomes


def _run_step(
    step: StudyStep, study_key: str, store: Store, vault: Vault, settings: Settings
) -> StepOutcome:
    started = time.monotonic()
    new_stamp = expected_stamp(step, study_key, store, vault, settings)
    store.remove_manifest(step.name, study_key)
    try:
        with store.replacing_folder(store.study_folder(study_key, step.name)) as folder:
            workspace = StudyWorkspace(study_key, settings, store, vault, folder)
            result = _compute(step, workspace)
            for name, value in result.metadata.items():
                if isinstance(value, bytes):
                    (folder / f"{name}.png").write_bytes(value)
        for table in step.tables:
            rows = result.tables.get(table, pl.DataFrame())
            store.write_part(table, rows, study_key)
    # A study must never stop the others, whatever goes wrong inside it.
    except Exception as error:  # noqa: BLE001 - recorded as a failure with its place
        # The error's own text may quote a file name or a header: only its type and place are kept.
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__} at {place.name}:{place.lineno}"
        calls = "".join(traceback.format_tb(error.__traceback__))
        log.error("step %s of study %s: %s\n%s", step.name, study_key, message, calls)
        return StepOutcome(
            study_key, step.name, "failed", "UNEXPECTED_ERROR", message, time.monotonic() - started
        )
    refusal = result.refusal
    status: Literal["done", "refused"] = "refused" if refusal else "done"
    seconds = round(time.monotonic() - started, 3)
    plain = {k: v for k, v in result.metadata.items() if not isinstance(v, bytes)}
    store.write_manifest(
        Manifest(
            asset=step.name,
            study_key=study_key,
            status=status,
            reason_code=refusal.reason_code if refusal else None,
            message=refusal.message if refusal else "",
            action=refusal.action if refusal else "",
            stamp=new_stamp,
            metadata={**plain, "seconds": seconds},
        )
    )
    return StepOutcome(
        study_key,
        step.name,
        status,
        refusal.reason_code if refusal else None,
        refusal.message if refusal else "",
        seconds,
    )


def _compute(step: StudyStep, workspace: StudyWorkspace) -> StepResult:
    try:
        return step.compute(workspace)
    except Refusal as refusal:
        return StepResult(refusal=refusal)
