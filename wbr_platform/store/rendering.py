"""A frame as csv, json, parquet or a table for the terminal."""

from __future__ import annotations

import io
import json
from typing import Literal, get_args

import polars as pl

from wbr_platform.refusal import Refusal

Format = Literal["csv", "json", "parquet", "table"]
FORMATS: tuple[str, ...] = get_args(Format)


def render(frame: pl.DataFrame, format: str) -> str | bytes:
    """The frame as text, or as bytes for parquet; Refusal FORMAT_UNKNOWN.

    csv: null is an empty field, nested values are JSON. json: a list of objects. table: every row
    and column, right as it is read in a terminal.
    """
    match format:
        case "csv":
            return _flat(frame).write_csv()
        case "json":
            return _flat(frame, nested=False).write_json()
        case "parquet":
            buffer = io.BytesIO()
            frame.write_parquet(buffer, compression="zstd")
            return buffer.getvalue()
        case "table":
            return _table(_flat(frame))
    raise Refusal("FORMAT_UNKNOWN", f"{format!r} is no format", f"formats: {', '.join(FORMATS)}")


def _flat(frame: pl.DataFrame, *, nested: bool = True) -> pl.DataFrame:
    """Values that a text format cannot hold, as text."""
    columns = []
    for series in frame.get_columns():
        if series.dtype == pl.Binary:
            series = series.bin.encode("hex")
        elif nested and series.dtype.is_nested():
            texts = [None if v is None else json.dumps(_plain(v), default=str) for v in series]
            series = pl.Series(series.name, texts, dtype=pl.String)
        columns.append(series)
    return pl.DataFrame(columns)


def _plain(value: object) -> object:
    return value.to_list() if isinstance(value, pl.Series) else value


def _table(frame: pl.DataFrame) -> str:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="UTF8_FULL_CONDENSED",
    ):
        return f"{frame}\n"
