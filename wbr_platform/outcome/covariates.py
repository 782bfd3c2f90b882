"""Covariates as standardised numbers, learnt from the training patients only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Numeric:
    name: str
    fill: float  # median of the training patients


@dataclass(frozen=True)
class _Categorical:
    name: str
    levels: tuple[str, ...]  # sorted; the first is the reference
    fill: str  # commonest level of the training patients


def is_numeric(column: pl.Series) -> bool:
    """Whether a covariate is a number (or yes/no) rather than a category."""
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def without_nan(column: pl.Series) -> pl.Series:
    """NaN as null."""
    return column.fill_nan(None) if column.dtype.is_float() else column


class CovariateEncoder:
    """Impute, encode and standardise covariates; everything is learnt in ``fit``.

    Missing numbers become the training median, missing categories the commonest one. Categories
    become indicators of every level but the first; a level that training has not seen counts as the
    first. Columns are divided by their training standard deviation; columns that are constant in
    training are left out.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def fit(self, frame: pl.DataFrame) -> CovariateEncoder:
        """Learn from the training patients; every covariate has at least one value there."""
        self._parts = [_learn(without_nan(frame[name])) for name in self.names]
        raw, labels = self._raw(frame)
        self._mean, self._scale = raw.mean(axis=0), raw.std(axis=0, ddof=1)
        self._kept = self._scale > 1e-12 * np.maximum(1, np.abs(self._mean))
        self.columns_ = [label for label, kept in zip(labels, self._kept, strict=True) if kept]
        return self

    def transform(self, frame: pl.DataFrame) -> Array:
        """Standardised columns (patients, ``columns_``)."""
        raw, _ = self._raw(frame)
        standardised = (raw[:, self._kept] - self._mean[self._kept]) / self._scale[self._kept]
        return np.asarray(standardised)

    def _raw(self, frame: pl.DataFrame) -> tuple[Array, list[str]]:
        columns: list[Array] = []
        labels: list[str] = []
        for part in self._parts:
            column = without_nan(frame[part.name])
            if isinstance(part, _Numeric):
                columns.append(column.cast(pl.Float64).fill_null(part.fill).to_numpy())
                labels.append(part.name)
            else:
                texts = column.cast(pl.String).fill_null(part.fill)
                columns += [(texts == level).to_numpy().astype(float) for level in part.levels[1:]]
                labels += [f"{part.name}={level}" for level in part.levels[1:]]
        return np.column_stack(columns) if columns else np.zeros((frame.height, 0)), labels


def _learn(column: pl.Series) -> _Numeric | _Categorical:
    known = column.drop_nulls()
    if is_numeric(column):
        return _Numeric(column.name, float(np.median(known.cast(pl.Float64).to_numpy())))
    counts = known.cast(pl.String).value_counts(name="patients")
    commonest = counts.sort(["patients", column.name], descending=[True, False])[column.name][0]
    return _Categorical(column.name, tuple(sorted(counts[column.name])), commonest)
