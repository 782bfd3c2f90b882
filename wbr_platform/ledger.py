"""Rows of the analysis ledger: everything that was tried on a cohort, fitted or refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import polars as pl

_IDENTIFIER_LENGTH = 16


class LedgerRow(TypedDict):
    """One row of table ``analysis_ledger``."""

    analysis_id: str
    asset: str
    question: str
    method: str
    parameters: str
    patients: int
    status: Literal["fitted", "refused"]
    reason_code: str | None
    result: str


def data_hash(*frames: pl.DataFrame | None) -> str:
    """SHA-256 (hex) of tables, the same whatever the order of their rows and columns."""
    digest = hashlib.sha256()
    for frame in frames:
        if frame is None:
            digest.update(b"none\0")
            continue
        ordered = frame.select(sorted(frame.columns))
        ordered = ordered.sort(ordered.columns) if ordered.width else ordered
        digest.update(ordered.write_csv().encode())
        digest.update(b"\0")
    return digest.hexdigest()


def ledger_row(
    *,
    asset: str,
    question: str,
    method: str,
    parameters: Mapping[str, Any],
    data: str,
    patients: int,
    result: str,
    reason_code: str | None = None,
) -> LedgerRow:
    """Build a row; it is refused when it has a ``reason_code``, else fitted.

    ``data`` is the ``data_hash`` of what entered. ``analysis_id`` is a hash of asset, question,
    method, parameters and data: the same analysis of the same data has the same id in every run.
    ``parameters`` must be JSON-able.
    """
    parameters_json = json.dumps(parameters, sort_keys=True, allow_nan=False)
    identity = json.dumps([asset, question, method, parameters_json, data])
    return LedgerRow(
        analysis_id=hashlib.sha256(identity.encode()).hexdigest()[:_IDENTIFIER_LENGTH],
        asset=asset,
        question=question,
        method=method,
        parameters=parameters_json,
        patients=patients,
        status="fitted" if reason_code is None else "refused",
        reason_code=reason_code,
        result=result,
    )
