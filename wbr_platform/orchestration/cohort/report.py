"""The cohort page."""

from typing import Any

import dagster as dg

from wbr_platform.orchestration.cohort.shared import OWNERS, model
from wbr_platform.orchestration.cohort.survival import read_gains
from wbr_platform.reporting.cohort_page import CohortPageInputs, cohort_page
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.warehouse import query

PAGE = "cohort.html"
TABLES = (
    "studies",
    "acquisitions",
    "quarantine",
    "biomarkers",
    "clinical",
    "harmonized_features",
    "network_nodes",
    "network_edges",
    "survival_models",
    "analysis_ledger",
)


@dg.asset(
    name="cohort_report",
    deps=[model("mart_ledger"), model("mart_cohort")],
    group_name="reports",
    kinds={"html"},
    owners=OWNERS,
    code_version="1",
    description="Self-contained HTML page of the cohort: patients, acquisition, biomarkers, "
    "harmonisation, network, survival, and everything that was tried.",
)
def cohort_report_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Made from the published warehouse, so that page and SQL say the same."""
    store = Store(settings.store)
    frames: dict[str, Any] = {name: query(store, f"SELECT * FROM raw.{name}") for name in TABLES}
    publication = query(store, "SELECT * FROM metadata.publication").row(0, named=True)
    links = {
        key: f"studies/{key}.html"
        for key in frames["studies"]["study_key"]
        if (store.reports_folder / "studies" / f"{key}.html").exists()
    }
    inputs = CohortPageInputs(
        survival_gains=read_gains(store), links=links, publication=publication, **frames
    )
    page = cohort_page(inputs)
    path = store.write_report(PAGE, page)
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.path(str(path.relative_to(store.root))),
            "studies": frames["studies"].height,
            "refusals": frames["quarantine"].height,
        }
    )
