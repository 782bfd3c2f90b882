"""What is known about one simulated patient before any image is made."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wbr_platform.simulation.shapes import Point


@dataclass(frozen=True)
class Habitus:
    """How a patient's body differs from the reference anatomy (1.72 m, 72 kg).

    Scales multiply the reference in the transverse plane and along the body; ``fat_mm`` is the
    thickness of the subcutaneous fat of the trunk; ``organ_scales`` multiply an organ's radii;
    ``organ_shifts`` move it (mm); ``position`` is the place (LPS, mm) of the reference's origin.
    """

    transverse_scale: float
    axial_scale: float
    fat_mm: float
    organ_scales: Mapping[str, float]
    organ_shifts: Mapping[str, Point]
    position: Point


@dataclass(frozen=True)
class LesionTruth:
    """A lesion as planted: an ellipsoid at ``centre`` (LPS, mm) with ``radii`` (x, y, z; mm).

    ``suv_mean`` is its true mean uptake before the scanner blurs it; ``core`` says how hot its
    centre is against its rim (1: even; below 1: a necrotic core; above 1: a hot core).
    """

    lesion: str
    site: str
    organ: str | None
    centre: Point
    radii: Point
    volume_ml: float
    suv_mean: float
    core: float


@dataclass(frozen=True)
class SimulatedPatient:
    """One patient with all that was drawn. Names and dates are fictitious.

    ``organ_suv`` is the true SUVbw of every structure of the anatomy; ``systems`` holds the latent
    standard scores of the organ network; ``seed`` starts the noise of the images.
    """

    index: int
    patient_id: str
    seed: int
    scanner: str
    sex: str
    age_years: int
    birth_date: datetime.date
    weight_kg: float
    height_m: float
    glycaemia_mmol_l: float
    injected_dose_mbq: float
    uptake_time_min: float
    scan_start: datetime.datetime
    habitus: Habitus
    organ_suv: Mapping[str, float]
    systems: Mapping[str, float]
    lesions: tuple[LesionTruth, ...]
    fault: str | None = None

    @property
    def tmtv_ml(self) -> float:
        """True total metabolic tumour volume in mL."""
        return float(sum(lesion.volume_ml for lesion in self.lesions))

    @property
    def patient_name(self) -> str:
        """Fictitious name in DICOM form."""
        return f"SIMULATED^PATIENT {self.index + 1:03d}"

    @property
    def injection_time(self) -> datetime.datetime:
        """When the tracer was given."""
        return self.scan_start - datetime.timedelta(minutes=self.uptake_time_min)

    def with_fault(self, fault: str) -> SimulatedPatient:
        """The same patient whose export will be broken in a named way."""
        return replace(self, fault=fault)
