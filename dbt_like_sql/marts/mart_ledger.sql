select
    analysis_id,
    asset,
    question,
    method,
    parameters,
    patients,
    status,
    reason_code,
    result,
    count(*) over (partition by asset) as tried_by_asset
from {{ ref('stg_analysis_ledger') }}
order by analysis_id
