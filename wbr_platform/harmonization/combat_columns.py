"""ComBat for tables that carry batch and covariates beside the features.

In a Pipeline, batch and covariates have to follow the patients through every fold. As columns of
``X`` they do, with every scorer and search of scikit-learn; metadata routing does not reach
``transform`` when a named scorer such as "roc_auc" predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.refusal import Refusal


class ComBatColumns(TransformerMixin, BaseEstimator):
    """Harmonise the feature columns of a frame by its batch column; only features come out.

    Parameters
    ----------
    batch : str
        Column of the batch.
    covariates : sequence of str
        Columns whose effect is kept; never the outcome.
    tissue : str or None
        Column that has to hold one tissue.
    combat : ComBat or None
        Options; fitted as a clone, ``ComBat()`` for None.

    Attributes
    ----------
    combat_ : ComBat
        The fitted transformer.
    features_ : list of str
        Columns of the features: all others.
    n_features_in_, feature_names_in_
        As in scikit-learn: of the whole frame.
    """

    def __init__(
        self,
        batch: str = "batch",
        *,
        covariates: Sequence[str] = (),
        tissue: str | None = None,
        combat: ComBat | None = None,
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.tissue = tissue
        self.combat = combat

    def fit(self, X: Any, y: Any = None) -> ComBatColumns:
        """Fit to a polars or pandas frame; Refusal MISSING_COLUMN and those of ComBat."""
        frame = _polars(X)
        special = self._special(frame)
        self.features_ = [name for name in frame.columns if name not in special]
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.n_features_in_ = frame.width
        template = ComBat() if self.combat is None else self.combat
        self.combat_ = clone(template)
        self.combat_.fit(frame.select(self.features_).to_pandas(), **self._metadata(frame))
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Harmonised features (patients, features); Refusal as in ComBat and MISSING_COLUMN."""
        check_is_fitted(self, "combat_")
        frame = _polars(X)
        self._special(frame)
        missing = sorted(set(self.features_) - set(frame.columns))
        if missing:
            raise _missing(missing)
        features = frame.select(self.features_).to_pandas()
        return np.asarray(self.combat_.transform(features, **self._metadata(frame)))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the features."""
        check_is_fitted(self, "combat_")
        return np.array(self.features_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Missing cells are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _special(self, frame: pl.DataFrame) -> set[str]:
        names = {self.batch, *self.covariates, *([self.tissue] if self.tissue else [])}
        missing = sorted(names - set(frame.columns))
        if missing:
            raise _missing(missing)
        return names

    def _metadata(self, frame: pl.DataFrame) -> dict[str, Any]:
        return {
            "batch": frame[self.batch],
            "covariates": frame.select(self.covariates) if self.covariates else None,
            "tissue": frame[self.tissue].to_list() if self.tissue else None,
        }


def _polars(X: Any) -> pl.DataFrame:
    if isinstance(X, pd.DataFrame):
        return pl.from_pandas(X)
    if isinstance(X, pl.DataFrame):
        return X
    raise TypeError("ComBatColumns needs a polars or pandas frame: columns have to have names")


def _missing(names: Sequence[str]) -> Refusal:
    return Refusal("MISSING_COLUMN", f"the table has no column {', '.join(names)}")
