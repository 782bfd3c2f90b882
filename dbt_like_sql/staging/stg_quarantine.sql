select
    study_key,
    stage,
    reason_code,
    message,
    action
from {{ source('raw', 'quarantine') }}
