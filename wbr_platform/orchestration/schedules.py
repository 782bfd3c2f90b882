"""What runs by the clock."""

from __future__ import annotations

import dagster as dg

from wbr_platform.orchestration.jobs import COHORT_JOB

nightly_cohort = dg.ScheduleDefinition(
    name="nightly_cohort",
    job_name=COHORT_JOB,
    cron_schedule="0 2 * * *",
    description="Every night at two: publish the warehouse and refresh the cohort's statistics.",
)

SCHEDULES = [nightly_cohort]
