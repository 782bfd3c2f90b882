select
    models.analysis_id,
    ledger.question,
    models.model,
    models.covariate,
    models.patients,
    models.events,
    models.log_hazard_ratio,
    models.hazard_ratio,
    models.hazard_ratio_low,
    models.hazard_ratio_high,
    models.p_value,
    models.concordance,
    models.concordance_cross_validated,
    models.reason
from {{ ref('stg_survival_models') }} as models
left join {{ ref('stg_analysis_ledger') }} as ledger on models.analysis_id = ledger.analysis_id
order by models.analysis_id, models.model, models.covariate
