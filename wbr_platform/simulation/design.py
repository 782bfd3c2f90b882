"""What a simulated cohort is to be like: every choice in one frozen, serialisable object."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wbr_platform.simulation.scanners import SCANNERS, Scale

Count = Annotated[int, Field(ge=0)]


class Hazard(BaseModel):
    """The known hazard of death: h(t) = baseline(t) · exp(Σ coefficient · standard score).

    The baseline is Weibull: S0(t) = exp(-(t / scale)^shape), t in days. ``tumour_burden`` acts on
    log TMTV, ``pathway`` on the marrow-spleen score, ``age_years`` on age; all standardised.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tumour_burden: float = 0.6
    pathway: float = 0.5
    age_years: float = 0.25
    weibull_shape: float = Field(default=1.2, gt=0)
    weibull_scale_days: float = Field(default=1200.0, gt=0)
    progression_hazard_ratio: float = Field(default=1.6, ge=0)
    censoring_low_days: float = Field(default=400.0, gt=0)
    censoring_high_days: float = Field(default=2000.0, gt=0)


class Response(BaseModel):
    """The known odds of response to treatment: logit = intercept + Σ coefficient · score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float = 0.3
    tumour_burden: float = -0.7
    pathway: float = -0.6
    immunotherapy: float = 0.4


class Faults(BaseModel):
    """How many exports are broken on purpose, by kind; the platform must refuse each of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    missing_weight: Count = 1
    missing_slice: Count = 0
    zero_dose: Count = 0
    no_attenuation_correction: Count = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """One entry for each broken export."""
        counts = self.model_dump()
        return tuple(kind for kind, count in counts.items() for _ in range(count))


class CohortDesign(BaseModel):
    """A cohort to simulate. The same design always gives the same files, byte for byte.

    ``simulate_null`` keeps everything but takes the effect of tumour burden and of the pathway on
    survival and response away: whatever a model then finds in images is chance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patients: int = Field(default=24, ge=1, le=100_000)
    seed: int = Field(default=20240229, ge=0)
    scanners: tuple[str, ...] = (
        "ge_discovery_690",
        "siemens_biograph_mct",
        "philips_ingenuity_tf",
    )
    scale: Scale = Field(
        default="small",
        description="small: some 10 MB a study; clinical: matrices of real machines, some 300 MB; "
        "tiny: 2 MB, for tests of the plumbing.",
    )
    network_strength: float = Field(default=1.0, ge=0, le=1.3)
    batch_effect_strength: float = Field(default=1.0, ge=0, le=2)
    hazard: Hazard = Hazard()
    response: Response = Response()
    simulate_null: bool = False
    faults: Faults = Faults()
    median_tmtv_ml: float = Field(default=80.0, gt=0)
    log_tmtv_sd: float = Field(default=0.9, gt=0, le=1.5)
    missing_cells: float = Field(default=0.04, ge=0, lt=1)
    uncorrected_pet_every: Count = Field(
        default=8,
        description="Every n-th export also holds a PET without attenuation correction; 0: none.",
    )

    @field_validator("scanners")
    @classmethod
    def _known_scanners(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(names) - set(SCANNERS))
        if unknown or not names:
            raise ValueError(f"unknown scanners {unknown}; there are {sorted(SCANNERS)}")
        return names

    @property
    def effective_hazard(self) -> Hazard:
        """The hazard in force, without image effects in a null cohort."""
        if not self.simulate_null:
            return self.hazard
        return self.hazard.model_copy(update={"tumour_burden": 0.0, "pathway": 0.0})

    @property
    def effective_response(self) -> Response:
        """The odds of response in force, without image effects in a null cohort."""
        if not self.simulate_null:
            return self.response
        return self.response.model_copy(update={"tumour_burden": 0.0, "pathway": 0.0})
