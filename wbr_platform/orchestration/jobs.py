"""The three jobs: read exports, process studies, answer for the cohort."""

from __future__ import annotations

import dagster as dg

INGEST_JOB = "ingest_exports"
STUDY_JOB = "process_studies"
COHORT_JOB = "refresh_cohort"


def build_jobs(study_assets: dg.AssetsDefinition) -> list[dg.UnresolvedAssetJobDefinition]:
    """Jobs by selection; what is neither ingest nor study level belongs to the cohort.

    Their steps are short or run many studies in workers of their own: a process for each step would
    cost more than it gives.
    """
    ingest = dg.AssetSelection.assets("export_inventory")
    studies = dg.AssetSelection.assets(study_assets)
    return [
        dg.define_asset_job(
            INGEST_JOB,
            selection=ingest,
            executor_def=dg.in_process_executor,
            description="Read exports and register their studies.",
        ),
        dg.define_asset_job(
            STUDY_JOB,
            selection=studies,
            executor_def=dg.in_process_executor,
            description="From export to study page, for any number of studies in one run.",
        ),
        dg.define_asset_job(
            COHORT_JOB,
            selection=dg.AssetSelection.all() - ingest - studies,
            executor_def=dg.in_process_executor,
            description="Publish the warehouse, run the cohort's statistics, write its report.",
        ),
    ]
