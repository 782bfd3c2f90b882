"""New exports, new studies and a changed cohort start runs, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.partitions import add_studies
from wbr_platform.orchestration.requests import read_request
from wbr_platform.orchestration.sensors import cohort_to_refresh, inbox_exports, studies_to_process
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.manifests import Manifest

PATIENT = "DOE_JANE"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        store=tmp_path / "store",
        vault=tmp_path / "vault",
        inbox=tmp_path / "inbox",
        inbox_settle_seconds=0.0,
        studies_per_run=50,
        runs_per_tick=2,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def tick(
    sensor: dg.SensorDefinition,
    settings: Settings,
    instance: dg.DagsterInstance,
    cursor: str | None = None,
) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"settings": settings}
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def an_export(settings: Settings, name: str = PATIENT) -> Path:
    folder = settings.inbox / name
    folder.mkdir(parents=True)
    (folder / "1.dcm").write_bytes(b"x")
    return folder


def test_an_export_is_taken_once_it_has_stopped_changing(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    folder = an_export(settings)
    (folder / "2.dcm.part").write_bytes(b"half")
    growing = tick(inbox_exports, settings, instance)
    assert not growing.run_requests
    (folder / "2.dcm.part").rename(folder / "2.dcm")
    seen = tick(inbox_exports, settings, instance, growing.cursor)
    settled = tick(inbox_exports, settings, instance, seen.cursor)
    requests = [*(seen.run_requests or []), *(settled.run_requests or [])]
    assert len(requests) == 1
    again = tick(inbox_exports, settings, instance, settled.cursor)
    assert not again.run_requests
    config = requests[0].run_config["ops"]["export_inventory"]["config"]
    assert read_request(settings.vault, config["request"]) == [folder.resolve()]


def test_nothing_of_a_patient_is_in_what_the_sensor_leaves_behind(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    (an_export(settings) / ".done").touch()
    result = tick(inbox_exports, settings, instance)
    (request,) = result.run_requests or []
    left = json.dumps([result.cursor, request.run_key, request.run_config, dict(request.tags)])
    assert PATIENT not in left


def test_at_most_so_many_runs_a_tick_and_the_others_in_the_next(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    for number in range(5):
        (an_export(settings, f"export_{number}") / ".done").touch()
    cursor, taken = None, []
    for _ in range(4):
        result = tick(inbox_exports, settings, instance, cursor)
        assert len(result.run_requests or []) <= settings.runs_per_tick
        taken += [request.run_key for request in result.run_requests or []]
        cursor = result.cursor
    assert len(taken) == len(set(taken)) == 5


def register(settings: Settings, instance: dg.DagsterInstance, count: int) -> list[str]:
    keys = [f"s{number:03d}" for number in range(count)]
    for key in keys:
        Vault(settings.vault).write_source(key, {"fingerprint": "first"})
    add_studies(instance, keys)
    return keys


def test_two_hundred_new_studies_are_few_runs_each_asked_for_once(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    keys = register(settings, instance, 200)
    first = tick(studies_to_process, settings, instance)
    second = tick(studies_to_process, settings, instance, first.cursor)
    third = tick(studies_to_process, settings, instance, second.cursor)
    requests = [*(first.run_requests or []), *(second.run_requests or [])]
    ranges = [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]
    assert ranges == [(keys[at], keys[at + 49]) for at in (0, 50, 100, 150)]
    assert not third.run_requests


def test_a_study_that_gained_files_is_asked_for_again(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    register(settings, instance, 3)
    first = tick(studies_to_process, settings, instance)
    Vault(settings.vault).write_source("s001", {"fingerprint": "second"})
    second = tick(studies_to_process, settings, instance, first.cursor)
    (request,) = second.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "s001"
    assert request.tags["dagster/asset_partition_range_end"] == "s001"


def test_the_cohort_is_refreshed_once_for_each_state_of_the_store(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    nothing = tick(cohort_to_refresh, settings, instance)
    assert not nothing.run_requests
    store = Store(settings.store)
    store.write_manifest(Manifest("study_report", "s001", "done", stamp="one"))
    first = tick(cohort_to_refresh, settings, instance)
    assert len(first.run_requests or []) == 1
    assert not tick(cohort_to_refresh, settings, instance, first.cursor).run_requests
    store.write_manifest(Manifest("study_report", "s001", "done", stamp="two"))
    assert len(tick(cohort_to_refresh, settings, instance, first.cursor).run_requests or []) == 1
