"""One study after the other: fresh results stay, refusals are results, failures stay at home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.study.processing import process_study
from wbr_platform.orchestration.study.step import Compute, StepResult, StudyStep
from wbr_platform.orchestration.study.workspace import StudyWorkspace
from wbr_platform.refusal import Refusal
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

STUDY = "sabcdefgh"
SECRET = "DOE^JANE"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(store=tmp_path / "store", vault=tmp_path / "vault", workers=1)
    Vault(found.vault).write_source(STUDY, {"fingerprint": "first"})
    return found


class Steps:
    """Three steps in a row that count how often each runs."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.version = "1"
        self.middle: Callable[[], StepResult] = lambda: StepResult({"n": 1})

    def _compute(self, name: str) -> Compute:
        def compute(study: StudyWorkspace) -> StepResult:
            self.runs.append(name)
            (study.folder / "file.txt").write_text(name)
            return self.middle() if name == "middle" else StepResult()

        return compute

    def __call__(self) -> list[StudyStep]:
        def step(name: str, *upstream: str, version: str = "1") -> StudyStep:
            return StudyStep(name, self._compute(name), upstream, "test", (), "", version)

        return [
            step("top"),
            step("middle", "top", version=self.version),
            step("bottom", "middle"),
            step("aside", "top"),
        ]


def statuses(steps: Steps, settings: Settings, **options: bool) -> dict[str, str]:
    outcomes = process_study(STUDY, steps(), settings, **options)
    return {outcome.step: outcome.status for outcome in outcomes}


def test_what_is_up_to_date_is_not_computed_again(settings: Settings) -> None:
    steps = Steps()
    assert set(statuses(steps, settings).values()) == {"done"}
    assert set(statuses(steps, settings).values()) == {"unchanged"}
    assert steps.runs == ["top", "middle", "bottom", "aside"]
    assert set(statuses(steps, settings, recompute=True).values()) == {"done"}


def test_a_new_code_version_makes_only_what_lies_below_stale(settings: Settings) -> None:
    steps = Steps()
    statuses(steps, settings)
    steps.version = "2"
    assert statuses(steps, settings) == {
        "top": "unchanged",
        "middle": "done",
        "bottom": "done",
        "aside": "unchanged",
    }


def test_new_files_in_the_export_make_everything_stale(settings: Settings) -> None:
    steps = Steps()
    statuses(steps, settings)
    Vault(settings.vault).write_source(STUDY, {"fingerprint": "second"})
    assert set(statuses(steps, settings).values()) == {"done"}


def test_a_refusal_is_a_result_and_is_kept_visible(settings: Settings) -> None:
    steps = Steps()

    def refuse() -> StepResult:
        raise Refusal("WEIGHT_MISSING", "there is no weight", "ask the department")

    steps.middle = refuse
    assert statuses(steps, settings)["middle"] == "refused"
    assert statuses(steps, settings)["middle"] == "unchanged"
    store = Store(settings.store)
    assert store.read_table("quarantine").select("stage", "reason_code").rows() == [
        ("middle", "WEIGHT_MISSING")
    ]
    steps.middle, steps.version = StepResult, "2"
    assert statuses(steps, settings)["middle"] == "done"
    assert store.read_table("quarantine").is_empty()


def test_what_was_not_in_the_export_is_no_reason_for_quarantine(settings: Settings) -> None:
    steps = Steps()
    steps.middle = lambda: StepResult(refusal=Refusal("NO_CT", "there is no CT"))
    assert statuses(steps, settings)["middle"] == "refused"
    assert Store(settings.store).read_table("quarantine").is_empty()


def test_a_failure_blocks_only_what_lies_below_and_is_tried_again(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    steps = Steps()

    def fail() -> StepResult:
        raise RuntimeError(f"cannot read /exports/{SECRET}/1.dcm")

    steps.middle = fail
    expected = {"top": "done", "middle": "failed", "bottom": "blocked", "aside": "done"}
    assert statuses(steps, settings) == expected
    assert SECRET not in caplog.text
    steps.middle = StepResult
    assert statuses(steps, settings) == {
        "top": "unchanged",
        "middle": "done",
        "bottom": "done",
        "aside": "unchanged",
    }


def test_a_failed_step_leaves_no_half_result(settings: Settings) -> None:
    steps = Steps()
    statuses(steps, settings)

    def fail() -> StepResult:
        raise RuntimeError

    steps.middle, steps.version = fail, "2"
    statuses(steps, settings)
    assert Store(settings.store).read_manifest("middle", STUDY) is None


def test_rows_of_a_step_are_replaced_not_added(settings: Settings) -> None:
    def compute(study: StudyWorkspace) -> StepResult:
        frame = pl.DataFrame({"algorithm_a": ["a"], "algorithm_b": ["b"], "measure": ["dice"]})
        return StepResult(tables={"segmentation_agreement": frame})

    step = StudyStep(
        "agreement", compute, (), "test", (), "", "1", tables=("segmentation_agreement",)
    )
    for _ in range(2):
        process_study(STUDY, [step], settings, recompute=True)
    assert Store(settings.store).read_table("segmentation_agreement").height == 1
