"""IBSI-2: response maps of filters on digital phantoms, and features of a filtered CT.

Parameters are those of the reference manual (arXiv 2006.05470), table 6.1 for the maps. A map
passes when every voxel lies within 1 % of the reference map's range of intensities.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.imaging.volume import LabelMap, Volume
from wbr_platform.radiomics.policy import Policy
from wbr_platform.radiomics.reasons import Reason
from wbr_platform.radiomics.region import Region, RegionSource, policy_grid
from wbr_platform.radiomics.statistics import intensity_statistics
from wbr_platform.refusal import Refusal
from wbr_platform.validation.ibsi2_tests import (
    FILTERED_FEATURES,
    FILTERED_POLICIES,
    RESPONSE_MAPS,
)
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport, ValidationRow

NAME = "ibsi2"
MAPS_FOLDER = "ibsi2_response_maps"
PHANTOMS_FOLDER = "ibsi2_digital_phantoms"
CT_FOLDER = "ibsi1_ct_phantom_pat1"
VALUES_FILE = "ibsi_reference_values/ibsi2_phase2_reference_values.csv"
TOLERANCE = 0.01


def validate_ibsi2(data: Path | None = None) -> ValidationReport:
    """Every response map that the reference data hold, then the features of the filtered CT.

    Raises Refusal REFERENCE_DATA_MISSING when there are no maps or a phantom is missing.
    """
    folder = reference_folder(data)
    maps = sorted((folder / MAPS_FOLDER).glob("*.nii*"))
    if not maps:
        raise Refusal("REFERENCE_DATA_MISSING", f"there is no map in {MAPS_FOLDER}")
    rows = [_map_row(folder, path) for path in maps]
    values = folder / VALUES_FILE
    if values.is_file():
        rows += _feature_rows(folder, values)
    return ValidationReport(NAME, tuple(rows))


def _map_row(folder: Path, path: Path) -> ValidationRow:
    name = path.name.split(".")[0].removesuffix("-ValidCRM")
    test = RESPONSE_MAPS.get(name)
    if test is None:
        raise Refusal("UNKNOWN_CONFIGURATION", f"the manual has no test {name}")
    phantom, applied = test
    image = folder / PHANTOMS_FOLDER / f"{phantom}_image.nii.gz"
    if not image.is_file():
        raise Refusal("REFERENCE_DATA_MISSING", f"there is no phantom {phantom}")
    reference = read_volume(path, "1").array
    ours = applied.apply(read_volume(image, "1")).array
    difference = float(np.abs(ours - reference).max()) / float(np.ptp(reference))
    return ValidationRow(
        case="response map",
        quantity=name.replace("_", "."),
        reference=0.0,
        ours=difference,
        tolerance=TOLERANCE,
        unit="largest difference, of the range",
        matched=difference <= TOLERANCE,
        note=f"{applied.kind} on {phantom}",
    )


def _feature_rows(folder: Path, values: Path) -> Iterator[ValidationRow]:
    """Statistics inside the region of the CT, filtered on the interpolated grid."""
    prepared: dict[str, tuple[Region, Volume]] = {}
    found: dict[str, dict[str, object]] = {}
    with values.open(encoding="utf-8", newline="") as file:
        references = list(csv.DictReader(file))
    for row in references:
        test, tag = row["filter_id"], row["feature_tag"]
        if test not in found:
            configuration = test[-1]
            if configuration not in prepared:
                policy = FILTERED_POLICIES[configuration]
                prepared[configuration] = _filtered_region(folder / CT_FOLDER, policy)
            region, image = prepared[configuration]
            applied = FILTERED_FEATURES[test]
            response = image if applied is None else applied.apply(image)
            found[test] = dict(intensity_statistics(_inside(response, region)))
        value = found[test].get(tag)
        number = float(value) if isinstance(value, float) else None
        consensus, tolerance = float(row["consensus_value"]), float(row["tolerance"])
        yield ValidationRow(
            case=f"filtered CT {test}",
            quantity=tag,
            reference=consensus,
            ours=number,
            tolerance=tolerance,
            unit="",
            matched=number is not None and _passes(number, consensus, tolerance),
            note="" if number is not None else str(value),
        )


def _passes(value: float, consensus: float, tolerance: float) -> bool:
    allowed = tolerance + 1e-9 * abs(consensus)
    return min(abs(value - consensus), abs(float(f"{value:.3g}") - consensus)) <= allowed


def _filtered_region(folder: Path, policy: Policy) -> tuple[Region, Volume]:
    """The region, and the interpolated image over the whole grid."""
    if not (folder / "image.nii.gz").is_file():
        raise Refusal("REFERENCE_DATA_MISSING", f"there is no {folder.name}/image.nii.gz")
    volume = read_volume(folder / "image.nii.gz", "HU")
    labelmap = read_labelmap(folder / "mask.nii.gz")
    everything = LabelMap(np.ones(volume.array.shape, np.uint8), volume.geometry, {1: "image"})
    region = _only(RegionSource(volume, labelmap, policy))
    unlimited = replace(policy, resegmentation_range=None)
    whole = _only(RegionSource(volume, everything, unlimited))
    image = whole.image[whole.box].astype(np.float32)
    return region, Volume(image, policy_grid(volume.geometry, policy), "HU")


def _only(source: RegionSource) -> Region:
    region = source.region(source.labels[0])
    if isinstance(region, Reason):
        raise ValueError(f"the reference region cannot be used: {region}")
    return region


def _inside(response: Volume, region: Region) -> NDArray[np.float64]:
    """The response in the intensity mask, whose place on the grid the region knows."""
    inner = response.array[region.place]
    return np.asarray(inner[region.intensity_mask[region.box]], dtype=np.float64)
