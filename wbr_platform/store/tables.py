"""Tables as Parquet parts: one for each study, or one for the cohort; nothing is ever appended."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from wbr_platform.refusal import Refusal
from wbr_platform.store import atomic
from wbr_platform.store.conform import conform, conform_stored, empty_table, table_schema
from wbr_platform.store.layout import PART_NAME, Layout

KEY_COLUMN = "study_key"


def write_part(layout: Layout, table: str, frame: pl.DataFrame, study_key: str) -> int:
    """Replace exactly this study's rows; the number of rows written.

    ``frame`` may leave out ``study_key``; if it has the column, it must hold this key alone. See
    :func:`conform` for what is refused.
    """
    _check_level(table, per_study=True)
    path = layout.part_path(table, study_key)
    if KEY_COLUMN in frame.columns:
        others = frame.filter(pl.col(KEY_COLUMN).ne_missing(study_key)).height
        if others:
            raise Refusal(
                "TABLE_KEY_MISMATCH", f"table {table}: {others} row(s) belong to another study"
            )
    elif frame.width:
        frame = frame.with_columns(pl.lit(study_key, pl.String).alias(KEY_COLUMN))
    return _write(layout, path, conform(table, frame))


def write_table(layout: Layout, table: str, frame: pl.DataFrame) -> int:
    """Replace all rows of a cohort-level table; the number of rows written."""
    _check_level(table, per_study=False)
    return _write(layout, layout.part_path(table), conform(table, frame))


def delete_part(layout: Layout, table: str, study_key: str) -> bool:
    """Remove this study's rows; whether there were any to remove."""
    _check_level(table, per_study=True)
    path = layout.part_path(table, study_key)
    removed = atomic.remove_file(path)
    if removed:
        _remove_if_empty(path.parent)
    return removed


def part_paths(layout: Layout, table: str, study_keys: Sequence[str] | None = None) -> list[Path]:
    """Files that hold the table's rows now, by study key; those of some studies if named."""
    if not table_schema(table).per_study:
        if study_keys is not None:
            raise ValueError(f"{table} is a table of the cohort; it has no studies to choose")
        return [layout.part_path(table)]
    if study_keys is not None:
        return [layout.part_path(table, key) for key in study_keys]
    return sorted(layout.table_folder(table).glob(f"{KEY_COLUMN}=*/{PART_NAME}"))


def iterate_parts(
    layout: Layout, table: str, study_keys: Sequence[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Each part's rows, with the table's columns; a part deleted meanwhile is passed over."""
    for path in part_paths(layout, table, study_keys):
        content = _content(path)
        if content is not None:
            yield conform_stored(table, pl.read_parquet(io.BytesIO(content)))


def read_table(layout: Layout, table: str, study_keys: Sequence[str] | None = None) -> pl.DataFrame:
    """All rows; an empty frame with the table's columns when there are none."""
    parts = list(iterate_parts(layout, table, study_keys))
    return pl.concat([empty_table(table), *parts], how="diagonal")


def scan_table(layout: Layout, table: str, study_keys: Sequence[str] | None = None) -> pl.LazyFrame:
    """All rows, lazily: the parts' bytes are those of now, decoded only as far as needed."""
    columns = table_schema(table).polars_schema()
    frames = [pl.LazyFrame(schema=columns)]
    for path in part_paths(layout, table, study_keys):
        content = _content(path)
        if content is not None:
            part = pl.scan_parquet(io.BytesIO(content))
            if not table_schema(table).keeps_extra_columns:
                stored = part.collect_schema().names()
                part = part.select([name for name in columns if name in stored])
            frames.append(part)
    return pl.concat(frames, how="diagonal")


def _content(path: Path) -> bytes | None:
    """The file read through one opening, so that a replacement in between cannot mix two parts."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(layout: Layout, path: Path, frame: pl.DataFrame) -> int:
    atomic.write_file(
        path, lambda file: frame.write_parquet(file, compression="zstd"), layout.incoming_folder
    )
    return frame.height


def _check_level(table: str, *, per_study: bool) -> None:
    if table_schema(table).per_study != per_study:
        level = "a study" if not per_study else "the cohort"
        raise Refusal("TABLE_LEVEL", f"the rows of table {table} are written by {level}")


def _remove_if_empty(folder: Path) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        # A writer has put a new part there; the folder is in use again.
        return
