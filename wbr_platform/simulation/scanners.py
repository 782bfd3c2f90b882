"""Simulated PET/CT scanners: how each vendor writes its headers and how each one sees activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Vendor = Literal["GE", "Siemens", "Philips"]
Scale = Literal["tiny", "small", "clinical"]

REFERENCE_PSF_MM = 6.0


@dataclass(frozen=True)
class Scanner:
    """One scanner with its reconstruction.

    ``psf_fwhm_mm`` is the resolution of the reconstructed image (Gaussian, full width at half
    maximum), ``noise`` the relative standard deviation in a tissue of SUV 2 at 250 MBq,
    ``noise_fwhm_mm`` its correlation length, and ``calibration`` the factor by which every SUV of
    the scanner is wrong: psf, noise and calibration together are the known batch effect.
    Spacings are (z, y, x) in mm: ``pet_spacing`` for small cohorts, ``clinical_pet_spacing`` as on
    the real machine, where matrices are square as well.
    """

    name: str
    vendor: Vendor
    manufacturer: str
    model: str
    institution: str
    reconstruction: str
    convolution_kernel: str
    pet_spacing: tuple[float, float, float]
    clinical_pet_spacing: tuple[float, float, float]
    clinical_pet_matrix: int
    psf_fwhm_mm: float
    noise: float
    noise_fwhm_mm: float
    calibration: float
    decay_correction: Literal["START", "ADMIN"] = "START"
    bed_step_mm: float = 150.0
    bed_seconds: float = 120.0

    def with_batch_effect(self, strength: float) -> Scanner:
        """The scanner with its batch effect scaled: 0 makes all scanners alike, 1 is as listed."""
        return replace(
            self,
            psf_fwhm_mm=REFERENCE_PSF_MM + strength * (self.psf_fwhm_mm - REFERENCE_PSF_MM),
            noise=0.08 + strength * (self.noise - 0.08),
            calibration=self.calibration**strength,
        )


SCANNERS: Mapping[str, Scanner] = {
    scanner.name: scanner
    for scanner in (
        Scanner(
            "ge_discovery_690",
            "GE",
            "GE MEDICAL SYSTEMS",
            "Discovery 690",
            "SIMULATED HOSPITAL NORTH",
            "VPFX",
            "STANDARD",
            pet_spacing=(3.27, 5.46875, 5.46875),
            clinical_pet_spacing=(3.27, 2.734375, 2.734375),
            clinical_pet_matrix=256,
            psf_fwhm_mm=6.4,
            noise=0.08,
            noise_fwhm_mm=6.0,
            calibration=1.00,
        ),
        Scanner(
            "siemens_biograph_mct",
            "Siemens",
            "SIEMENS",
            "Biograph128_mCT",
            "SIMULATED HOSPITAL EAST",
            "PSF+TOF 2i21s",
            "B31f",
            pet_spacing=(5.0, 4.07283, 4.07283),
            clinical_pet_spacing=(3.0, 4.07283, 4.07283),
            clinical_pet_matrix=200,
            psf_fwhm_mm=4.8,
            noise=0.11,
            noise_fwhm_mm=5.0,
            calibration=1.08,
        ),
        Scanner(
            "philips_ingenuity_tf",
            "Philips",
            "Philips Medical Systems",
            "Ingenuity TF PET/CT",
            "SIMULATED HOSPITAL SOUTH",
            "BLOB-OS-TF",
            "B",
            pet_spacing=(4.0, 4.0, 4.0),
            clinical_pet_spacing=(4.0, 4.0, 4.0),
            clinical_pet_matrix=144,
            psf_fwhm_mm=7.2,
            noise=0.07,
            noise_fwhm_mm=7.0,
            calibration=0.93,
            bed_seconds=90.0,
        ),
        Scanner(
            "ge_discovery_mi",
            "GE",
            "GE MEDICAL SYSTEMS",
            "Discovery MI",
            "SIMULATED HOSPITAL WEST",
            "QCFX",
            "STANDARD",
            pet_spacing=(2.79, 5.46875, 5.46875),
            clinical_pet_spacing=(2.79, 2.734375, 2.734375),
            clinical_pet_matrix=256,
            psf_fwhm_mm=4.4,
            noise=0.06,
            noise_fwhm_mm=4.5,
            calibration=1.04,
            decay_correction="ADMIN",
        ),
    )
}
