select
    analysis_id,
    node,
    included,
    reason,
    patients,
    strength
from {{ source('raw', 'network_nodes') }}
