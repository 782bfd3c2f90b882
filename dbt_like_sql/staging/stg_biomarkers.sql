select
    study_key,
    algorithm,
    biomarker,
    value,
    unit,
    reason
from {{ source('raw', 'biomarkers') }}
