select
    patient_key,
    age_years,
    sex,
    stage,
    weight_kg,
    height_m,
    glycaemia_mmol_l,
    treatment,
    response,
    survival_days,
    death,
    progression_free_days,
    progression
    {%- for column in clinical_columns %},
    {{ column | identifier }}
    {%- endfor %}
from {{ source('raw', 'clinical') }}
