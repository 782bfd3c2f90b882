"""The cohort-level assets; they read tables, never images."""

from wbr_platform.orchestration.cohort.clinical import clinical_table_asset
from wbr_platform.orchestration.cohort.harmonization import harmonized_features_asset
from wbr_platform.orchestration.cohort.ledger import analysis_ledger_asset
from wbr_platform.orchestration.cohort.network import organ_network_asset
from wbr_platform.orchestration.cohort.report import cohort_report_asset
from wbr_platform.orchestration.cohort.survival import survival_models_asset

COHORT_ASSETS = [
    clinical_table_asset,
    harmonized_features_asset,
    organ_network_asset,
    survival_models_asset,
    analysis_ledger_asset,
    cohort_report_asset,
]
