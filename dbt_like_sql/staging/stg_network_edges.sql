select
    analysis_id,
    node_a,
    node_b,
    patients,
    correlation,
    partial_correlation,
    p_value,
    q_value
from {{ source('raw', 'network_edges') }}
