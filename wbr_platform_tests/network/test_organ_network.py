"""The cohort's organ network: nodes, covariates, refusals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.network.organ_network import organ_network
from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES

ORGANS = ["liver", "spleen", "marrow", "lung", "brain"]


def cohort(patients: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Log-normal uptake in which liver and spleen are linked and weight moves every organ."""
    rng = np.random.default_rng(seed)
    weight, sex = rng.normal(75, 12, patients), rng.choice(["F", "M"], patients)
    logs = rng.normal(0, 0.2, (patients, len(ORGANS)))
    logs[:, 1] += logs[:, 0]
    logs += 0.03 * (weight - 75)[:, None]
    keys = [f"s{k:03d}" for k in range(patients)]
    uptake = pl.DataFrame({"study_key": keys}).hstack(pl.DataFrame(np.exp(logs), schema=ORGANS))
    return uptake, pl.DataFrame({"study_key": keys, "weight_kg": weight, "sex": sex})


UPTAKE, COVARIATES = cohort(120)


def edge(edges: pl.DataFrame, first: str, second: str) -> dict[str, float]:
    return edges.filter(node_a=first, node_b=second).row(0, named=True)


def test_columns_are_those_of_the_tables() -> None:
    network = organ_network(UPTAKE, COVARIATES)
    for frame, table in ((network.nodes, "network_nodes"), (network.edges, "network_edges")):
        assert dict(frame.schema) == TABLES[table].polars_schema()
        assert frame["analysis_id"].unique().to_list() == [network.analysis_id]
    assert network.ledger[0]["analysis_id"] == network.analysis_id
    assert network.edges.height == 10
    assert network.edges.null_count().sum_horizontal().item() == 0


def test_covariates_take_their_edges_with_them() -> None:
    raw = organ_network(UPTAKE).edges
    adjusted = organ_network(UPTAKE, COVARIATES).edges
    assert raw.filter(pl.col("correlation") > 0.4).height == 10
    linked = edge(adjusted, "liver", "spleen")
    assert linked["q_value"] < 1e-4
    assert linked["partial_correlation"] > 0.4
    assert adjusted.filter(pl.col("q_value") < 0.05).height == 1


def test_strength_is_the_sum_of_the_edges() -> None:
    network = organ_network(UPTAKE, COVARIATES)
    of_liver = network.edges.filter((pl.col("node_a") == "liver") | (pl.col("node_b") == "liver"))
    strength = network.nodes.filter(node="liver")["strength"].item()
    assert strength == pytest.approx(of_liver["partial_correlation"].abs().sum())


def test_order_of_patients_does_not_matter() -> None:
    shuffled = organ_network(UPTAKE.sample(fraction=1, shuffle=True, seed=1), COVARIATES.reverse())
    straight = organ_network(UPTAKE, COVARIATES)
    assert shuffled.analysis_id == straight.analysis_id
    assert shuffled.edges.equals(straight.edges)


def test_monotone_transformation_without_covariates_does_not_matter() -> None:
    powers = UPTAKE.with_columns(pl.col(ORGANS) ** 3)
    ours, plain = organ_network(powers).edges, organ_network(UPTAKE).edges
    np.testing.assert_allclose(ours["partial_correlation"], plain["partial_correlation"])


def test_ratios_missing_and_constant_organs_are_left_out_with_a_reason() -> None:
    table = UPTAKE.with_columns(
        pl.when(pl.int_range(pl.len()) % 3 > 0).then("brain").alias("brain"),
        spleen_to_liver_ratio=pl.col("spleen") / pl.col("liver"),
        bladder=pl.lit(2.0),
        gut=pl.lit(0.0),
    )
    network = organ_network(table, COVARIATES)
    reasons = dict(network.nodes.select("node", "reason").iter_rows())
    assert {node: reason for node, reason in reasons.items() if reason} == {
        "brain": "MISSING_VALUES",
        "spleen_to_liver_ratio": "RATIO",
        "bladder": "CONSTANT",
        "gut": "MISSING_VALUES",  # no logarithm of zero
    }
    left_out = network.nodes.filter(~pl.col("included"))
    assert left_out["strength"].null_count() == left_out.height == 4
    assert set(network.edges["node_a"]) | set(network.edges["node_b"]) == set(ORGANS) - {"brain"}


def test_ratios_come_with_a_warning_when_asked_for() -> None:
    table = UPTAKE.with_columns(spleen_to_liver_ratio=pl.col("spleen") / pl.col("liver"))
    network = organ_network(table, allow_ratios=True)
    assert network.nodes["included"].all()
    assert "create edges of their own" in network.ledger[0]["result"]


def test_patients_with_missing_values_are_left_out() -> None:
    table = UPTAKE.with_columns(pl.when(pl.int_range(pl.len()) >= 15).then("brain").alias("brain"))
    network = organ_network(table, COVARIATES)
    assert network.edges["patients"].unique().to_list() == [105]
    assert "15 left out" in network.ledger[0]["result"]
    assert network.nodes.filter(node="brain")["patients"].item() == 105


def test_covariates_that_cannot_serve_are_named() -> None:
    more = COVARIATES.with_columns(
        glycaemia_mmol_l=pl.lit(None, dtype=pl.Float64), centre=pl.lit("one")
    )
    network = organ_network(UPTAKE, more)
    assert "glycaemia_mmol_l" in network.ledger[0]["result"]
    assert "centre" in network.ledger[0]["result"]
    assert network.edges.drop("analysis_id").equals(
        organ_network(UPTAKE, COVARIATES).edges.drop("analysis_id")
    )


def test_few_patients_are_described_not_claimed() -> None:
    assert "descriptive" in organ_network(*cohort(99)).ledger[0]["result"]
    assert "descriptive" not in organ_network(*cohort(100)).ledger[0]["result"]


def test_covariates_cost_degrees_of_freedom() -> None:
    """Ten random covariates count as ten."""
    uptake, _ = cohort(40)
    rng = np.random.default_rng(5)
    covariates = uptake.select("study_key").hstack(
        pl.DataFrame(rng.normal(size=(40, 10)), schema=[f"c{k}" for k in range(10)])
    )
    network = organ_network(uptake, covariates)
    assert "10 degrees of freedom spent" in network.ledger[0]["result"]


@pytest.mark.parametrize(
    ("patients", "organs", "reason_code"),
    [
        (9, ORGANS, "NOT_ENOUGH_PATIENTS"),
        (11, ORGANS, "NOT_ENOUGH_PATIENTS"),
        (40, ["liver"], "TOO_FEW_NODES"),
    ],
)
def test_refusals_stay_visible(patients: int, organs: list[str], reason_code: str) -> None:
    """Eleven patients less two degrees of freedom are too few as well."""
    uptake, covariates = cohort(patients)
    network = organ_network(uptake.select("study_key", *organs), covariates)
    assert network.edges.is_empty()
    assert dict(network.edges.schema) == TABLES["network_edges"].polars_schema()
    assert network.ledger[0]["status"] == "refused"
    assert network.ledger[0]["reason_code"] == reason_code
    assert not network.nodes["included"].any()
    assert set(network.nodes["reason"]) == {reason_code}


def test_one_row_a_patient() -> None:
    with pytest.raises(Refusal, match=r"^DUPLICATE_PATIENT:"):
        organ_network(pl.concat([UPTAKE, UPTAKE[:1]]))
    with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
        organ_network(UPTAKE.drop("study_key"))
