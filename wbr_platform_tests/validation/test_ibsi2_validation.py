"""IBSI-2's reference response maps and filtered features, as the command validates them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbr_platform.imaging import Volume
from wbr_platform.imaging.nifti import read_volume, write_volume
from wbr_platform.refusal import Refusal
from wbr_platform.validation.ibsi2 import validate_ibsi2
from wbr_platform.validation.ibsi2_tests import FILTERED_FEATURES, RESPONSE_MAPS
from wbr_platform_tests.reference_data import reference_data


@pytest.mark.reference
def test_every_response_map_and_almost_every_feature_is_matched() -> None:
    report = validate_ibsi2(reference_data("ibsi2_response_maps").parent)
    maps = [row for row in report.rows if row.case == "response map"]
    assert len(maps) == 18
    assert all(row.matched and float(row.ours or 0) < 1e-3 for row in maps)
    # The quotient of two quartiles' difference and sum, where the sum is all but nought.
    failures = {(row.case, row.quantity) for row in report.rows if not row.matched}
    assert failures <= {("filtered CT 8.A", "stat_qcod")}
    assert report.total == 180


@pytest.mark.reference
def test_a_wrong_map_fails(tmp_path: Path) -> None:
    root = reference_data("ibsi2_response_maps").parent
    maps = tmp_path / "ibsi2_response_maps"
    maps.mkdir()
    (tmp_path / "ibsi2_digital_phantoms").symlink_to(root / "ibsi2_digital_phantoms")
    right = read_volume(root / "ibsi2_response_maps" / "2_a.nii.gz", "1")
    wrong = right.array + np.float32(0.02) * np.ptp(right.array)
    write_volume(Volume(wrong, right.geometry, "1"), maps / "2_a.nii.gz")
    report = validate_ibsi2(tmp_path)
    assert (report.matched, report.total) == (0, 1)


def test_a_folder_without_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="REFERENCE_DATA_MISSING"):
        validate_ibsi2(tmp_path)


def test_every_test_of_the_manual_is_known() -> None:
    assert {name.split("_")[0] for name in RESPONSE_MAPS} == {str(k) for k in range(1, 11)}
    assert sorted(FILTERED_FEATURES) == sorted(f"{k}.{c}" for k in range(1, 10) for c in "AB")
