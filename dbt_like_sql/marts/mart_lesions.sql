select
    lesions.study_key,
    studies.patient_key,
    lesions.region_id,
    lesions.algorithm,
    lesions.lesion,
    lesions.organ,
    lesions.suv_max,
    lesions.suv_mean,
    lesions.suv_peak,
    lesions.mtv_ml,
    lesions.tlg_ml,
    lesions.mtv_ml / nullif(sum(lesions.mtv_ml) over (
        partition by lesions.study_key, lesions.algorithm
    ), 0) as burden_fraction,
    lesions.centroid_x_mm,
    lesions.centroid_y_mm,
    lesions.centroid_z_mm
from {{ ref('stg_lesions') }} as lesions
left join {{ ref('stg_studies') }} as studies on lesions.study_key = studies.study_key
order by lesions.study_key, lesions.region_id
