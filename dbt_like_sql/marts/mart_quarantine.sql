select
    quarantine.study_key,
    studies.patient_key,
    studies.source_kind,
    studies.status as study_status,
    quarantine.stage,
    quarantine.reason_code,
    quarantine.message,
    quarantine.action
from {{ ref('stg_quarantine') }} as quarantine
left join {{ ref('stg_studies') }} as studies on quarantine.study_key = studies.study_key
order by quarantine.study_key, quarantine.stage, quarantine.reason_code
