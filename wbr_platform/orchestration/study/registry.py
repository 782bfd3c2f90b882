"""All study steps under the present settings, in dependency order."""

from __future__ import annotations

from wbr_platform.orchestration.study.step import StudyStep, in_dependency_order
from wbr_platform.orchestration.study.steps import (
    biomarkers,
    features,
    ingestion,
    masks,
    regions,
    report,
)
from wbr_platform.settings import Settings


def study_steps(settings: Settings) -> tuple[StudyStep, ...]:
    """Every study-level asset; segmenters come from the settings, one asset for each."""
    return in_dependency_order(
        [
            *ingestion.STEPS,
            *masks.steps(settings),
            regions.step(settings),
            regions.agreement_step(settings),
            features.STEP,
            biomarkers.step(settings),
            report.step(settings),
        ]
    )
