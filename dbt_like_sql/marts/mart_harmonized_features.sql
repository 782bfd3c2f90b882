select
    harmonized.study_key,
    studies.patient_key,
    harmonized.kind,
    harmonized.region,
    harmonized.modality,
    harmonized.policy,
    harmonized.feature,
    harmonized.batch,
    harmonized.value,
    harmonized.harmonized_value,
    harmonized.harmonized_value - harmonized.value as shift,
    harmonized.reason
from {{ ref('stg_harmonized_features') }} as harmonized
left join {{ ref('stg_studies') }} as studies on harmonized.study_key = studies.study_key
order by harmonized.study_key, harmonized.kind, harmonized.region, harmonized.modality, harmonized.feature
