"""The ledger of everything that was tried."""

import dagster as dg

from wbr_platform.orchestration.cohort.shared import ASSETS_WITH_LEDGER, OWNERS, read_ledgers
from wbr_platform.orchestration.metadata import metadata
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store


@dg.asset(
    name="analysis_ledger",
    deps=list(ASSETS_WITH_LEDGER),
    group_name="cohort",
    kinds={"parquet"},
    owners=OWNERS,
    code_version="1",
    description="Every analysis that was tried on the cohort, fitted or refused.",
)
def analysis_ledger_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Gather what each asset tried."""
    store = Store(settings.store)
    ledger = read_ledgers(store)
    rows = store.write_table("analysis_ledger", ledger)
    by_status = ledger["status"].value_counts() if rows else ledger
    return dg.MaterializeResult(metadata=metadata({"analyses": rows, "by_status": by_status}))
