"""Drawing the patients of a cohort: who they are, what their organs take up, their tumours."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from wbr_platform.simulation.anatomy import (
    MUSCLE,
    REFERENCE_HEIGHT_M,
    REFERENCE_WEIGHT_KG,
    Structure,
    fit_anatomy,
    records,
    structures,
)
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.lesion_placement import draw_lesions
from wbr_platform.simulation.organ_network import TUMOUR_BURDEN, NetworkTruth, network_truth
from wbr_platform.simulation.patient import Habitus, SimulatedPatient
from wbr_platform.simulation.shapes import Point

# Mean and standard deviation by which covariates are standardised before they act.
COVARIATE_SCALES: Mapping[str, tuple[float, float]] = {
    "age_years": (62.0, 11.0),
    "sex": (0.5, 0.5),  # male 1, female 0
    "weight_kg": (75.0, 14.0),
    "glycaemia_mmol_l": (5.7, 0.9),
    "uptake_time_min": (63.0, 7.0),
}
UNLABELLED_LOG_SD = 0.18  # of unlabelled structures, which follow their system exactly
FIRST_STUDY = datetime.date(2019, 1, 7)


@dataclass(frozen=True)
class Population:
    """The patients of a design, drawn one by one and independently of one another.

    Any patient can be drawn alone, in any process, and is always the same.
    """

    design: CohortDesign
    network: NetworkTruth
    faults: Mapping[int, str]

    @classmethod
    def of(cls, design: CohortDesign) -> Population:
        """The population of a design."""
        kinds = design.faults.kinds[: design.patients]
        random = np.random.default_rng([design.seed, 0xFA])
        chosen = random.permutation(design.patients)[: len(kinds)]
        faults = {int(index): kind for index, kind in zip(chosen, kinds, strict=True)}
        network = network_truth(design.network_strength, design.log_tmtv_sd)
        return cls(design, network, faults)

    def __iter__(self) -> Iterator[SimulatedPatient]:
        return (self.patient(index) for index in range(self.design.patients))

    def patient(self, index: int) -> SimulatedPatient:
        """Patient number ``index`` (from 0)."""
        design = self.design
        seed = int(np.random.SeedSequence([design.seed, index]).generate_state(1, np.uint64)[0])
        random = np.random.default_rng([seed, 0])
        person = _Person.draw(random)
        scores = random.multivariate_normal(
            np.zeros(len(self.network.systems)), self.network.system_correlation, method="cholesky"
        )
        systems = {
            name: float(score) for name, score in zip(self.network.systems, scores, strict=True)
        }
        habitus = _habitus(person, random)
        burden = systems[TUMOUR_BURDEN]
        total_ml = design.median_tmtv_ml * math.exp(design.log_tmtv_sd * burden)
        lesions = draw_lesions(total_ml, burden, fit_anatomy(habitus), habitus, random)
        return SimulatedPatient(
            index=index,
            patient_id=f"SIM-{index + 1:03d}",
            seed=seed,
            scanner=design.scanners[index % len(design.scanners)],
            sex=person.sex,
            age_years=person.age_years,
            birth_date=person.birth_date,
            weight_kg=person.weight_kg,
            height_m=person.height_m,
            glycaemia_mmol_l=person.glycaemia_mmol_l,
            injected_dose_mbq=round(person.weight_kg * float(random.uniform(3.0, 4.0)), 1),
            uptake_time_min=person.uptake_time_min,
            scan_start=person.scan_start,
            habitus=habitus,
            organ_suv=_organ_suv(person, systems, random),
            systems=systems,
            lesions=lesions,
            fault=self.faults.get(index),
        )


@dataclass(frozen=True)
class _Person:
    sex: str
    age_years: int
    birth_date: datetime.date
    weight_kg: float
    height_m: float
    glycaemia_mmol_l: float
    uptake_time_min: float
    scan_start: datetime.datetime

    @classmethod
    def draw(cls, random: np.random.Generator) -> _Person:
        male = bool(random.random() < 0.55)
        height = float(np.clip(random.normal(1.76 if male else 1.63, 0.065), 1.48, 1.96))
        body_mass_index = float(np.clip(random.lognormal(math.log(25.5), 0.15), 17.5, 37.0))
        day = FIRST_STUDY + datetime.timedelta(days=int(random.integers(0, 1400)))
        minute = int(random.integers(9 * 60, 16 * 60))
        start = datetime.datetime(day.year, day.month, day.day) + datetime.timedelta(
            minutes=minute, seconds=int(random.integers(0, 60))
        )
        age = int(np.clip(round(random.normal(62, 11)), 24, 89))
        birth = day - datetime.timedelta(days=age * 365 + age // 4 + int(random.integers(30, 330)))
        uptake_minutes = round(float(np.clip(random.normal(63, 7), 48, 90)) * 60) / 60
        return cls(
            sex="M" if male else "F",
            age_years=age,
            birth_date=birth,
            weight_kg=round(body_mass_index * height**2, 1),
            height_m=round(height, 2),
            glycaemia_mmol_l=round(float(np.clip(random.lognormal(1.72, 0.14), 3.9, 10.5)), 1),
            uptake_time_min=uptake_minutes,
            scan_start=start,
        )

    def covariates(self) -> dict[str, float]:
        """Standard scores of what acts on uptake."""
        values = {
            "age_years": float(self.age_years),
            "sex": 1.0 if self.sex == "M" else 0.0,
            "weight_kg": self.weight_kg,
            "glycaemia_mmol_l": self.glycaemia_mmol_l,
            "uptake_time_min": self.uptake_time_min,
        }
        return {
            name: (value - COVARIATE_SCALES[name][0]) / COVARIATE_SCALES[name][1]
            for name, value in values.items()
        }


def _habitus(person: _Person, random: np.random.Generator) -> Habitus:
    """Body scales from height and weight, with each organ's own size and place."""
    body_mass_index = person.weight_kg / person.height_m**2
    section = (person.weight_kg / person.height_m) / (REFERENCE_WEIGHT_KG / REFERENCE_HEIGHT_M)
    scales: dict[str, float] = {}
    shifts: dict[str, Point] = {}
    for structure in structures():
        if structure.hu > 100 or structure.name in ("aorta", "back_muscle", "colon"):
            continue  # the skeleton and what is joined end to end keep their proportions
        scales[structure.name] = float(np.exp(random.normal(0.0, 0.035)))
        x, y, z = (float(v) for v in np.clip(random.normal(0.0, 2.0, 3), -4, 4))
        shifts[structure.name] = (x, y, z)
    return Habitus(
        transverse_scale=float(np.clip(section**0.3, 0.9, 1.1)),
        axial_scale=person.height_m / REFERENCE_HEIGHT_M,
        fat_mm=float(np.clip(7.0 + 1.5 * (body_mass_index - 18.0), 6.0, 34.0)),
        organ_scales=scales,
        organ_shifts=shifts,
        position=(
            round(float(random.uniform(-6, 6)), 2),
            round(float(random.uniform(-8, 8)), 2),
            round(float(random.uniform(-1150, -650)), 2),
        ),
    )


def covariate_effect(system: str, covariates: Mapping[str, float]) -> float:
    """What the covariates (standard scores) add to the log SUV of a system's organs."""
    return sum(
        float(row["effect"]) * covariates[row["covariate"]]
        for row in records("covariate_effects.csv")
        if row["system"] == system
    )


def _organ_suv(
    person: _Person, systems: Mapping[str, float], random: np.random.Generator
) -> dict[str, float]:
    """True SUVbw of every structure: base · exp(network + covariates)."""
    covariates = person.covariates()
    uptake = {
        structure.name: structure.suv
        * math.exp(_log_deviation(structure, systems, covariates, random))
        for structure in structures()
    }
    uptake["back_muscle"] = uptake[MUSCLE]
    return uptake


def _log_deviation(
    structure: Structure,
    systems: Mapping[str, float],
    covariates: Mapping[str, float],
    random: np.random.Generator,
) -> float:
    if structure.system is None:
        return 0.0
    loading = 1.0 if structure.loading is None else structure.loading
    spread = UNLABELLED_LOG_SD if structure.log_sd is None else structure.log_sd
    own = math.sqrt(1.0 - loading**2) * float(random.standard_normal())
    score = loading * systems[structure.system] + own
    return spread * score + covariate_effect(structure.system, covariates)
