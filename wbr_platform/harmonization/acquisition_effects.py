"""How much of each feature's variance the acquisition explains, before and after harmonisation.

Reference organs show the scanner without the disease; lesions show both. Five scanners or more are
taken as drawn at random (mixed model); fewer are fixed effects, since the share of variance between
two to four scanners can hardly be estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.harmonization.alternatives import (
    TREATMENTS,
    UPTAKE_FEATURES,
    Treatment,
    treated,
)
from wbr_platform.harmonization.location_scale import missing_patterns
from wbr_platform.harmonization.log_rule import logged_features
from wbr_platform.harmonization.variance_models import (
    Explained,
    VarianceModel,
    fixed_effects,
    random_intercept,
)
from wbr_platform.refusal import Refusal

Array = NDArray[np.float64]

SCANNER = "scanner"
FACTORS = (
    SCANNER,
    "reconstruction",
    "voxel_volume_mm3",
    "uptake_time_min",
    "injected_dose_mbq",
    "glycaemia_mmol_l",
)
REFERENCE_REGIONS = ("liver", "spleen", "blood_pool", "L01", "tumour")
SCANNERS_FOR_RANDOM_EFFECT = 5
# A factor that most patients lack would leave no patients.
_LARGEST_MISSING_SHARE = 0.5
_SMALLEST_LEVEL = 2
_SPARE_PATIENTS = 10

_TISSUE = ("kind", "region", "modality", "policy")
EFFECT_SCHEMA: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys((*_TISSUE, "feature", "treatment", "factor", "model"), pl.String),
    **dict.fromkeys(("patients", "levels"), pl.Int64),
    "logged": pl.Boolean,
    **dict.fromkeys(
        ("explained", "explained_low", "explained_high", "p_value", "explained_alone"), pl.Float64
    ),
    "removed_by_treatment": pl.Boolean,
    "reason": pl.String,
}


@dataclass(frozen=True)
class EffectOptions:
    """Which factors, regions and treatments to look at."""

    factors: Sequence[str] = FACTORS
    scanner: str = SCANNER
    regions: Sequence[str] = REFERENCE_REGIONS
    treatments: Sequence[Treatment] = TREATMENTS
    uptake_features: Sequence[str] = UPTAKE_FEATURES


def acquisition_effects(
    features: pl.DataFrame,
    acquisitions: pl.DataFrame,
    covariates: pl.DataFrame | None = None,
    options: EffectOptions | None = None,
) -> pl.DataFrame:
    """One row a tissue, feature, treatment and factor (``EFFECT_SCHEMA``).

    ``features`` like table harmonized_features (harmonized_value is the treatment "combat").
    ``acquisitions`` has study_key, modality and the factors, texts or numbers; ``covariates``
    study_key and numbers or texts to adjust for (age, sex, weight).

    ``explained`` is the share of variance that a factor explains beside all others: partial eta
    squared, or for five scanners and more the share between scanners (``model``
    "random_intercept"); with 95 % limits. ``explained_alone`` is eta squared of the factor by
    itself. ``removed_by_treatment``: the treatment was fitted to this factor on these patients, so
    that a small value is no proof (see the held-out numbers of the verdicts).

    A row without a number has a reason: MISSING_FACTOR, CONSTANT_FACTOR, MOSTLY_MISSING_FACTOR,
    ALIASED_FACTOR (a function of the others), NOT_ENOUGH_PATIENTS, CONSTANT, and those of the
    treatments. Raises Refusal MISSING_COLUMN, DUPLICATE_VALUE.
    """
    chosen = options or EffectOptions()
    _check(acquisitions, covariates)
    regions = features.filter(pl.col("region").is_in(list(chosen.regions)))
    # The liver is needed as a ruler even where it is not among the regions.
    ruled = features.filter((pl.col("region") == "liver") | pl.col("region").is_in(chosen.regions))
    rows: list[dict[str, Any]] = []
    logged = _logged(regions)
    for treatment in chosen.treatments:
        if treatment == "combat" and "harmonized_value" not in features.columns:
            continue
        table = treated(ruled, treatment, uptake_features=chosen.uptake_features)
        table = table.filter(pl.col("region").is_in(list(chosen.regions)))
        for key, part in table.sort([*_TISSUE, "feature", "study_key"]).group_by(
            _TISSUE, maintain_order=True
        ):
            tissue = dict(zip(_TISSUE, map(str, key), strict=True))
            modality = acquisitions.filter(modality=tissue["modality"])
            for row in _tissue_rows(part, modality, covariates, chosen, logged, tissue):
                removed = treatment in ("combat", "batch_z_score")
                row["removed_by_treatment"] = removed and row["factor"] == chosen.scanner
                rows.append({**tissue, "treatment": treatment, **row})
    return pl.DataFrame(rows, schema=dict(EFFECT_SCHEMA))


def _check(acquisitions: pl.DataFrame, covariates: pl.DataFrame | None) -> None:
    keys = ["study_key", "modality"]
    if not set(keys) <= set(acquisitions.columns):
        raise Refusal("MISSING_COLUMN", "the acquisitions need study_key and modality")
    if covariates is not None and "study_key" not in covariates.columns:
        raise Refusal("MISSING_COLUMN", "the covariates need study_key")
    twice = acquisitions.select(pl.struct(keys).is_duplicated().any()).item()
    if twice or (covariates is not None and covariates["study_key"].is_duplicated().any()):
        raise Refusal("DUPLICATE_VALUE", "a study has more than one acquisition or covariate")


def _logged(features: pl.DataFrame) -> set[tuple[str, ...]]:
    """Tissue and feature pairs to be looked at as logarithms, decided on values as extracted."""
    found: set[tuple[str, ...]] = set()
    for key, part in features.drop_nulls("batch").group_by([*_TISSUE, "feature"]):
        values = part["value"].cast(pl.Float64).to_numpy().astype(float)[:, None]
        values = np.where(np.isfinite(values), values, np.nan)
        _, index = np.unique(part["batch"].to_numpy().astype(str), return_inverse=True)
        if logged_features(values, index, ["x"], "skewed")[0]:
            found.add(tuple(map(str, key)))
    return found


def _tissue_rows(
    part: pl.DataFrame,
    acquisitions: pl.DataFrame,
    covariates: pl.DataFrame | None,
    options: EffectOptions,
    logged: set[tuple[str, ...]],
    tissue: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    wide = part.pivot(on="feature", index="study_key", values="value", maintain_order=True)
    names = wide.columns[1:]
    joined = wide.join(
        acquisitions.drop("modality"), on="study_key", how="left", maintain_order="left"
    )
    reasons = {name: _factor_reason(joined, name) for name in options.factors}
    used = [name for name, reason in reasons.items() if reason is None]
    complete = joined.drop_nulls(used)
    adjustment, complete = _adjustment(complete, covariates)
    why = dict(
        part.filter(pl.col("value").is_null())
        .group_by("feature")
        .agg(pl.col("reason").mode().sort().first())
        .iter_rows()
    )
    design = {name: _columns(complete[name]) for name in used}
    values = complete.select(pl.col(names).cast(pl.Float64)).to_numpy().astype(float)
    is_logged = np.array([(*tissue.values(), name) in logged for name in names], dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithms = np.log(np.where(values > 0, values, np.nan))
    values = np.where(is_logged & ~(values <= 0).any(axis=0), logarithms, values)
    for rows, chosen in missing_patterns(values):
        found, model_name = _models(values[np.ix_(rows, chosen)], design, adjustment, rows, options)
        alone = {
            name: _alone(values[np.ix_(rows, chosen)], columns[rows])
            for name, columns in design.items()
        }
        for position, feature in enumerate(chosen):
            common = {
                "feature": names[feature],
                "patients": int(rows.sum()),
                "logged": bool(is_logged[feature]),
            }
            for name in options.factors:
                numbers = _numbers(found, alone, name, position)
                if name in used and not rows.any():
                    numbers["reason"] = why.get(names[feature], "NOT_ENOUGH_PATIENTS")
                if name not in used:
                    numbers["reason"] = reasons[name]
                yield {
                    **common,
                    "factor": name,
                    "levels": _levels(complete[name]) if name in used else None,
                    "model": model_name if name == options.scanner and name in used else "fixed",
                    **numbers,
                }


def _factor_reason(table: pl.DataFrame, name: str) -> str | None:
    if name not in table.columns:
        return "MISSING_FACTOR"
    column = table[name]
    if column.null_count() > _LARGEST_MISSING_SHARE * len(column):
        return "MISSING_FACTOR" if column.null_count() == len(column) else "MOSTLY_MISSING_FACTOR"
    return "CONSTANT_FACTOR" if column.drop_nulls().n_unique() < _SMALLEST_LEVEL else None


def _adjustment(table: pl.DataFrame, covariates: pl.DataFrame | None) -> tuple[Array, pl.DataFrame]:
    """Columns to adjust for, of the studies that have them, and these studies."""
    if covariates is None or covariates.width < 2:
        return np.zeros((table.height, 0)), table
    kept = table.join(covariates.drop_nulls(), on="study_key", how="semi", maintain_order="left")
    columns = kept.select("study_key").join(
        covariates, on="study_key", how="left", maintain_order="left"
    )
    parts = [_columns(column) for column in columns.drop("study_key").iter_columns()]
    return np.hstack(parts), kept


def _columns(column: pl.Series) -> Array:
    """A number as it is, standardised; a text or flag as indicators without the first level."""
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64).to_numpy()
        spread = numbers.std() if len(numbers) else 0.0
        return (
            np.asarray((numbers - numbers.mean()) / (spread or 1.0))[:, None]
            if spread
            else (np.zeros((len(numbers), 1)))
        )
    texts = column.cast(pl.String).to_numpy().astype(str)
    return (
        np.array([texts == level for level in np.unique(texts)[1:]], dtype=float)
        .reshape(-1, len(texts))
        .T
    )


def _levels(column: pl.Series) -> int | None:
    return None if column.dtype.is_numeric() else column.n_unique()


def _models(
    values: Array,
    design: Mapping[str, Array],
    adjustment: Array,
    rows: NDArray[np.bool_],
    options: EffectOptions,
) -> tuple[VarianceModel | None, str]:
    columns = sum(part.shape[1] for part in design.values()) + adjustment.shape[1] + 1
    if len(values) < columns + _SPARE_PATIENTS or not design:
        return None, "fixed"
    spread = values.std(axis=0)
    constant = values.max(axis=0) == values.min(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(constant, np.nan, spread)
    factors = {name: part[rows] for name, part in design.items()}
    scanners = factors.get(options.scanner)
    if scanners is None or scanners.shape[1] + 1 < SCANNERS_FOR_RANDOM_EFFECT:
        return fixed_effects(scaled, factors, adjustment[rows]), "fixed"
    others = {name: part for name, part in factors.items() if name != options.scanner}
    # Indicators without the first level: a row of zeros is the first scanner.
    _, group = np.unique(
        np.where(scanners.any(axis=1), scanners.argmax(axis=1) + 1, 0), return_inverse=True
    )
    model = random_intercept(scaled, group, others, adjustment[rows], options.scanner)
    return model, "random_intercept"


def _alone(values: Array, columns: Array) -> Array:
    """Eta squared (features,) of one factor by itself."""
    if len(values) <= columns.shape[1] + 1:
        return np.full(values.shape[1], np.nan)
    centred = columns - columns.mean(axis=0)
    response = values - values.mean(axis=0)
    fitted = centred @ np.linalg.lstsq(centred, response, rcond=None)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (fitted**2).sum(axis=0) / (response**2).sum(axis=0)
    return np.where(values.max(axis=0) > values.min(axis=0), share, np.nan)


def _numbers(
    model: VarianceModel | None, alone: Mapping[str, Array], name: str, feature: int
) -> dict[str, Any]:
    """The numeric columns of one row and the reason where there are none."""
    empty = dict.fromkeys(
        ("explained", "explained_low", "explained_high", "p_value", "explained_alone")
    )
    if model is None or model.degrees_of_freedom < 1:
        return {**empty, "reason": "NOT_ENOUGH_PATIENTS"}
    if name not in model.factors:
        return {**empty, "reason": "MISSING_FACTOR"}
    found: Explained | None = model.factors[name]
    by_itself = _known(alone[name][feature])
    if found is None:
        return {**empty, "explained_alone": by_itself, "reason": "ALIASED_FACTOR"}
    if not np.isfinite(found.share[feature]):
        return {**empty, "reason": "CONSTANT"}
    return {
        "explained": _known(found.share[feature]),
        "explained_low": _known(found.low[feature]),
        "explained_high": _known(found.high[feature]),
        "p_value": _known(found.p_value[feature]),
        "explained_alone": by_itself,
        "reason": None,
    }


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
