"""What orchestration itself costs a study: 200 studies of empty steps in one Dagster run.

    python benchmarks/orchestration.py [--studies 200] [--json]

Prints seconds a study for a first run and for a second one in which everything is up to date. The
steps do nothing, so that all that is measured is Dagster, manifests and events.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import dagster as dg

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration import study_assets
from wbr_platform.orchestration.instance import open_instance
from wbr_platform.orchestration.launching import QUIET
from wbr_platform.orchestration.partitions import add_studies, range_tags
from wbr_platform.orchestration.study import parallel
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.settings import Settings


def empty_steps(settings: Settings) -> tuple[StudyStep, ...]:
    """The platform's own graph of steps, each doing nothing."""
    return tuple(
        StudyStep(
            name=step.name,
            compute=lambda study: StepResult(),
            upstream=step.upstream,
            group=step.group,
            kinds=step.kinds,
            description=step.description,
            code_version=step.code_version,
        )
        for step in study_steps(settings)
    )


def run(settings: Settings, instance: dg.DagsterInstance, keys: list[str]) -> float:
    """Seconds a study of one run over all keys."""
    assets = study_assets.build_study_assets(settings)
    job = dg.Definitions(assets=[assets], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    started = time.perf_counter()
    result = job.execute_in_process(instance=instance, tags=range_tags(keys), run_config=QUIET)
    assert result.success
    return (time.perf_counter() - started) / len(keys)


def measure(studies: int) -> dict[str, float]:
    """Both runs in a store of their own."""
    study_assets.study_steps = empty_steps
    parallel.study_steps = empty_steps
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = Settings(store=root / "store", vault=root / "vault", workers=1)
        keys = [f"s{number:05d}" for number in range(studies)]
        for key in keys:
            Vault(settings.vault).write_source(key, {"fingerprint": "benchmark"})
        with open_instance(settings) as instance:
            add_studies(instance, keys)
            return {
                "studies": studies,
                "assets_a_study": len(empty_steps(settings)),
                "first_run_seconds_a_study": run(settings, instance, keys),
                "up_to_date_seconds_a_study": run(settings, instance, keys),
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.studies)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:<28} {value:.3f}" if isinstance(value, float) else f"{name:<28} {value}")


if __name__ == "__main__":
    main()
