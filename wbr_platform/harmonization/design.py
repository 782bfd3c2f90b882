"""Batches and covariates as numbers: the design matrix of ComBat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import ArrayLike, NDArray

from wbr_platform.refusal import Refusal

# Condition number of the design with columns of unit length above which it counts as singular.
_SINGULAR = 1e10


@dataclass(frozen=True)
class CovariateEncoding:
    """How covariates become columns: numbers as they are, texts as indicators without the first.

    ``levels`` holds, for each name, the sorted levels of a text column, or None for a number.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...] | None, ...]

    @classmethod
    def learn(cls, covariates: Any | None) -> CovariateEncoding:
        """Read the encoding off the training covariates; Refusal MISSING_COVARIATE."""
        frame = as_frame(covariates)
        levels: list[tuple[str, ...] | None] = []
        for name in frame.columns:
            column = frame[name]
            if column.null_count() or (column.dtype.is_float() and column.is_nan().any()):
                raise _missing_covariate(name)
            is_text = not (column.dtype.is_numeric() or column.dtype == pl.Boolean)
            levels.append(tuple(sorted(column.cast(pl.String).unique())) if is_text else None)
        return cls(tuple(frame.columns), tuple(levels))

    @property
    def column_names(self) -> list[str]:
        """Names of the encoded columns, ``name`` or ``name=level``."""
        names: list[str] = []
        for name, levels in zip(self.names, self.levels, strict=True):
            names += [name] if levels is None else [f"{name}={level}" for level in levels[1:]]
        return names

    def encode(self, covariates: Any | None, rows: int) -> NDArray[np.float64]:
        """Encoded covariates, shape (rows, columns).

        Raises Refusal: MISSING_COVARIATE, UNSEEN_LEVEL, or COVARIATES_MISMATCH when columns or
        rows are not those that are expected.
        """
        frame = as_frame(covariates)
        if set(frame.columns) != set(self.names):
            raise Refusal(
                "COVARIATES_MISMATCH",
                f"covariates {sorted(frame.columns)} given, {sorted(self.names)} expected",
                "give the covariates of the fit",
            )
        if self.names and frame.height != rows:
            raise Refusal(
                "COVARIATES_MISMATCH",
                f"{frame.height} rows of covariates for {rows} rows of features",
            )
        columns: list[NDArray[np.float64]] = []
        for name, levels in zip(self.names, self.levels, strict=True):
            columns += _encode_column(frame[name], levels)
        return np.column_stack(columns) if columns else np.zeros((rows, 0))


def _encode_column(column: pl.Series, levels: tuple[str, ...] | None) -> list[NDArray[np.float64]]:
    if column.null_count():
        raise _missing_covariate(column.name)
    if levels is None:
        numbers = column.cast(pl.Float64).to_numpy()
        if not np.isfinite(numbers).all():
            raise _missing_covariate(column.name)
        return [numbers]
    texts = column.cast(pl.String)
    unseen = set(texts.unique()) - set(levels)
    if unseen:
        raise Refusal(
            "UNSEEN_LEVEL",
            f"covariate {column.name!r} has {len(unseen)} level(s) that the fit has not seen",
            "fit again with patients of every level",
        )
    return [(texts == level).to_numpy().astype(float) for level in levels[1:]]


def _missing_covariate(name: str) -> Refusal:
    return Refusal(
        "MISSING_COVARIATE",
        f"covariate {name!r} has missing values",
        "complete it, leave it out, or leave these patients out",
    )


def as_frame(covariates: Any | None) -> pl.DataFrame:
    """Covariates (None, polars or pandas frame, or a numeric array) as a polars frame."""
    if covariates is None:
        return pl.DataFrame()
    if isinstance(covariates, pl.DataFrame):
        return covariates
    if isinstance(covariates, pd.DataFrame):
        return pl.DataFrame({str(name): covariates[name].to_numpy() for name in covariates})
    array = np.asarray(covariates, dtype=float)
    array = array[:, None] if array.ndim == 1 else array
    return pl.DataFrame({f"covariate_{k}": array[:, k] for k in range(array.shape[1])})


def batch_labels(batch: ArrayLike | pl.Series, rows: int) -> NDArray[np.str_]:
    """Batches as texts, shape (rows,); Refusal MISSING_BATCH or BATCH_MISMATCH."""
    values: Sequence[Any] = (
        batch.to_list() if isinstance(batch, pl.Series) else np.asarray(batch, object).tolist()
    )
    if len(values) != rows:
        raise Refusal("BATCH_MISMATCH", f"{len(values)} batches for {rows} rows of features")
    if any(value is None or value != value for value in values):
        raise Refusal("MISSING_BATCH", "some patients have no batch", "leave these patients out")
    return np.array([str(value) for value in values], dtype=np.str_)


def one_tissue(tissue: ArrayLike | str | None) -> str | None:
    """The tissue of all patients, a name or one name a patient; Refusal MIXED_TISSUES."""
    if tissue is None or isinstance(tissue, str):
        return tissue
    names = sorted({str(name) for name in np.asarray(tissue, object).ravel().tolist()})
    if len(names) > 1:
        raise Refusal(
            "MIXED_TISSUES",
            f"the table mixes {len(names)} tissues, and scanner effects differ between tissues",
            "fit each tissue on its own",
        )
    return names[0] if names else None


def is_singular(design: NDArray[np.float64]) -> bool:
    """Whether the columns of ``design`` (rows, columns) are linearly dependent."""
    lengths = np.linalg.norm(design, axis=0)
    if design.shape[0] < design.shape[1] or not lengths.all():
        return True
    return bool(np.linalg.cond(design / lengths) > _SINGULAR)
