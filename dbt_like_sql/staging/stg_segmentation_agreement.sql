select
    study_key,
    algorithm_a,
    algorithm_b,
    measure,
    value,
    reason
from {{ source('raw', 'segmentation_agreement') }}
