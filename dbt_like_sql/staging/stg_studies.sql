select
    study_key,
    patient_key,
    source_kind,
    status,
    reason_code,
    try_cast(study_date as date) as study_date,
    sex,
    age_years,
    weight_kg,
    height_m,
    weight_kg / nullif(height_m * height_m, 0) as body_mass_index,
    has_pet,
    has_ct,
    mask_sources,
    files
from {{ source('raw', 'studies') }}
