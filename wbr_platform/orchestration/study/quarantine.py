"""What was refused and has to stay visible."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from wbr_platform.store.manifests import Manifest

# Reasons that say "this was not in the export", which is no fault and needs no quarantine.
ABSENCE_PREFIX = "NO_"

COLUMNS = {
    "stage": pl.String,
    "reason_code": pl.String,
    "message": pl.String,
    "action": pl.String,
}


def quarantine_rows(manifests: Iterable[Manifest]) -> pl.DataFrame:
    """Rows of the quarantine table (without study_key) from a study's manifests."""
    rows = [
        {
            "stage": manifest.asset,
            "reason_code": manifest.reason_code,
            "message": manifest.message,
            "action": manifest.action,
        }
        for manifest in manifests
        if manifest.status == "refused"
        and manifest.reason_code
        and not manifest.reason_code.startswith(ABSENCE_PREFIX)
    ]
    return pl.DataFrame(rows, schema=COLUMNS)
