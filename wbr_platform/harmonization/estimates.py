"""What a ComBat fit learnt: enough to harmonise patients who arrive later, and to be stored."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wbr_platform.harmonization.design import CovariateEncoding, batch_labels
from wbr_platform.harmonization.location_scale import LocationScale
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ComBatEstimates:
    """Estimates of a fit; arrays over features hold NaN where a feature was not harmonised.

    ``alpha``, ``variance`` (features,); ``beta`` (encoded covariates, features); ``gamma_hat``,
    ``gamma_star`` (shift in units of the feature's standard deviation) and ``delta_hat``,
    ``delta_star`` (squared scale) (batches, features); ``patients_per_batch`` (batches,).
    ``reasons`` says for each feature why it passes unchanged, or is None.
    """

    features: tuple[str, ...]
    batches: tuple[str, ...]
    patients_per_batch: tuple[int, ...]
    covariates: CovariateEncoding
    reference_batch: str | None
    reasons: tuple[str | None, ...]
    alpha: Array
    beta: Array
    variance: Array
    gamma_hat: Array
    gamma_star: Array
    delta_hat: Array
    delta_star: Array
    data_hash: str

    @property
    def harmonized(self) -> NDArray[np.bool_]:
        """Which features are harmonised, shape (features,)."""
        return np.array([reason is None for reason in self.reasons], dtype=bool)

    def apply(self, values: Array, batch: ArrayLike, covariates: Any | None) -> Array:
        """Harmonise ``values`` (patients, features); missing cells stay NaN.

        Patients of the reference batch and features with a reason are returned untouched. Raises
        Refusal UNSEEN_BATCH for a batch that was not in the fit.
        """
        labels = batch_labels(batch, len(values))
        unseen = sorted(set(labels.tolist()) - set(self.batches))
        if unseen:
            raise Refusal(
                "UNSEEN_BATCH",
                f"batch {', '.join(unseen)} was not in the fit",
                "its effect cannot be guessed: fit again with patients of that batch",
            )
        index = np.searchsorted(np.array(self.batches), labels)
        encoded = self.covariates.encode(covariates, len(values))
        used = self.harmonized
        model = LocationScale(self.alpha, self.beta, self.variance).select(used)
        expected, scale = model.expected(encoded), np.sqrt(model.variance)
        standardised = (values[:, used] - expected) / scale
        gamma, delta = self.gamma_star[:, used][index], self.delta_star[:, used][index]
        result = values.copy()
        result[:, used] = (standardised - gamma) / np.sqrt(delta) * scale + expected
        if self.reference_batch is not None:
            untouched = labels == self.reference_batch
            result[untouched] = values[untouched]
        return result

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
