with feature_values as (
    select
        features.study_key,
        studies.patient_key,
        features.region_id,
        regions.layer,
        regions.kind,
        regions.region,
        regions.organ,
        regions.algorithm,
        regions.volume_ml,
        features.modality,
        features.policy,
        features.policy_hash,
        features.feature,
        features.value
    from {{ ref('stg_features') }} as features
    left join {{ ref('stg_studies') }} as studies
        on features.study_key = studies.study_key
    left join {{ ref('stg_regions') }} as regions
        on features.study_key = regions.study_key and features.region_id = regions.region_id
)

select
    study_key,
    min(patient_key) as patient_key,
    region_id,
    min(layer) as layer,
    min(kind) as kind,
    min(region) as region,
    min(organ) as organ,
    min(algorithm) as algorithm,
    min(volume_ml) as volume_ml,
    modality,
    policy,
    min(policy_hash) as policy_hash
    {%- for feature in feature_columns %},
    min(value) filter (where feature = {{ feature | literal }}) as {{ feature | identifier }}
    {%- endfor %}
from feature_values
group by study_key, region_id, modality, policy
order by study_key, region_id, modality, policy
