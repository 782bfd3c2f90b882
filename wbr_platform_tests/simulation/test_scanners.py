from __future__ import annotations

import pytest

from wbr_platform.simulation.scanners import REFERENCE_PSF_MM, SCANNERS


def test_three_vendors_at_least() -> None:
    assert {scanner.vendor for scanner in SCANNERS.values()} == {"GE", "Siemens", "Philips"}
    assert all(name == scanner.name for name, scanner in SCANNERS.items())


@pytest.mark.parametrize("name", sorted(SCANNERS))
def test_batch_effect_of_strength_zero_makes_scanners_alike(name: str) -> None:
    alike = SCANNERS[name].with_batch_effect(0.0)
    assert (alike.psf_fwhm_mm, alike.calibration) == (REFERENCE_PSF_MM, 1.0)
    assert alike.noise == pytest.approx(0.08)
    listed = SCANNERS[name].with_batch_effect(1.0)
    assert listed.psf_fwhm_mm == pytest.approx(SCANNERS[name].psf_fwhm_mm)
    assert listed.calibration == SCANNERS[name].calibration
