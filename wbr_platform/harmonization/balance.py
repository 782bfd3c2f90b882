"""How strongly the batch and a property of the patients go together: composition of batches."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

# A number with so few values is counted by value, as a category.
_FEW_VALUES = 5


def association(batch: NDArray[np.str_], column: pl.Series) -> float | None:
    """Strength between 0 and 1 of the association of ``batch`` (patients,) with ``column``.

    Of a number the square root of epsilon squared (the share of variance between batches, corrected
    for chance); of a category Cramér's V with Bergsma's correction. Missing values are left out.
    None where nothing varies or a batch alone has values.
    """
    known = (
        column.is_not_null() & (~column.is_nan() if column.dtype.is_float() else True)
    ).to_numpy()
    batch, column = batch[known], column.filter(pl.Series(known))
    if len(np.unique(batch)) < 2 or column.n_unique() < 2:
        return None
    if column.dtype.is_numeric() and column.n_unique() > _FEW_VALUES:
        return _correlation_ratio(batch, column.cast(pl.Float64).to_numpy())
    return _cramers_v(batch, column.cast(pl.String).to_numpy())


def _correlation_ratio(batch: NDArray[np.str_], values: NDArray[np.float64]) -> float | None:
    names, index = np.unique(batch, return_inverse=True)
    degrees = len(values) - len(names)
    total = float(((values - values.mean()) ** 2).sum())
    if degrees < 1 or total == 0:
        return None
    means = np.bincount(index, values) / np.bincount(index)
    within = float(((values - means[index]) ** 2).sum())
    epsilon_squared = 1 - (within / degrees) / (total / (len(values) - 1))
    return float(np.sqrt(max(epsilon_squared, 0.0)))


def _cramers_v(batch: NDArray[np.str_], values: NDArray[np.object_]) -> float:
    _, rows = np.unique(batch, return_inverse=True)
    _, columns = np.unique(values.astype(str), return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    patients = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / patients
    chance = (table.shape[0] - 1) * (table.shape[1] - 1) / (patients - 1)
    phi_squared = max(float(((table - expected) ** 2 / expected).sum() / patients) - chance, 0.0)
    sizes = [size - (size - 1) ** 2 / (patients - 1) for size in table.shape]
    return float(min(np.sqrt(phi_squared / max(min(sizes) - 1, 1e-9)), 1.0))
