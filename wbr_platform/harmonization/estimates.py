"""What a ComBat fit learnt: enough to harmonise patients who arrive later, and to be stored."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wbr_platform.harmonization.design import CovariateEncoding, batch_labels, one_tissue
from wbr_platform.harmonization.location_scale import LocationScale
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ComBatEstimates:
    """Estimates of a fit; arrays over features hold NaN where a feature was not harmonised.

    ``alpha``, ``variance`` (features,); ``beta`` (encoded covariates, features); ``gamma_hat``,
    ``gamma_star`` (shift in units of the feature's standard deviation) and ``delta_hat``,
    ``delta_star`` (squared scale) (batches, features); ``patients_per_batch`` (batches,).
    ``reasons`` says for each feature why it passes unchanged, or is None; ``logged`` whether it is
    harmonised as its logarithm. ``added_batches`` came after the fit.
    """

    features: tuple[str, ...]
    batches: tuple[str, ...]
    patients_per_batch: tuple[int, ...]
    covariates: CovariateEncoding
    reference_batch: str | None
    reasons: tuple[str | None, ...]
    logged: tuple[bool, ...]
    tissue: str | None
    empirical_bayes: str
    mean_only: bool
    n_boot: int
    alpha: Array
    beta: Array
    variance: Array
    gamma_hat: Array
    gamma_star: Array
    delta_hat: Array
    delta_star: Array
    data_hash: str
    added_batches: tuple[str, ...] = ()

    @property
    def harmonized(self) -> NDArray[np.bool_]:
        """Which features are harmonised, shape (features,)."""
        return np.array([reason is None for reason in self.reasons], dtype=bool)

    def apply(
        self,
        values: Array,
        batch: ArrayLike,
        covariates: Any | None,
        tissue: ArrayLike | str | None = None,
    ) -> Array:
        """Harmonise ``values`` (patients, features); missing cells stay NaN.

        Patients of the reference batch and features with a reason are returned untouched. A value
        that has no harmonised one is NaN (:meth:`cell_reasons` says why). Raises Refusal
        UNSEEN_BATCH for a batch that was not in the fit, OTHER_TISSUE, MIXED_TISSUES and those of
        the covariates.
        """
        self.check_tissue(tissue)
        labels, index = self._index(batch, len(values))
        used = self.harmonized
        standardised, model, expected = self.standardised(values, covariates)
        gamma, delta = self.gamma_star[:, used][index], self.delta_star[:, used][index]
        harmonized = (standardised - gamma) / np.sqrt(delta) * np.sqrt(model.variance) + expected
        logged = np.array(self.logged, dtype=bool)[used]
        harmonized[:, logged] = np.exp(harmonized[:, logged])
        result = values.copy()
        result[:, used] = harmonized
        if self.reference_batch is not None:
            untouched = labels == self.reference_batch
            result[untouched] = values[untouched]
        return result

    def standardised(
        self, values: Array, covariates: Any | None
    ) -> tuple[Array, LocationScale, Array]:
        """Of the harmonised features: standardised values, the model, and the expected values."""
        used = self.harmonized
        encoded = self.covariates.encode(covariates, len(values))
        model = LocationScale(self.alpha, self.beta, self.variance).select(used)
        logged = np.array(self.logged, dtype=bool)[used]
        scaled = values[:, used].copy()
        positive = np.where(scaled[:, logged] > 0, scaled[:, logged], np.nan)
        scaled[:, logged] = np.log(positive)
        expected = model.expected(encoded)
        return (scaled - expected) / np.sqrt(model.variance), model, expected

    def cell_reasons(self, values: Array, batch: ArrayLike) -> NDArray[np.object_]:
        """Why a cell of ``values`` (patients, features) is not harmonised, or None.

        MISSING_VALUE, the feature's reason, NOT_POSITIVE (of a feature harmonised as logarithm), or
        NO_ESTIMATE_IN_BATCH (a batch added later, without spread in that feature).
        """
        labels, index = self._index(batch, len(values))
        reasons = np.full(values.shape, None, dtype=object)
        with np.errstate(invalid="ignore"):
            not_positive = np.array(self.logged, dtype=bool) & (values <= 0)
        not_positive &= (labels != self.reference_batch)[:, None]
        reasons[np.isnan(self.gamma_star[index])] = "NO_ESTIMATE_IN_BATCH"
        reasons[not_positive] = "NOT_POSITIVE"
        for feature, reason in enumerate(self.reasons):
            if reason is not None:
                reasons[:, feature] = reason
        reasons[np.isnan(values)] = "MISSING_VALUE"
        return reasons

    def check_tissue(self, tissue: ArrayLike | str | None) -> None:
        """Refusal OTHER_TISSUE (or MIXED_TISSUES) unless the tissue is that of the fit."""
        name = one_tissue(tissue)
        if name is not None and self.tissue is not None and name != self.tissue:
            raise Refusal(
                "OTHER_TISSUE",
                f"the estimates are of {self.tissue}, the values of {name}",
                "use estimates of the same tissue: scanner effects differ between tissues",
            )

    def _index(self, batch: ArrayLike, rows: int) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
        labels = batch_labels(batch, rows)
        unseen = sorted(set(labels.tolist()) - set(self.batches))
        if unseen:
            raise Refusal(
                "UNSEEN_BATCH",
                f"batch {', '.join(unseen)} was not in the fit",
                "its effect cannot be guessed: fit again with patients of that batch, or add it "
                "with at least 20 of its own patients",
            )
        return labels, np.searchsorted(np.array(self.batches), labels)

    def to_json(self) -> str:
        """The estimates as JSON text, numbers in full precision, NaN as null."""
        content = {
            field.name: _jsonable(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        return json.dumps(content, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ComBatEstimates:
        """Read what ``to_json`` wrote."""
        content = json.loads(text)
        encoding = content["covariates"]
        levels = tuple(None if item is None else tuple(item) for item in encoding["levels"])
        content["covariates"] = CovariateEncoding(tuple(encoding["names"]), levels)
        features = len(content["features"])
        for field in dataclasses.fields(cls):
            value = content[field.name]
            if field.type == "Array":
                # An empty beta loses its second dimension in JSON.
                array = np.array(value, dtype=float)
                content[field.name] = array if array.size else np.zeros((0, features))
            elif isinstance(value, list):
                content[field.name] = tuple(value)
        return cls(**content)


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_jsonable(row) for row in value] if value.ndim > 1 else _null_where_nan(value)
    if isinstance(value, CovariateEncoding):
        return dataclasses.asdict(value)
    return value


def _null_where_nan(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
