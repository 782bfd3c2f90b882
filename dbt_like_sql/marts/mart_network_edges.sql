select
    edges.analysis_id,
    ledger.method,
    ledger.parameters,
    edges.node_a,
    edges.node_b,
    edges.patients,
    edges.correlation,
    edges.partial_correlation,
    edges.p_value,
    edges.q_value
from {{ ref('stg_network_edges') }} as edges
left join {{ ref('stg_analysis_ledger') }} as ledger on edges.analysis_id = ledger.analysis_id
order by edges.analysis_id, edges.node_a, edges.node_b
