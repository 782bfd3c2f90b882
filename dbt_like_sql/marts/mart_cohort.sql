with first_studies as (
    select *
    from {{ ref('stg_studies') }}
    where status = 'accepted'
    qualify row_number() over (
        partition by patient_key order by study_date nulls last, study_key
    ) = 1
),

-- The algorithm whose lesions entered the region catalogue.
primary_algorithms as (
    select study_key, min(algorithm) as algorithm
    from {{ ref('stg_regions') }}
    where layer = 'tumour'
    group by study_key
)

select
    studies.patient_key,
    studies.study_key,
    studies.study_date,
    studies.source_kind,
    studies.has_pet,
    studies.has_ct,
    coalesce(studies.sex, clinical.sex) as sex,
    coalesce(studies.age_years, clinical.age_years) as age_years,
    coalesce(studies.weight_kg, clinical.weight_kg) as weight_kg,
    coalesce(studies.height_m, clinical.height_m) as height_m,
    clinical.stage,
    clinical.glycaemia_mmol_l,
    clinical.treatment,
    clinical.response,
    clinical.survival_days,
    clinical.death,
    clinical.progression_free_days,
    clinical.progression,
    acquisitions.manufacturer,
    acquisitions.model,
    acquisitions.scanner,
    acquisitions.reconstruction,
    acquisitions.radiopharmaceutical,
    acquisitions.uptake_time_min,
    acquisitions.injected_dose_mbq,
    primary_algorithms.algorithm as lesion_algorithm
    {%- for biomarker in biomarker_columns %},
    biomarkers.{{ biomarker | identifier }}
    {%- endfor %},
    biomarkers.tmtv_relative_spread
from first_studies as studies
left join {{ ref('stg_clinical') }} as clinical on studies.patient_key = clinical.patient_key
left join {{ ref('stg_pet_acquisitions') }} as acquisitions
    on studies.study_key = acquisitions.study_key
left join primary_algorithms on studies.study_key = primary_algorithms.study_key
left join {{ ref('mart_patient_biomarkers') }} as biomarkers
    on studies.study_key = biomarkers.study_key
    and primary_algorithms.algorithm = biomarkers.algorithm
order by studies.patient_key
