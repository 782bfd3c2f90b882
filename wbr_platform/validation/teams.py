"""Features of real patients against nine software teams (IBSI-1, third phase; sarcoma FDG PET).

The reference is the median of the teams, where at least three of them lie within 1 % of it. The
teams disagree among themselves on some patients (their median then lies between two camps), so
that a feature passes when most of the patients, not all, are within 1 %. What differs most is
the intensity axis of the intensity-volume histogram, which IBSI defines for PET only where an upper
bound is set: there no two camps of teams agree (``ivh_v10``, ``ivh_v90``).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.imaging.volume import Unit
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.feature_table import FEATURES
from wbr_platform.radiomics.policy import PRESETS, Policy
from wbr_platform.refusal import Refusal
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport, ValidationRow

NAME = "teams"
FOLDER = "sts_pet_cohort"
TOLERANCE = 0.01
MINIMUM_TEAMS = 3
# A feature passes when this share of its patients is within the tolerance of the teams' median.
REQUIRED_SHARE = 0.8


@dataclass(frozen=True)
class Comparison:
    """One feature of one patient: the teams' median, ours, and whether they agree."""

    patient: str
    feature: str
    median: float
    ours: float | None

    @property
    def agrees(self) -> bool:
        """Within 1 % of the median."""
        if self.ours is None:
            return False
        return abs(self.ours - self.median) <= TOLERANCE * abs(self.median)


def validate_sts_features(
    data: Path | None = None, modality: str = "PET", required_share: float = REQUIRED_SHARE
) -> ValidationReport:
    """One row a feature: on how many patients we are within 1 % of the teams' median.

    ``data`` is the root of the reference data or the cohort's own folder. ``modality``: PET (34
    patients) or CT (6). The last row is the overall agreement.

    Raises Refusal REFERENCE_DATA_MISSING when the cohort is not there.
    """
    comparisons = list(compare_patients(_cohort(data), modality))
    rows = []
    for feature in FEATURES:
        own = [one for one in comparisons if one.feature == feature.name]
        if own:
            rows.append(_row(modality, feature.name, own, required_share))
    rows.append(_row(modality, "all features", comparisons, required_share))
    return ValidationReport(NAME, tuple(rows))


def compare_patients(cohort: Path, modality: str) -> Iterator[Comparison]:
    """Every feature with a team consensus, of every patient whose image is there."""
    unit: Unit = "SUVbw" if modality == "PET" else "HU"
    policy = PRESETS[f"sts_{modality.lower()}"]
    for patient, medians in _medians(cohort, modality).items():
        image = cohort / "nifti" / f"{patient}_{modality}_image.nii.gz"
        if image.is_file():
            mask = image.with_name(f"{patient}_{modality}_mask.nii.gz")
            yield from _compare(patient, image, mask, unit, policy, medians)


def _compare(
    patient: str,
    image: Path,
    mask: Path,
    unit: Unit,
    policy: Policy,
    medians: Mapping[str, float],
) -> Iterator[Comparison]:
    features = extract(read_volume(image, unit), read_labelmap(mask), policy)
    for name, value in features.select("feature", "value").iter_rows():
        if name in medians:
            yield Comparison(patient, name, medians[name], value)


def _cohort(data: Path | None) -> Path:
    folder = reference_folder(data)
    cohort = folder if (folder / "nifti").is_dir() else folder / FOLDER
    if not (cohort / "nifti").is_dir():
        raise Refusal(
            "REFERENCE_DATA_MISSING",
            f"there is no {FOLDER}/nifti",
            "give the root of the reference data",
        )
    return cohort


def _medians(cohort: Path, modality: str) -> dict[str, dict[str, float]]:
    """Patient → feature → median, where enough teams agree with it."""
    found: dict[str, dict[str, float]] = {}
    path = cohort / f"ibsi1_phase3_{modality}_features_by_team.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["median"] and int(row["n_within_1pct_of_median"]) >= MINIMUM_TEAMS:
                found.setdefault(row["id"], {})[row["tag"]] = float(row["median"])
    return found


def _row(
    modality: str, quantity: str, comparisons: list[Comparison], required_share: float
) -> ValidationRow:
    agreeing = sum(one.agrees for one in comparisons)
    total = len(comparisons)
    apart = sorted({one.patient for one in comparisons if not one.agrees})
    return ValidationRow(
        case=f"{modality} sarcoma cohort",
        quantity=quantity,
        reference=float(total),
        ours=float(agreeing),
        tolerance=1 - required_share,
        unit="values within 1 % of the median",
        matched=agreeing >= required_share * total,
        note=f"{len(apart)} patients apart" if len(apart) > 5 else ", ".join(apart),
        relative=True,
    )
