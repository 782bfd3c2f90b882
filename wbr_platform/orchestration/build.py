"""Everything put together: assets, checks, jobs, sensors and schedules under given settings."""

from __future__ import annotations

import dagster as dg

from wbr_platform.orchestration.checks import build_checks
from wbr_platform.orchestration.cohort import COHORT_ASSETS
from wbr_platform.orchestration.exports import export_inventory
from wbr_platform.orchestration.jobs import build_jobs
from wbr_platform.orchestration.schedules import SCHEDULES
from wbr_platform.orchestration.sensors import SENSORS
from wbr_platform.orchestration.study_assets import build_study_assets
from wbr_platform.orchestration.warehouse import build_warehouse_assets
from wbr_platform.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The platform's Dagster definitions; segmenters and limits come from the settings."""
    study_assets = build_study_assets(settings)
    return dg.Definitions(
        assets=[
            export_inventory,
            study_assets,
            *build_warehouse_assets(settings),
            *COHORT_ASSETS,
        ],
        asset_checks=build_checks(),
        jobs=build_jobs(study_assets),
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={"settings": settings},
    )
