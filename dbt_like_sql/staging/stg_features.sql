select
    study_key,
    region_id,
    modality,
    policy,
    policy_hash,
    feature,
    value,
    reason
from {{ source('raw', 'features') }}
