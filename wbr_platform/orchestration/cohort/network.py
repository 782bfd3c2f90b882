"""The cohort's network of organs."""

import dagster as dg
import polars as pl

from wbr_platform.network.organ_network import organ_network
from wbr_platform.orchestration.cohort.shared import OWNERS, keep_ledger, ledger_metadata, model
from wbr_platform.orchestration.metadata import metadata
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.warehouse import query

# SUVmean of each organ without its lesions.
UPTAKE = """
SELECT f.study_key, r.kind, r.region, r.organ, f.modality, f.policy, f.feature, f.value
FROM staging.stg_features f
JOIN staging.stg_regions r USING (study_key, region_id)
WHERE r.kind = 'healthy_organ' AND f.modality = 'PT' AND f.feature = 'stat_mean'
"""
COVARIATES = "SELECT * FROM marts.mart_cohort"


@dg.asset(
    name="organ_network",
    deps=["harmonized_features", model("mart_cohort")],
    group_name="cohort",
    kinds={"scipy", "parquet"},
    owners=OWNERS,
    code_version="1",
    description="Which organs' uptake varies together over patients (shrunk partial correlation).",
)
def organ_network_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """One patient, one row: the first study of each."""
    store = Store(settings.store)
    cohort = query(store, COVARIATES)
    wanted = [name for name in settings.network_covariates if name in cohort.columns]
    covariates = cohort.select("study_key", *wanted)
    uptake = (
        _uptake(store)
        .filter(pl.col("study_key").is_in(cohort["study_key"].to_list()))
        .pivot("organ", index="study_key", values="suv_mean")
    )
    result = organ_network(uptake, covariates.filter(_present(uptake)))
    store.write_table("network_nodes", result.nodes)
    store.write_table("network_edges", result.edges)
    keep_ledger(store, "organ_network", result.ledger)
    strongest = result.edges.sort(pl.col("partial_correlation").abs(), descending=True)
    return dg.MaterializeResult(
        metadata=metadata({"strongest_edges": strongest, **ledger_metadata(result.ledger)})
    )


def _present(uptake: pl.DataFrame) -> pl.Expr:
    return pl.col("study_key").is_in(uptake["study_key"].to_list())


def _uptake(store: Store) -> pl.DataFrame:
    """study_key, organ, suv_mean: after ComBat where there is a harmonised value.

    The harmonised values come from the store: the warehouse has those of the last publication.
    """
    same = ["study_key", "kind", "region", "modality", "policy", "feature"]
    harmonized = (
        store.scan_table("harmonized_features")
        .filter(pl.col("feature") == "stat_mean")
        .select(*same, "harmonized_value")
        .collect()
    )
    return (
        query(store, UPTAKE)
        .join(harmonized, on=same, how="left")
        .select("study_key", "organ", suv_mean=pl.coalesce("harmonized_value", "value"))
    )
