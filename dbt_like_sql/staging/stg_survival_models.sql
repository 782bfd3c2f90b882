select
    analysis_id,
    model,
    covariate,
    patients,
    events,
    log_hazard_ratio,
    hazard_ratio,
    hazard_ratio_low,
    hazard_ratio_high,
    p_value,
    concordance,
    concordance_cross_validated,
    reason
from {{ source('raw', 'survival_models') }}
