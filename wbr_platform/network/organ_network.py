"""The cohort's network of organs: who varies with whom, all others held fixed.

A cohort network says which organs vary together over patients; it is not the connectivity of any
one patient (agreement of the two is poor: at most r = 0.37, Volpi et al., JCBFM 2023;43:1905).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.ledger import LedgerRow, data_hash, ledger_row
from wbr_platform.network.partial_correlation import (
    PartialCorrelation,
    benjamini_hochberg,
    effective_degrees_of_freedom,
    partial_correlation_p_values,
    shrunk_partial_correlation,
)
from wbr_platform.network.preparation import (
    NodeChoice,
    choose_nodes,
    covariate_design,
    log_uptake,
    normal_scores,
    residuals,
)
from wbr_platform.refusal import Refusal

MINIMUM_PATIENTS = 10
# Below this number of patients no edge is a claim.
PATIENTS_FOR_CLAIMS = 100

_ASSET = "organ_network"
_EDGES = {
    "analysis_id": pl.String,
    "node_a": pl.String,
    "node_b": pl.String,
    "patients": pl.Int64,
    "correlation": pl.Float64,
    "partial_correlation": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
}
_NODES = {
    "analysis_id": pl.String,
    "node": pl.String,
    "included": pl.Boolean,
    "reason": pl.String,
    "patients": pl.Int64,
    "strength": pl.Float64,
}


@dataclass(frozen=True)
class OrganNetwork:
    """``nodes`` and ``edges`` like tables network_nodes and network_edges, and the ledger's row."""

    analysis_id: str
    nodes: pl.DataFrame
    edges: pl.DataFrame
    ledger: tuple[LedgerRow, ...]


@dataclass(frozen=True)
class _Prepared:
    """Normal scores (patients, nodes) of the covariates' residuals."""

    scores: np.ndarray
    nodes: list[str]
    covariates: list[str]
    covariates_left_out: list[str]
    degrees_of_freedom_spent: int


def organ_network(
    uptake: pl.DataFrame,
    covariates: pl.DataFrame | None = None,
    *,
    key: str = "study_key",
    minimum_patients: int = MINIMUM_PATIENTS,
    missing_limit: float = 0.2,
    allow_ratios: bool = False,
    seed: int = 0,
) -> OrganNetwork:
    """Partial correlations between organs over patients, with p and Benjamini-Hochberg q.

    ``uptake`` has one row a patient: ``key`` and one column an organ (SUVmean of its healthy part,
    SUVbw). ``covariates`` has ``key`` and the covariates whose effect is removed (age, sex, weight,
    glycaemia, uptake time, centre, …; texts are categories).

    Logarithm → residuals on the covariates → normal scores → Pearson and shrunk partial
    correlation. Covariates cost degrees of freedom. Nodes missing in more than ``missing_limit`` of
    the patients are left out with their reason, likewise covariates (named in the ledger); then
    only patients with every value are used. Fewer than ``minimum_patients`` beyond the degrees of
    freedom spent, or fewer than two nodes: nothing is fitted, and the ledger says why.

    Raises Refusal MISSING_COLUMN or DUPLICATE_PATIENT for a table that cannot be read so.
    """
    _check(uptake, covariates, key)
    organs = [name for name in uptake.columns if name != key]
    logs = log_uptake(uptake, organs).sort(key)
    choice = choose_nodes(logs, organs, missing_limit, allow_ratios)
    parameters: dict[str, Any] = {
        "transform": "log, covariate residuals, normal scores",
        "covariates": [] if covariates is None else sorted(set(covariates.columns) - {key}),
        "minimum_patients": minimum_patients,
        "missing_limit": missing_limit,
        "allow_ratios": allow_ratios,
        "seed": seed,
    }

    def row(patients: int, result: str, reason_code: str | None = None) -> LedgerRow:
        return ledger_row(
            asset=_ASSET,
            question="Which organs' uptake varies together over patients?",
            method="shrunk partial correlation (Schäfer-Strimmer)",
            parameters=parameters,
            data=data_hash(uptake, covariates),
            patients=patients,
            result=result,
            reason_code=reason_code,
        )

    try:
        prepared = _prepare(logs, covariates, choice, key, missing_limit, minimum_patients)
    except Refusal as refusal:
        ledger = row(uptake.height, f"Not fitted: {refusal.message}.", refusal.reason_code)
        nodes = _node_frame(ledger["analysis_id"], choice, None, refusal.reason_code)
        return OrganNetwork(ledger["analysis_id"], nodes, pl.DataFrame(schema=_EDGES), (ledger,))

    patients, count = prepared.scores.shape
    effective = patients - prepared.degrees_of_freedom_spent
    fit = shrunk_partial_correlation(prepared.scores)
    degrees = effective_degrees_of_freedom(effective, count, fit.shrinkage, seed)
    edges = _edge_frame(fit, prepared.nodes, patients, degrees)
    found = edges.filter(pl.col("q_value") <= 0.05).height
    left_out = uptake.height - patients
    sentences = [
        f"{count} organs, {edges.height} edges, {patients} patients"
        + (f" ({left_out} left out for missing values)" if left_out else "")
        + f", {prepared.degrees_of_freedom_spent} degrees of freedom spent on covariates; "
        f"shrinkage {fit.shrinkage:.3f}; {found} edges with q ≤ 0.05."
    ]
    if prepared.covariates_left_out:
        names = ", ".join(prepared.covariates_left_out)
        sentences.append(f"Covariates left out (missing or constant): {names}.")
    if patients < PATIENTS_FOR_CLAIMS:
        sentences.append(
            f"Fewer than {PATIENTS_FOR_CLAIMS} patients: edges are descriptive, no claim."
        )
    if allow_ratios:
        sentences.append("Ratios were allowed as nodes: they create edges of their own.")
    ledger = row(patients, " ".join(sentences))
    identifier = ledger["analysis_id"]
    nodes = _node_frame(identifier, choice, _strengths(fit, prepared.nodes), None)
    edges = edges.with_columns(analysis_id=pl.lit(identifier)).select(list(_EDGES))
    return OrganNetwork(identifier, nodes, edges, (ledger,))


def _check(uptake: pl.DataFrame, covariates: pl.DataFrame | None, key: str) -> None:
    for frame in (uptake, *(() if covariates is None else (covariates,))):
        if key not in frame.columns:
            raise Refusal("MISSING_COLUMN", f"the table has no column {key}")
        if frame[key].is_duplicated().any() or frame[key].null_count():
            raise Refusal(
                "DUPLICATE_PATIENT",
                f"column {key} has repeated or missing values",
                "give one row a patient",
            )


def _prepare(
    logs: pl.DataFrame,
    covariates: pl.DataFrame | None,
    choice: NodeChoice,
    key: str,
    missing_limit: float,
    minimum_patients: int,
) -> _Prepared:
    nodes = choice.included
    if len(nodes) < 2:
        raise Refusal("TOO_FEW_NODES", f"{len(nodes)} organs can be used, two are needed")
    table = logs.select(key, *nodes)
    kept: list[str] = []
    left_out: list[str] = []
    if covariates is not None:
        matched = table.select(key).join(covariates, on=key, how="left", maintain_order="left")
        names = [name for name in covariates.columns if name != key]
        kept = _usable_covariates(matched, names, missing_limit)
        left_out = sorted(set(names) - set(kept))
        table = table.hstack(matched.select(pl.col(kept).name.prefix("covariate ")))
    table = table.fill_nan(None).drop_nulls()
    if table.height < minimum_patients:
        raise Refusal(
            "NOT_ENOUGH_PATIENTS",
            f"{table.height} patients have all values, {minimum_patients} are needed",
        )
    constant = [node for node in nodes if table[node].min() == table[node].max()]
    if constant:
        raise Refusal("CONSTANT", f"constant over complete patients: {', '.join(constant)}")
    design = covariate_design(table.select(f"covariate {name}" for name in kept), table.height)
    remainder, rank = residuals(table.select(nodes).to_numpy(), design)
    spent = rank - 1
    if table.height - spent < minimum_patients:
        raise Refusal(
            "NOT_ENOUGH_PATIENTS",
            f"{table.height} patients less {spent} degrees of freedom of covariates are fewer "
            f"than {minimum_patients}",
        )
    return _Prepared(normal_scores(remainder), nodes, kept, left_out, spent)


def _usable_covariates(
    matched: pl.DataFrame, names: Sequence[str], missing_limit: float
) -> list[str]:
    """Covariates that vary and are missing in few patients."""
    usable = []
    for name in names:
        values = matched.select(pl.col(name)).fill_nan(None).to_series().drop_nulls()
        if len(values) >= (1 - missing_limit) * matched.height and values.n_unique() > 1:
            usable.append(name)
    return usable


def _edge_frame(
    fit: PartialCorrelation, nodes: Sequence[str], patients: int, degrees_of_freedom: float
) -> pl.DataFrame:
    names = np.array(nodes, dtype=object)
    first, second = np.triu_indices(len(nodes), 1)
    partial = fit.partial[first, second]
    p_values = partial_correlation_p_values(partial, fit.shrinkage, degrees_of_freedom)
    return pl.DataFrame(
        {
            "node_a": names[first].tolist(),
            "node_b": names[second].tolist(),
            "patients": pl.Series([patients] * len(first), dtype=pl.Int64),
            "correlation": fit.correlation[first, second],
            "partial_correlation": partial,
            "p_value": p_values,
            "q_value": benjamini_hochberg(p_values),
        }
    )


def _strengths(fit: PartialCorrelation, nodes: Sequence[str]) -> dict[str, float]:
    """Sum of the absolute partial correlations of each node's edges."""
    strength = np.abs(fit.partial).sum(axis=0) - 1
    return dict(zip(nodes, strength.tolist(), strict=True))


def _node_frame(
    analysis_id: str,
    choice: NodeChoice,
    strengths: dict[str, float] | None,
    refused: str | None,
) -> pl.DataFrame:
    rows = [
        {
            "analysis_id": analysis_id,
            "node": node,
            "included": reason is None and refused is None,
            "reason": reason or refused,
            "patients": choice.patients[node],
            "strength": None if strengths is None else strengths.get(node),
        }
        for node, reason in choice.reasons.items()
    ]
    return pl.DataFrame(rows, schema=_NODES)
