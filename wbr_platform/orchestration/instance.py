"""Dagster's own home: inside the store, offline, quiet, one study run at a time per machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import yaml

from wbr_platform.settings import Settings

INSTANCE = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "concurrency": {
        # One study run uses all workers of the machine; the warehouse has one publisher.
        "pools": {"default_limit": 1, "granularity": "run"},
        "runs": {"max_concurrent_runs": 4},
    },
    "run_monitoring": {
        "enabled": True,
        "start_timeout_seconds": 180,
        "free_slots_after_run_end_seconds": 60,
    },
    "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
    "sensors": {"use_threads": True, "num_workers": 2},
}


def dagster_home(settings: Settings) -> Path:
    """The folder of Dagster's run history and event log, with its configuration written."""
    home = (settings.store / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text(yaml.safe_dump(INSTANCE, sort_keys=False))
    return home


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of this store."""
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        yield instance
