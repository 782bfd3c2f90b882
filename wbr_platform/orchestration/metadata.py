"""From plain values to Dagster's metadata."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl
from PIL import Image

THUMBNAIL_HEIGHT = 420


def picture(png: bytes) -> dg.MetadataValue:
    """A picture small enough for the event log; the full one stands in the study's page."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((4 * THUMBNAIL_HEIGHT, THUMBNAIL_HEIGHT))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=80)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![picture](data:image/jpeg;base64,{encoded})")


def table(frame: pl.DataFrame, rows: int = 12) -> dg.MetadataValue:
    """The first rows of a frame as a Markdown table."""
    head = frame.head(rows)
    lines = ["| " + " | ".join(head.columns) + " |", "|" + " --- |" * head.width]
    for row in head.iter_rows():
        cells = ("" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if frame.height > rows:
        lines.append(f"\n{frame.height - rows} more rows")
    return dg.MetadataValue.md("\n".join(lines))


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a step's plain values: PNG bytes become pictures, frames tables, lists JSON."""
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            shown[name] = picture(value)
        elif isinstance(value, pl.DataFrame):
            shown[name] = table(value)
        elif isinstance(value, list | tuple | dict):
            shown[name] = dg.MetadataValue.json(value)
        elif value is None:
            shown[name] = dg.MetadataValue.null()
        else:
            shown[name] = value
    return shown
