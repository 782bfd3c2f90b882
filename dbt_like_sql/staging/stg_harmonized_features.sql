select
    study_key,
    kind,
    region,
    modality,
    policy,
    feature,
    batch,
    value,
    harmonized_value,
    reason
from {{ source('raw', 'harmonized_features') }}
