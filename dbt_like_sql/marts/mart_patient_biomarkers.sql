-- Host biomarkers (algorithm 'organs') do not depend on the lesion algorithm: every row has them.
with lesion_algorithms as (
    select distinct study_key, algorithm
    from {{ ref('stg_biomarkers') }}
    where algorithm <> 'organs'
),

biomarker_values as (
    select
        lesion_algorithms.study_key,
        lesion_algorithms.algorithm,
        biomarkers.biomarker,
        biomarkers.value
    from lesion_algorithms
    inner join {{ ref('stg_biomarkers') }} as biomarkers
        on lesion_algorithms.study_key = biomarkers.study_key
    where biomarkers.algorithm in (lesion_algorithms.algorithm, 'organs')
),

wide as (
    select
        study_key,
        algorithm
        {%- for biomarker in biomarker_columns %},
        min(value) filter (where biomarker = {{ biomarker | literal }})
            as {{ biomarker | identifier }}
        {%- endfor %}
    from biomarker_values
    group by study_key, algorithm
),

tmtv_across_algorithms as (
    select
        study_key,
        count(value) as tmtv_algorithms,
        min(value) as tmtv_smallest_ml,
        median(value) as tmtv_median_ml,
        max(value) as tmtv_greatest_ml,
        max(value) - min(value) as tmtv_spread_ml
    from {{ ref('stg_biomarkers') }}
    where biomarker = 'tmtv_ml'
    group by study_key
)

select
    wide.study_key,
    studies.patient_key,
    wide.algorithm
    {%- for biomarker in biomarker_columns %},
    wide.{{ biomarker | identifier }}
    {%- endfor %},
    across.tmtv_algorithms,
    across.tmtv_smallest_ml,
    across.tmtv_median_ml,
    across.tmtv_greatest_ml,
    across.tmtv_spread_ml,
    across.tmtv_spread_ml / nullif(across.tmtv_median_ml, 0) as tmtv_relative_spread
from wide
left join {{ ref('stg_studies') }} as studies on wide.study_key = studies.study_key
left join tmtv_across_algorithms as across on wide.study_key = across.study_key
order by wide.study_key, wide.algorithm
