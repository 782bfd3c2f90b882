from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from pydantic import ValidationError

from wbr_platform.simulation.design import CohortDesign, Faults
from wbr_platform.simulation.organ_network import network_organs, network_truth
from wbr_platform.simulation.outcomes import Outcome, draw_outcome
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.population import COVARIATE_SCALES, Population, covariate_effect

PATIENTS = 300


@pytest.fixture(scope="module")
def population() -> Population:
    return Population.of(CohortDesign(patients=PATIENTS, seed=3))


@pytest.fixture(scope="module")
def patients(population: Population) -> list[SimulatedPatient]:
    return list(population)


def test_precision_is_the_inverse_and_edges_are_as_planted() -> None:
    truth = network_truth(1.0, 0.9)
    assert np.allclose(truth.precision @ truth.covariance, np.eye(len(truth.regions)), atol=1e-8)
    systems = truth.systems
    partial = truth.system_partial_correlation
    assert partial[systems.index("marrow"), systems.index("spleen")] == pytest.approx(0.5)
    assert partial[systems.index("tumour_burden"), systems.index("spleen")] == pytest.approx(0)
    assert partial[systems.index("brain"), systems.index("liver")] == pytest.approx(0)
    assert np.allclose(np.diag(truth.system_correlation), 1.0)


def test_organs_of_unconnected_systems_are_independent() -> None:
    truth = network_truth(1.0, 0.9)
    liver, brain, aorta = (truth.regions.index(n) for n in ("liver", "brain", "aorta"))
    assert truth.partial_correlation[liver, brain] == pytest.approx(0.0, abs=1e-12)
    assert truth.partial_correlation[liver, aorta] > 0.1


def test_network_strength_zero_leaves_no_edge_between_systems() -> None:
    truth = network_truth(0.0, 0.9)
    assert np.allclose(truth.system_correlation, np.eye(len(truth.systems)))


def test_drawn_uptakes_follow_the_known_covariance(
    population: Population, patients: list[SimulatedPatient]
) -> None:
    """Residual log SUVs, after the known covariate effects, have the planted correlations."""
    residuals = []
    for patient in patients:
        scores = {
            name: (_covariate(patient, name) - mean) / spread
            for name, (mean, spread) in COVARIATE_SCALES.items()
        }
        row = [math.log(patient.tmtv_ml)]
        for organ in network_organs():
            effect = covariate_effect(str(organ.system), scores)
            row.append(math.log(patient.organ_suv[organ.name] / organ.suv) - effect)
        residuals.append(row)
    sample = np.asarray(residuals)
    truth = population.network
    spread = np.sqrt(np.diag(truth.covariance))
    expected = truth.covariance / np.outer(spread, spread)
    found = np.corrcoef(sample.T)
    standard_error = 1 / math.sqrt(PATIENTS)
    assert np.abs(found - expected).max() < 4.5 * standard_error
    assert sample[:, 1:].std(axis=0) == pytest.approx(spread[1:], rel=0.15)


def _covariate(patient: SimulatedPatient, name: str) -> float:
    if name == "sex":
        return 1.0 if patient.sex == "M" else 0.0
    return float(getattr(patient, name))


def _survival_frame(design: CohortDesign, patients: list[SimulatedPatient]) -> pd.DataFrame:
    network = network_truth(design.network_strength, design.log_tmtv_sd)
    outcomes: list[Outcome] = [draw_outcome(design, network, p) for p in patients]
    return pd.DataFrame(
        {
            "tumour": [o.tumour_score for o in outcomes],
            "pathway": [o.pathway_score for o in outcomes],
            "age": [o.age_score for o in outcomes],
            "days": [o.survival_days for o in outcomes],
            "death": [o.death for o in outcomes],
        }
    )


@pytest.mark.parametrize("null", [False, True])
def test_cox_finds_the_known_hazard(patients: list[SimulatedPatient], null: bool) -> None:
    design = CohortDesign(patients=PATIENTS, seed=3, simulate_null=null)
    frame = _survival_frame(design, patients)
    model = CoxPHFitter().fit(frame, "days", "death")
    hazard = design.effective_hazard
    expected = {"tumour": hazard.tumour_burden, "pathway": hazard.pathway, "age": hazard.age_years}
    assert (expected["tumour"] == 0) == null
    for name, value in expected.items():
        assert abs(model.params_[name] - value) < 3.5 * model.standard_errors_[name]


def test_outcomes_are_consistent(population: Population, patients: list[SimulatedPatient]) -> None:
    for patient in patients[:100]:
        outcome = draw_outcome(population.design, population.network, patient)
        assert 0 < outcome.progression_free_days <= outcome.survival_days
        assert outcome.progression or not outcome.death


def test_any_patient_can_be_drawn_alone(population: Population) -> None:
    assert population.patient(7) == population.patient(7)
    smaller = Population.of(CohortDesign(patients=8, seed=3, faults=Faults(missing_weight=0)))
    assert smaller.patient(7).organ_suv == population.patient(7).organ_suv


def test_lesions_are_ordered_and_add_up(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        volumes = [lesion.volume_ml for lesion in patient.lesions]
        assert volumes == sorted(volumes, reverse=True)
        names = [lesion.lesion for lesion in patient.lesions]
        assert names == [f"L{i:02d}" for i in range(1, len(names) + 1)]
        for lesion in patient.lesions:
            a, b, c = lesion.radii
            assert 4 / 3 * math.pi * a * b * c / 1000 == pytest.approx(lesion.volume_ml)


def test_people_are_plausible(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        assert 16 < patient.weight_kg / patient.height_m**2 < 39
        age_days = (patient.scan_start.date() - patient.birth_date).days
        assert int(age_days / 365.25) == patient.age_years


def test_faults_are_planted_as_often_as_asked() -> None:
    faults = Faults(missing_weight=2, missing_slice=1, zero_dose=1)
    drawn = Population.of(CohortDesign(patients=30, faults=faults))
    assert sorted(drawn.faults.values()) == [
        "missing_slice",
        "missing_weight",
        "missing_weight",
        "zero_dose",
    ]


def test_unknown_scanners_are_refused() -> None:
    with pytest.raises(ValidationError, match="unknown scanners"):
        CohortDesign(scanners=("no_such_scanner",))
