"""Many studies in one Dagster run: each reported on its own, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration import study_assets
from wbr_platform.orchestration.partitions import add_studies, range_tags
from wbr_platform.orchestration.study import parallel
from wbr_platform.orchestration.study.step import StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.settings import Settings

KEYS = [f"s{number:03d}" for number in range(8)]
BAD, REFUSED = "s003", "s005"
TOP, BELOW = dg.AssetKey("top"), dg.AssetKey(["masks", "below"])


class Bench:
    """Two tiny steps instead of the real ones, in a store and a Dagster instance of their own."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.settings = Settings(store=root / "store", vault=root / "vault", workers=1)
        self.instance = instance
        self.broken = {BAD}
        self.computed: list[tuple[str, str]] = []
        for key in KEYS:
            Vault(self.settings.vault).write_source(key, {"fingerprint": "first"})
        add_studies(instance, KEYS)

    def _compute(self, name: str, study: StudyWorkspace) -> StepResult:
        self.computed.append((study.study_key, name))
        if name == "top" and study.study_key in self.broken:
            raise RuntimeError("a fault of the program")
        if name == "top" and study.study_key == REFUSED:
            raise Refusal("WEIGHT_MISSING", "there is no weight")
        return StepResult({"n": 1})

    def steps(self, settings: Settings) -> tuple[StudyStep, ...]:
        def step(name: str, *upstream: str) -> StudyStep:
            return StudyStep(
                name,
                lambda study: self._compute(name, study),
                upstream,
                "test",
                ("python",),
                "a step",
                "1",
            )

        return step("top"), step("masks__below", "top")

    def run(self, *, recompute: bool = False) -> dg.ExecuteInProcessResult:
        assets = study_assets.build_study_assets(self.settings)
        definitions = dg.Definitions(assets=[assets], jobs=[dg.define_asset_job("all")])
        return definitions.resolve_job_def("all").execute_in_process(
            instance=self.instance,
            tags=range_tags(KEYS),
            run_config={"ops": {"study_pipeline": {"config": {"recompute": recompute}}}},
            raise_on_error=False,
        )

    def materialized(self, key: dg.AssetKey) -> set[str]:
        return set(self.instance.get_materialized_partitions(key))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = Bench(tmp_path, instance)
        monkeypatch.setattr(study_assets, "study_steps", found.steps)
        monkeypatch.setattr(parallel, "study_steps", found.steps)
        # The one retry would only wait: its outcome is the same.
        monkeypatch.setattr(study_assets, "RETRY_POLICY", None)
        yield found


def test_a_failed_study_stays_failed_and_the_others_are_done(bench: Bench) -> None:
    result = bench.run()
    assert not result.success
    assert bench.materialized(TOP) == set(KEYS) - {BAD}
    assert bench.materialized(BELOW) == set(KEYS) - {BAD}
    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert data.metadata["failed_studies"].value == [BAD]


def test_a_second_run_takes_only_what_failed(bench: Bench) -> None:
    bench.run()
    bench.computed.clear()
    bench.broken.clear()
    assert bench.run().success
    assert bench.computed == [(BAD, "top"), (BAD, "masks__below")]
    assert bench.materialized(BELOW) == set(KEYS)


def test_recompute_takes_everything(bench: Bench) -> None:
    bench.broken.clear()
    bench.run()
    bench.computed.clear()
    bench.run(recompute=True)
    assert len(bench.computed) == 2 * len(KEYS)


def test_a_refusal_is_materialized_with_its_reason(bench: Bench) -> None:
    bench.run()
    records = bench.instance.fetch_materializations(
        dg.AssetRecordsFilter(TOP, asset_partitions=[REFUSED]), limit=1
    ).records
    metadata = records[0].asset_materialization
    assert metadata is not None
    assert metadata.metadata["reason_code"].value == "WEIGHT_MISSING"


def test_what_was_just_made_is_not_called_stale(bench: Bench) -> None:
    bench.broken.clear()
    bench.run()
    record = bench.instance.get_latest_data_version_record(BELOW, partition_key="s000")
    above = bench.instance.get_latest_data_version_record(TOP, partition_key="s000")
    assert record is not None
    assert above is not None
    event = record.event_log_entry.asset_materialization
    assert event is not None
    assert int((event.tags or {})["dagster/input_event_pointer/top"]) >= above.storage_id
