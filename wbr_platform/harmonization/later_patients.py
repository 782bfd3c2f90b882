"""Patients and sites that come after a table was harmonised: its estimates, stored and applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.harmonization.new_batch import DEFAULT_MINIMUM_OF_NEW_BATCH, add_batch
from wbr_platform.harmonization.table_columns import (
    REASON,
    finished,
    refuse_marked,
    require,
    require_numbers,
)
from wbr_platform.refusal import Refusal


def apply_to_table(
    frame: pl.DataFrame,
    batch: str,
    estimates: Mapping[str, ComBatEstimates],
    tissue: str | None = None,
) -> pl.DataFrame:
    """Harmonise patients who came after the fit with stored ``estimates``.

    The table needs the columns of the fit: features, batch, covariates (and ``tissue``). Columns
    come out as from :func:`~wbr_platform.harmonization.table.harmonize_table`. A row of an unknown
    batch or tissue, or without its batch or covariates, has no harmonised values and a reason.
    Raises Refusal ALREADY_HARMONIZED, MISSING_COLUMN, NOT_A_NUMBER.
    """
    refuse_marked(frame)
    if tissue is None and len(estimates) > 1:
        raise Refusal("MISSING_COLUMN", "the estimates are of several tissues, name their column")
    names = list(dict.fromkeys(name for found in estimates.values() for name in found.features))
    covariates = {name for found in estimates.values() for name in found.covariates.names}
    require(frame, [batch, *names, *sorted(covariates), *([tissue] if tissue else [])])
    require_numbers(frame, names)
    tissues = frame[tissue].cast(pl.String) if tissue else None
    reason = np.full(frame.height, "UNKNOWN_TISSUE", dtype=object)
    mark = np.full(frame.height, None, dtype=object)
    columns = {name: np.full(frame.height, np.nan) for name in names}
    for name, found in estimates.items():
        mine = np.ones(frame.height, dtype=bool)
        if tissues is not None:
            mine = (tissues == name).fill_null(False).to_numpy()
        reason[mine] = _row_reasons(frame.filter(mine), batch, found)
        rows = np.flatnonzero(mine)[[code is None for code in reason[mine]]]
        mark[rows] = found.data_hash
        for feature, values in _applied(frame[rows], batch, found).items():
            columns[feature][rows] = values
    return finished(frame, columns, pl.Series(REASON, reason.tolist(), dtype=pl.String), mark)


def add_batch_from_table(
    frame: pl.DataFrame,
    batch: str,
    estimates: Mapping[str, ComBatEstimates],
    tissue: str | None = None,
    minimum: int = DEFAULT_MINIMUM_OF_NEW_BATCH,
) -> dict[str, ComBatEstimates]:
    """``estimates`` that also know the batches of ``frame`` that they did not know.

    Every new batch needs ``minimum`` patients of its own in each tissue. Raises Refusal as
    :func:`~wbr_platform.harmonization.new_batch.add_batch` does, and those of
    :func:`apply_to_table`.
    """
    refuse_marked(frame)
    extended = dict(estimates)
    for name, found in estimates.items():
        require(frame, [batch, *found.features, *found.covariates.names])
        require_numbers(frame, found.features)
        rows = frame if tissue is None else frame.filter(pl.col(tissue).cast(pl.String) == name)
        labels = rows[batch].cast(pl.String)
        for new in sorted(set(labels.drop_nulls()) - set(found.batches)):
            part = rows.filter(labels == new)
            values = part.select(pl.col(found.features).cast(pl.Float64)).to_numpy()
            covariates = part.select(found.covariates.names) if found.covariates.names else None
            extended[name] = add_batch(
                extended[name], values.astype(float), new, covariates, minimum=minimum
            )
    return extended


def estimates_to_json(estimates: Mapping[str, ComBatEstimates]) -> str:
    """All tissues' estimates as one JSON text."""
    return json.dumps({name: json.loads(found.to_json()) for name, found in estimates.items()})


def estimates_from_json(text: str) -> dict[str, ComBatEstimates]:
    """Read what :func:`estimates_to_json` wrote; Refusal UNREADABLE_ESTIMATES."""
    try:
        content = json.loads(text)
        return {
            name: ComBatEstimates.from_json(json.dumps(found)) for name, found in content.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(
            "UNREADABLE_ESTIMATES",
            f"the file does not hold estimates ({type(error).__name__})",
            "give the file that was written when the table was harmonised",
        ) from error


def _row_reasons(rows: pl.DataFrame, batch: str, estimates: ComBatEstimates) -> list[str | None]:
    known = set(estimates.batches)
    complete = np.ones(rows.height, dtype=bool)
    for name, levels in zip(estimates.covariates.names, estimates.covariates.levels, strict=True):
        column = rows[name]
        if levels is None:
            complete &= column.cast(pl.Float64).is_finite().fill_null(False).to_numpy()
        else:
            complete &= column.cast(pl.String).is_in(list(levels)).fill_null(False).to_numpy()
    reasons: list[str | None] = []
    for label, whole in zip(rows[batch].cast(pl.String), complete, strict=True):
        if label is None:
            reasons.append("MISSING_BATCH")
        elif label not in known:
            reasons.append("UNSEEN_BATCH")
        else:
            reasons.append(None if whole else "MISSING_COVARIATE")
    return reasons


def _applied(rows: pl.DataFrame, batch: str, estimates: ComBatEstimates) -> dict[str, Any]:
    """Harmonised columns; NaN for features that are not harmonised."""
    if rows.is_empty():
        return {}
    values = rows.select(pl.col(estimates.features).cast(pl.Float64)).to_numpy().astype(float)
    names = estimates.covariates.names
    labels = rows[batch].cast(pl.String)
    ours = estimates.apply(values, labels, rows.select(names) if names else None)
    reasons = estimates.cell_reasons(values, labels)
    harmonized = np.frompyfunc(lambda reason: reason is None, 1, 1)(reasons).astype(bool)
    ours = np.where(harmonized, ours, np.nan)
    return {name: ours[:, k] for k, name in enumerate(estimates.features)}
