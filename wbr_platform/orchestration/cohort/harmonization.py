"""Features before and after ComBat."""

import dagster as dg

from wbr_platform.harmonization.harmonize import harmonize_features
from wbr_platform.orchestration.cohort.shared import OWNERS, keep_ledger, ledger_metadata, model
from wbr_platform.orchestration.metadata import metadata
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store
from wbr_platform.store.warehouse import query

# One value a study and tissue: organs without lesions, the largest lesion, the whole burden. The
# batch is the scanner of the image that the feature comes from.
FEATURES = """
SELECT f.study_key, r.kind, r.region, f.modality, f.policy, f.feature, f.value, a.scanner AS batch
FROM staging.stg_features f
JOIN staging.stg_regions r USING (study_key, region_id)
JOIN staging.stg_acquisitions a
  ON a.study_key = f.study_key AND a.role = CASE f.modality WHEN 'PT' THEN 'pet' ELSE 'ct' END
WHERE r.kind IN ('healthy_organ', 'tumour_burden') OR (r.kind = 'lesion' AND r.region = 'L01')
"""


@dg.asset(
    name="harmonized_features",
    deps=[model(name) for name in ("stg_features", "stg_regions", "stg_acquisitions")],
    group_name="cohort",
    kinds={"scikitlearn", "parquet"},
    owners=OWNERS,
    code_version="2",
    description="Features before and after ComBat across scanners, one fit for each tissue.",
)
def harmonized_features_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Harmonise what can be; what is not harmonised says why."""
    store = Store(settings.store)
    result = harmonize_features(
        query(store, FEATURES), minimum_per_batch=settings.minimum_per_batch
    )
    rows = store.write_table("harmonized_features", result.features)
    keep_ledger(store, "harmonized_features", result.ledger)
    done = result.features["harmonized_value"].is_not_null().sum()
    return dg.MaterializeResult(
        metadata=metadata(
            {"values": rows, "harmonized": int(done), **ledger_metadata(result.ledger)}
        )
    )
