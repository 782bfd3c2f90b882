"""Which studies have work to do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.study.processing import is_fresh
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study.step import StudyStep
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store


def stale_studies(study_keys: Iterable[str], settings: Settings) -> list[str]:
    """The studies with a step that is missing, failed, or made from other inputs or settings."""
    store, vault = Store(settings.store), Vault(settings.vault)
    steps = study_steps(settings)
    return [
        key
        for key in study_keys
        if not all(is_fresh(step, key, store, vault, settings) for step in steps)
    ]


def work_token(study_key: str, settings: Settings) -> str:
    """What a study's results are made from: its files, the code versions and the parameters.

    A sensor asks for the same token once only, so that a study that fails is not tried for ever.
    """
    steps: Sequence[StudyStep] = study_steps(settings)
    parts = [str(Vault(settings.vault).source(study_key)["fingerprint"])]
    for step in steps:
        parts += [step.name, step.code_version, repr(sorted(step.parameters(settings).items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
