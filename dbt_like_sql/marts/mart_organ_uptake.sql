select
    features.study_key,
    studies.patient_key,
    studies.study_date,
    coalesce(regions.organ, regions.region) as organ,
    regions.algorithm,
    features.policy,
    features.value as suv_mean,
    features.reason,
    regions.volume_ml,
    coalesce(studies.sex, clinical.sex) as sex,
    coalesce(studies.age_years, clinical.age_years) as age_years,
    coalesce(studies.weight_kg, clinical.weight_kg) as weight_kg,
    coalesce(studies.height_m, clinical.height_m) as height_m,
    clinical.glycaemia_mmol_l,
    acquisitions.scanner,
    acquisitions.reconstruction,
    acquisitions.radiopharmaceutical,
    acquisitions.uptake_time_min,
    acquisitions.injected_dose_mbq
from {{ ref('stg_features') }} as features
inner join {{ ref('stg_regions') }} as regions
    on features.study_key = regions.study_key and features.region_id = regions.region_id
inner join {{ ref('stg_studies') }} as studies on features.study_key = studies.study_key
left join {{ ref('stg_clinical') }} as clinical on studies.patient_key = clinical.patient_key
left join {{ ref('stg_pet_acquisitions') }} as acquisitions
    on features.study_key = acquisitions.study_key
where regions.layer = 'healthy' and features.modality = 'PT' and features.feature = 'stat_mean'
order by features.study_key, regions.region_id, features.policy
