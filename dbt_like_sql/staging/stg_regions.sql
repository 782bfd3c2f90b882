select
    study_key,
    region_id,
    layer,
    kind,
    region,
    label,
    organ,
    algorithm,
    algorithm_version,
    grid,
    voxels,
    volume_ml,
    centroid_x_mm,
    centroid_y_mm,
    centroid_z_mm,
    touches_border
from {{ source('raw', 'regions') }}
