"""Steps come after what they need, and mistakes in the graph are told."""

from __future__ import annotations

import pytest

from wbr_platform.orchestration.study.step import StepResult, StudyStep, in_dependency_order


def a_step(name: str, *upstream: str) -> StudyStep:
    return StudyStep(
        name=name,
        compute=lambda study: StepResult(),
        upstream=upstream,
        group="test",
        kinds=(),
        description="",
        code_version="1",
    )


def test_each_step_comes_after_all_it_needs() -> None:
    steps = [a_step("page", "features", "pet"), a_step("features", "pet"), a_step("pet")]
    names = [step.name for step in in_dependency_order(steps)]
    assert names == ["pet", "features", "page"]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        in_dependency_order([a_step("a", "b"), a_step("b", "a")])


def test_a_missing_step_is_refused() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        in_dependency_order([a_step("a", "nowhere")])
