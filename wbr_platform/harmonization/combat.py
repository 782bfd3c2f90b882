"""ComBat as a scikit-learn transformer.

Model (Fortin et al., NeuroImage 2018;167:104; Johnson et al., Biostatistics 2007;8:118), for batch
i, patient j, feature f: ``y = alpha_f + X_ij beta_f + sigma_f (gamma_if + delta_if eps_ijf)``.
Equal to sva::ComBat and neuroCombat in R to rounding. What to use it on and when not:
Orlhac et al., J Nucl Med 2022;63:172. Reference batch (M-ComBat), bootstrap (B-ComBat) and both
(BM-ComBat): Da-Ano et al., Sci Rep 2020;10:10248.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from wbr_platform.harmonization.design import (
    CovariateEncoding,
    batch_labels,
    is_singular,
    one_tissue,
)
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.harmonization.estimation import (
    EmpiricalBayes,
    Estimation,
    Shrinkage,
    among_all,
)
from wbr_platform.harmonization.location_scale import MissingVariance
from wbr_platform.harmonization.log_rule import LogRule, logged_features
from wbr_platform.harmonization.new_batch import DEFAULT_MINIMUM_OF_NEW_BATCH, add_batch
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

# Below this a batch's estimates are too uncertain: error of new patients about 0.4 standard
# deviations at 10 patients, 0.25 at 30.
DEFAULT_MINIMUM_PER_BATCH = 10
# Means of batches that agree so closely (in standard deviations) were made to agree; chance does
# not do it in several features at once.
_MADE_EQUAL = 1e-9
_SEVERAL = 3


class ComBat(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Remove additive and multiplicative batch effects from features.

    Batch and covariates go to ``fit`` and ``transform`` (with metadata routing inside a Pipeline:
    ``ComBat().set_fit_request(batch=True).set_transform_request(batch=True)``; scikit-learn's named
    scorers do not route to ``transform``, so a search scored by AUC needs
    :class:`~wbr_platform.harmonization.combat_columns.ComBatColumns`). The outcome must never be a
    covariate, and one fit holds one tissue only.

    Parameters
    ----------
    empirical_bayes : "parametric", "nonparametric" or "none"
        How batch effects are shrunk over features. With a single feature there is nothing to
        shrink towards and the raw estimates are used (``empirical_bayes_`` says what was done).
    mean_only : bool
        Correct the shift, leave the scale.
    reference_batch : str or None
        Batch that is returned untouched and to which the others are aligned.
    minimum_per_batch : int
        Fewer patients in a batch are refused; a feature with fewer values in a batch passes
        unchanged with a reason. Never below 2, or below 1 when ``mean_only``.
    tolerance : float
        Relative change at which the parametric iteration stops; R's own value by default.
    missing_variance : "fortin" or "sva"
        Pooled variance of tables with missing cells: divided by n (continuous with the complete
        case) or by n - 1.
    log : "never", "skewed" or a sequence of feature names
        Features that are harmonised as logarithms. "skewed" decides on the patients of the fit;
        ``estimates_.logged`` says what was done. A later value that is not positive becomes NaN.
    n_boot : int
        Number of resampled cohorts over which the estimates are averaged; 0 for none.
    seed : int
        Of the resampling.

    Attributes
    ----------
    estimates_ : ComBatEstimates
        All that was learnt; storable, and enough to harmonise later patients.
    empirical_bayes_ : str
        The shrinkage that was applied.
    n_features_in_, feature_names_in_
        As in scikit-learn.
    """

    def __init__(
        self,
        *,
        empirical_bayes: EmpiricalBayes = "parametric",
        mean_only: bool = False,
        reference_batch: str | None = None,
        minimum_per_batch: int = DEFAULT_MINIMUM_PER_BATCH,
        tolerance: float = 1e-4,
        missing_variance: MissingVariance = "fortin",
        log: LogRule = "never",
        n_boot: int = 0,
        seed: int = 0,
    ) -> None:
        self.empirical_bayes = empirical_bayes
        self.mean_only = mean_only
        self.reference_batch = reference_batch
        self.minimum_per_batch = minimum_per_batch
        self.tolerance = tolerance
        self.missing_variance = missing_variance
        self.log = log
        self.n_boot = n_boot
        self.seed = seed

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        batch: ArrayLike,
        covariates: Any | None = None,
        tissue: ArrayLike | str | None = None,
    ) -> ComBat:
        """Estimate batch effects of ``X`` (patients, features; NaN is missing).

        ``batch`` (patients,) and ``covariates`` (patients, columns; a frame whose text columns are
        categories, or numbers). ``tissue``, a name or one a patient, is kept with the estimates,
        and more than one is refused. Raises Refusal: ONE_BATCH, BATCH_TOO_SMALL,
        UNKNOWN_REFERENCE, CONFOUNDED, NOTHING_TO_HARMONIZE, MISSING_BATCH, MISSING_COVARIATE,
        MIXED_TISSUES, NOT_POSITIVE, BOOTSTRAP_FAILED, ALREADY_HARMONIZED (means of batches that
        agree to rounding; a table harmonised with shrinkage or covariates cannot be told by its
        values alone).
        """
        self._check_parameters()
        values = validate_data(self, X, dtype=float, ensure_all_finite="allow-nan", copy=True)
        names = tuple(str(name) for name in self.get_feature_names_out())
        labels = batch_labels(batch, len(values))
        tissue_name = one_tissue(tissue)
        encoding = CovariateEncoding.learn(covariates)
        encoded = encoding.encode(covariates, len(values))
        batches, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
        self._check_batches(batches, counts)
        if is_singular(np.hstack([np.eye(len(batches))[index], encoded])):
            raise Refusal(
                "CONFOUNDED",
                "a covariate is a function of the batch or of the other covariates",
                "leave that covariate out, or do not harmonise these batches together",
            )
        data_hash = _hash(values, labels, encoded)
        reasons = self._feature_reasons(values, index, len(batches))
        logged = np.array([reason is None for reason in reasons]) & logged_features(
            values, index, names, self.log
        )
        values[:, logged] = np.log(values[:, logged])
        shrinkage = Shrinkage(self.empirical_bayes, self.mean_only, self.tolerance)
        estimation = Estimation(shrinkage, self._reference_index(batches), self.missing_variance)
        kept = _without_reason(reasons)
        model = estimation.location_scale(values[:, kept], index, encoded)
        # Enough values, yet with its missing cells left out the feature's own design is singular
        # or fits without a residual.
        unfit = ~(model.variance > 0)
        for feature in np.flatnonzero(kept)[unfit]:
            reasons[feature] = "CONFOUNDED"
        model, kept = model.select(~unfit), _without_reason(reasons)
        if not kept.any():
            found = ", ".join(sorted({str(reason) for reason in reasons}))
            raise Refusal("NOTHING_TO_HARMONIZE", f"no feature can be harmonised ({found})")
        effects = estimation.effects(values[:, kept], index, encoded, model)
        _refuse_equal_batches(effects.gamma_hat)
        if self.n_boot:
            model, effects = estimation.bootstrap(
                values[:, kept], index, encoded, self.n_boot, self.seed
            )
        self.empirical_bayes_ = shrinkage.kind(int(kept.sum()))
        self.estimates_ = ComBatEstimates(
            features=names,
            batches=tuple(batches.tolist()),
            patients_per_batch=tuple(counts.tolist()),
            covariates=encoding,
            reference_batch=self.reference_batch,
            reasons=tuple(reasons),
            logged=tuple((logged & kept).tolist()),
            tissue=tissue_name,
            empirical_bayes=self.empirical_bayes_,
            mean_only=self.mean_only,
            n_boot=self.n_boot,
            alpha=among_all(model.alpha, kept),
            beta=among_all(model.beta, kept),
            variance=among_all(model.variance, kept),
            gamma_hat=among_all(effects.gamma_hat, kept),
            gamma_star=among_all(effects.gamma_star, kept),
            delta_hat=among_all(effects.delta_hat, kept),
            delta_star=among_all(effects.delta_star, kept),
            data_hash=data_hash,
        )
        return self

    def transform(
        self,
        X: Any,
        *,
        batch: ArrayLike,
        covariates: Any | None = None,
        tissue: ArrayLike | str | None = None,
    ) -> NDArray[np.float64]:
        """Harmonise ``X`` (patients, features) with the fitted estimates; NaN stays NaN.

        Raises Refusal: UNSEEN_BATCH, UNSEEN_LEVEL, COVARIATES_MISMATCH, MISSING_COVARIATE,
        MIXED_TISSUES, OTHER_TISSUE.
        """
        check_is_fitted(self, "estimates_")
        values = validate_data(self, X, dtype=float, ensure_all_finite="allow-nan", reset=False)
        return self.estimates_.apply(values, batch, covariates, tissue)

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        *,
        batch: ArrayLike,
        covariates: Any | None = None,
        tissue: ArrayLike | str | None = None,
    ) -> NDArray[np.float64]:
        """Fit to ``X`` and harmonise it."""
        fitted = self.fit(X, batch=batch, covariates=covariates, tissue=tissue)
        return fitted.transform(X, batch=batch, covariates=covariates, tissue=tissue)

    def with_new_batch(
        self,
        X: Any,
        *,
        batch: str,
        covariates: Any | None = None,
        tissue: ArrayLike | str | None = None,
        minimum: int = DEFAULT_MINIMUM_OF_NEW_BATCH,
    ) -> ComBat:
        """A copy that also knows ``batch``, learnt from its own patients ``X`` without labels.

        The fitted cohort is the reference and does not change. Raises Refusal BATCH_TOO_SMALL,
        BATCH_ALREADY_KNOWN and those of :meth:`transform`.
        """
        check_is_fitted(self, "estimates_")
        values = validate_data(self, X, dtype=float, ensure_all_finite="allow-nan", reset=False)
        copy = clone(self)
        for name in ("n_features_in_", "feature_names_in_", "empirical_bayes_"):
            if hasattr(self, name):
                setattr(copy, name, getattr(self, name))
        copy.estimates_ = add_batch(
            self.estimates_,
            values,
            batch,
            covariates,
            tissue=tissue,
            minimum=minimum,
            tolerance=self.tolerance,
        )
        return copy

    def __sklearn_tags__(self) -> Any:
        """Missing cells are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _minimum(self) -> int:
        return max(self.minimum_per_batch, 1 if self.mean_only else 2)

    def _check_parameters(self) -> None:
        if self.empirical_bayes not in ("parametric", "nonparametric", "none"):
            raise ValueError(f"empirical_bayes={self.empirical_bayes!r} is unknown")
        if self.missing_variance not in ("fortin", "sva"):
            raise ValueError(f"missing_variance={self.missing_variance!r} is unknown")
        if self.n_boot < 0:
            raise ValueError("n_boot is negative")

    def _check_batches(self, batches: NDArray[Any], counts: NDArray[Any]) -> None:
        if len(batches) < 2:
            raise Refusal("ONE_BATCH", "there is one batch only: nothing to harmonise")
        small = [f"{b} ({n})" for b, n in zip(batches, counts, strict=True) if n < self._minimum]
        if small:
            raise Refusal(
                "BATCH_TOO_SMALL",
                f"fewer than {self._minimum} patients in batch {', '.join(small)}",
                "leave these batches out, or lower minimum_per_batch and expect large errors",
            )

    def _reference_index(self, batches: NDArray[Any]) -> int | None:
        if self.reference_batch is None:
            return None
        if self.reference_batch not in batches:
            raise Refusal("UNKNOWN_REFERENCE", f"no patient in batch {self.reference_batch!r}")
        return int(np.searchsorted(batches, self.reference_batch))

    def _feature_reasons(
        self, values: Array, index: NDArray[np.intp], batches: int
    ) -> list[str | None]:
        """Why a feature cannot be harmonised, for each feature; None where it can."""
        present = ~np.isnan(values)
        low, high = np.where(present, values, np.inf), np.where(present, values, -np.inf)
        counts = np.array([present[index == k].sum(axis=0) for k in range(batches)])
        # Greatest against smallest: the variance of equal numbers is not exactly zero.
        equal = np.array(
            [low[index == k].min(axis=0) >= high[index == k].max(axis=0) for k in range(batches)]
        )
        alone = self.mean_only & (counts == 1)  # one value has no spread, and needs none
        constant_in_batch = (equal & ~alone).any(axis=0)
        constant = low.min(axis=0) >= high.max(axis=0)
        reasons = np.select(
            [(counts < self._minimum).any(axis=0), constant, constant_in_batch],
            ["TOO_FEW_VALUES_IN_BATCH", "CONSTANT", "CONSTANT_IN_BATCH"],
            default="",
        )
        return [str(reason) or None for reason in reasons]


def _without_reason(reasons: list[str | None]) -> NDArray[np.bool_]:
    return np.array([reason is None for reason in reasons], dtype=bool)


def _refuse_equal_batches(gamma_hat: Array) -> None:
    if gamma_hat.shape[1] >= _SEVERAL and np.abs(gamma_hat).max() < _MADE_EQUAL:
        raise Refusal(
            "ALREADY_HARMONIZED",
            "the means of the batches agree to rounding in every feature",
            "harmonise the values as extracted: applying ComBat twice changes them again",
        )


def _hash(values: Array, labels: NDArray[np.str_], covariates: Array) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes())
    digest.update("\0".join(labels.tolist()).encode())
    digest.update(np.ascontiguousarray(covariates).tobytes())
    return digest.hexdigest()
