"""From organ uptake to network nodes: choice of nodes, logarithm, covariates out, normal scores.

Ratios (to the liver, to the patient's mean) make edges of their own: with no true edge, dividing by
a reference organ gives 85 % false edges and dividing by the mean uptake 33 %. Covariates are
regressed out instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Array = NDArray[np.float64]

_RATIO = re.compile(r"ratio|_to_|_over_|/|suvr", re.IGNORECASE)


@dataclass(frozen=True)
class NodeChoice:
    """Every column of the uptake table: patients with a value and why it is left out, or None."""

    patients: dict[str, int]
    reasons: dict[str, str | None]

    @property
    def included(self) -> list[str]:
        """Nodes of the network."""
        return [node for node, reason in self.reasons.items() if reason is None]


def choose_nodes(
    uptake: pl.DataFrame, nodes: Sequence[str], missing_limit: float, allow_ratios: bool
) -> NodeChoice:
    """Leave out ratios (RATIO), nodes missing in more than ``missing_limit`` of the patients
    (MISSING_VALUES) and constant ones (CONSTANT)."""
    patients: dict[str, int] = {}
    reasons: dict[str, str | None] = {}
    for node in nodes:
        values = uptake[node].drop_nulls()
        patients[node] = len(values)
        if _RATIO.search(node) and not allow_ratios:
            reasons[node] = "RATIO"
        elif len(values) < (1 - missing_limit) * uptake.height or not len(values):
            reasons[node] = "MISSING_VALUES"
        elif values.min() == values.max():
            reasons[node] = "CONSTANT"
        else:
            reasons[node] = None
    return NodeChoice(patients, reasons)


def log_uptake(uptake: pl.DataFrame, nodes: Sequence[str]) -> pl.DataFrame:
    """Natural logarithm of the nodes' columns; what has none (zero, negative, NaN) is null."""
    columns = [pl.col(node).cast(pl.Float64) for node in nodes]
    return uptake.with_columns(
        pl.when(column.is_finite() & (column > 0)).then(column.log()) for column in columns
    )


def covariate_design(covariates: pl.DataFrame, patients: int) -> Array:
    """Design (patients, 1 + columns): ones, numbers standardised, indicators of text levels.

    ``covariates`` has no missing cell, and may have no column.
    """
    columns: list[Array] = [np.ones(patients)]
    for name in covariates.columns:
        column = covariates[name]
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            numbers = column.cast(pl.Float64).to_numpy()
            spread = numbers.std()
            columns += [(numbers - numbers.mean()) / spread] if spread > 0 else []
        else:
            texts = column.cast(pl.String)
            levels = sorted(texts.unique())[1:]
            columns += [(texts == level).to_numpy().astype(float) for level in levels]
    return np.column_stack(columns)


def residuals(values: Array, design: Array) -> tuple[Array, int]:
    """Least-squares residuals of ``values`` (patients, nodes), and the rank of ``design``."""
    solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=1e-10)
    return values - design @ solution, int(rank)


def normal_scores(values: Array) -> Array:
    """Rank-based normal scores (Blom) of each column; ties share the mean rank."""
    ranks = rankdata(values, axis=0)
    return np.asarray(norm.ppf((ranks - 0.375) / (len(values) + 0.25)))
