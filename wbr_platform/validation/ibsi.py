"""IBSI-1: every reference value with a consensus, on the digital phantom and the CT of a patient.

A value passes when it differs from the consensus by no more than the published tolerance; most
consensus values have three significant digits, to which ours is then rounded.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.feature_table import FEATURES_BY_NAME
from wbr_platform.radiomics.policy import PRESETS, Policy
from wbr_platform.refusal import Refusal
from wbr_platform.validation.ibsi_diagnostics import diagnostic_values
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport, ValidationRow

NAME = "ibsi"
VALUES_FOLDER = "ibsi_reference_values"
VALUES_FILE = "ibsi1_reference_values.csv"

# Configuration: the policy, the folder and the name of its image (the mask is mask.nii.gz).
CONFIGURATIONS = {
    "digital_phantom": ("digital_phantom", "ibsi1_digital_phantom", "phantom.nii.gz"),
    "A": ("ibsi_a", "ibsi1_ct_phantom_pat1", "image.nii.gz"),
    "B": ("ibsi_b", "ibsi1_ct_phantom_pat1", "image.nii.gz"),
    "C": ("ibsi_c", "ibsi1_ct_phantom_pat1", "image.nii.gz"),
    "D": ("ibsi_d", "ibsi1_ct_phantom_pat1", "image.nii.gz"),
    "E": ("ibsi_e", "ibsi1_ct_phantom_pat1", "image.nii.gz"),
}


def validate_ibsi(data: Path | None = None) -> ValidationReport:
    """Compare with the reference values, diagnostics of the image processing included.

    ``data`` is the root of the reference data, or a folder with an ``ibsi1_reference_values.csv``
    of one's own (the images are then taken from beside it or from the root). None: the root.

    Raises Refusal REFERENCE_DATA_MISSING when values or images are not there.
    """
    values, images = _folders(data)
    rows = []
    for configuration, references in _references(values).items():
        ours = _ours(configuration, images)
        rows += [_row(configuration, reference, ours) for reference in references]
    return ValidationReport(NAME, tuple(rows))


def _folders(data: Path | None) -> tuple[Path, Path]:
    """The file of values and the folder that holds the folders of images."""
    folder = reference_folder(data)
    if (folder / VALUES_FILE).is_file():
        values = folder / VALUES_FILE
        beside = (folder, folder.parent)
        needed = CONFIGURATIONS["digital_phantom"][1]
        images = next((root for root in beside if (root / needed).is_dir()), None)
        return values, images or reference_folder(None)
    values = folder / VALUES_FOLDER / VALUES_FILE
    if not values.is_file():
        raise Refusal(
            "REFERENCE_DATA_MISSING",
            f"there is no {VALUES_FOLDER}/{VALUES_FILE}",
            "give the root of the reference data",
        )
    return values, folder


def _references(values: Path) -> dict[str, list[dict[str, str]]]:
    """Rows with a consensus value, by configuration."""
    found: dict[str, list[dict[str, str]]] = {}
    with values.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["consensus_value"]:
                found.setdefault(row["configuration"], []).append(row)
    unknown = set(found) - set(CONFIGURATIONS)
    if unknown:
        raise Refusal(
            "UNKNOWN_CONFIGURATION",
            f"the reference values name {', '.join(sorted(unknown))}",
            f"known are {', '.join(CONFIGURATIONS)}",
        )
    return found


def _read(folder: Path, image: str) -> tuple[Volume, LabelMap]:
    """Image (whole numbers, as the manual asks of the NIfTI files) and mask."""
    if not (folder / image).is_file():
        raise Refusal(
            "REFERENCE_DATA_MISSING",
            f"there is no {folder.name}/{image}",
            "give the root of the reference data",
        )
    volume = read_volume(folder / image, "HU")
    whole = Volume(np.rint(volume.array), volume.geometry, volume.unit)
    return whole, read_labelmap(folder / "mask.nii.gz")


def _ours(configuration: str, images: Path) -> dict[str, tuple[float | None, str]]:
    """Value and reason by feature or diagnostic."""
    preset, folder, image = CONFIGURATIONS[configuration]
    volume, labelmap = _read(images / folder, image)
    return dict(_values(volume, labelmap, PRESETS[preset]))


def _values(
    volume: Volume, labelmap: LabelMap, policy: Policy
) -> Iterator[tuple[str, tuple[float | None, str]]]:
    features = extract(volume, labelmap, policy)
    for name, value, reason in features.select("feature", "value", "reason").iter_rows():
        yield name, (value, reason or "")
    for name, number in diagnostic_values(volume, labelmap, policy).items():
        yield name, (number, "")


def _row(
    configuration: str,
    reference: dict[str, str],
    ours: dict[str, tuple[float | None, str]],
) -> ValidationRow:
    tag = reference["tag"]
    value, reason = ours.get(tag, (None, "not computed"))
    consensus, tolerance = float(reference["consensus_value"]), float(reference["tolerance"])
    feature = FEATURES_BY_NAME.get(tag)
    note = reason or f"consensus of {reference['consensus_teams']} teams"
    return ValidationRow(
        case=configuration,
        quantity=tag,
        reference=consensus,
        ours=value,
        tolerance=tolerance,
        unit=feature.unit if feature else "",
        matched=value is not None and within_tolerance(value, consensus, tolerance),
        note=note,
    )


def within_tolerance(value: float, consensus: float, tolerance: float) -> bool:
    """Whether a value passes, as it is or rounded to three significant digits."""
    allowed = tolerance + 1e-9 * abs(consensus)
    return min(abs(value - consensus), abs(float(f"{value:.3g}") - consensus)) <= allowed
