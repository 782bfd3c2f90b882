select
    analysis_id,
    asset,
    question,
    method,
    parameters,
    patients,
    status,
    reason_code,
    result
from {{ source('raw', 'analysis_ledger') }}
