select
    study_key,
    series_key,
    manufacturer,
    model,
    scanner,
    reconstruction,
    spacing_z_mm,
    spacing_y_mm,
    spacing_x_mm,
    radionuclide,
    radiopharmaceutical,
    injected_dose_mbq,
    uptake_time_min,
    units,
    decay_correction,
    decay_reference,
    suv_flags
from {{ source('raw', 'acquisitions') }}
where role = 'pet'
qualify row_number() over (partition by study_key order by series_key) = 1
