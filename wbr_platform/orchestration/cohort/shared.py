"""What the cohort's assets have in common."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import polars as pl

from wbr_platform.ledger import LedgerRow
from wbr_platform.store.files import Store

OWNERS = ["team:statistics"]
LEDGER_FILE = "ledger.parquet"
ASSETS_WITH_LEDGER = ("harmonized_features", "organ_network", "survival_models")


def model(name: str) -> dg.AssetKey:
    """The asset of a SQL model."""
    return dg.AssetKey(["warehouse", name])


def keep_ledger(store: Store, asset: str, rows: Sequence[LedgerRow]) -> None:
    """Write what an asset tried; the asset analysis_ledger gathers it."""
    with store.write_cohort_files(asset) as folder:
        pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(folder / LEDGER_FILE)


def read_ledgers(store: Store) -> pl.DataFrame:
    """Everything that was tried by all assets, in their order."""
    paths = [store.cohort_folder(asset) / LEDGER_FILE for asset in ASSETS_WITH_LEDGER]
    frames = [pl.read_parquet(path) for path in paths if path.exists()]
    filled = [frame for frame in frames if frame.height]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame()


def ledger_metadata(rows: Sequence[LedgerRow]) -> dict[str, object]:
    """How many analyses were fitted and refused, with the first sentences."""
    refused = [row for row in rows if row["status"] == "refused"]
    return {
        "analyses": len(rows),
        "fitted": len(rows) - len(refused),
        "refused": len(refused),
        "results": [f"{row['status']}: {row['result']}" for row in rows[:10]],
    }
