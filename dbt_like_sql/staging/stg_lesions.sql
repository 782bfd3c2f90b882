select
    study_key,
    region_id,
    algorithm,
    lesion,
    organ,
    suv_max,
    suv_mean,
    suv_peak,
    mtv_ml,
    tlg_ml,
    centroid_x_mm,
    centroid_y_mm,
    centroid_z_mm
from {{ source('raw', 'lesions') }}
