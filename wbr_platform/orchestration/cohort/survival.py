"""Survival models in growing order of layers."""

import dagster as dg
import polars as pl

from wbr_platform.ledger import LedgerRow, data_hash, ledger_row
from wbr_platform.orchestration.cohort.shared import OWNERS, keep_ledger, ledger_metadata, model
from wbr_platform.orchestration.metadata import metadata
from wbr_platform.outcome.survival import cox_models
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.warehouse import query

DURATION, EVENT = "survival_days", "death"
# What each layer adds to the one before it.
LAYERS = {
    "clinical": ("age_years", "sex"),
    "tumour volume": ("log_tmtv",),
    "host": ("spleen_to_liver_ratio_mean", "marrow_to_liver_ratio_mean"),
    "dissemination": ("dmax_mm",),
}
SEED = 7
HOST_RATIOS = """
SELECT study_key, biomarker, value
FROM staging.stg_biomarkers
WHERE biomarker IN ('spleen_to_liver_ratio_mean', 'marrow_to_liver_ratio_mean')
"""
GAINS_FILE = "gains.parquet"


@dg.asset(
    name="survival_models",
    deps=[model("mart_cohort"), model("stg_biomarkers")],
    group_name="cohort",
    kinds={"lifelines", "parquet"},
    owners=OWNERS,
    code_version="1",
    description="Cox models by layers, with what each layer adds, cross-validated.",
)
def survival_models_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Overall survival; without an outcome the ledger says that nothing could be fitted."""
    store = Store(settings.store)
    cohort = survival_table(store)
    if cohort.height == 0:
        row = _no_outcome(cohort)
        store.write_table("survival_models", pl.DataFrame())
        _keep_gains(store, pl.DataFrame())
        keep_ledger(store, "survival_models", [row])
        return dg.MaterializeResult(metadata=metadata(ledger_metadata([row])))
    result = cox_models(cohort, DURATION, EVENT, LAYERS, SEED)
    store.write_table("survival_models", result.models)
    keep_ledger(store, "survival_models", result.ledger)
    _keep_gains(store, result.gains)
    return dg.MaterializeResult(
        metadata=metadata(
            {"models": result.models, "gains": result.gains, **ledger_metadata(result.ledger)}
        )
    )


def survival_table(store: Store) -> pl.DataFrame:
    """One row a patient with a follow-up: outcome, clinical covariates, tumour and host."""
    cohort = query(store, "SELECT * FROM marts.mart_cohort").filter(
        pl.col(DURATION).is_not_null() & pl.col(EVENT).is_not_null()
    )
    ratios = query(store, HOST_RATIOS)
    if ratios.height:
        wide = ratios.pivot("biomarker", index="study_key", values="value")
        named = [name for name in wide.columns if name not in cohort.columns]
        cohort = cohort.join(wide.select("study_key", *named), on="study_key", how="left")
    if "tmtv_ml" in cohort.columns:
        cohort = cohort.with_columns(log_tmtv=pl.col("tmtv_ml").log1p())
    return cohort


def read_gains(store: Store) -> pl.DataFrame:
    """What each layer added, as the cohort page shows it; empty when nothing was fitted."""
    path = store.cohort_folder("survival_gains") / GAINS_FILE
    return pl.read_parquet(path) if path.exists() else pl.DataFrame()


def _keep_gains(store: Store, gains: pl.DataFrame) -> None:
    with store.write_cohort_files("survival_gains") as folder:
        gains.write_parquet(folder / GAINS_FILE)


def _no_outcome(cohort: pl.DataFrame) -> LedgerRow:
    return ledger_row(
        asset="survival_models",
        question="What goes with overall survival?",
        method="Cox models by layers",
        parameters={"duration": DURATION, "event": EVENT},
        data=data_hash(cohort),
        patients=0,
        result="Not fitted: no patient has a follow-up in the clinical table.",
        reason_code="NO_OUTCOME",
    )
