"""Survival, progression, response and blood values by their known models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wbr_platform.simulation.design import CohortDesign, Hazard
from wbr_platform.simulation.organ_network import NetworkTruth
from wbr_platform.simulation.patient import SimulatedPatient
from wbr_platform.simulation.population import COVARIATE_SCALES

TREATMENTS = ("chemotherapy", "immunotherapy", "chemoimmunotherapy")
STAGES = ("II", "III", "IV")


@dataclass(frozen=True)
class Outcome:
    """What became of a patient; the scores are those that the hazard saw."""

    tumour_score: float
    pathway_score: float
    age_score: float
    log_hazard: float
    survival_days: int
    death: bool
    progression_free_days: int
    progression: bool
    response: bool
    stage: str
    treatment: str
    crp_mg_l: float
    neutrophil_lymphocyte_ratio: float


def tumour_score(design: CohortDesign, tmtv_ml: float) -> float:
    """Standard score of log TMTV under the design."""
    return math.log(max(tmtv_ml, 1e-3) / design.median_tmtv_ml) / design.log_tmtv_sd


def pathway_score(network: NetworkTruth, systems: Mapping[str, float]) -> float:
    """Activation of the marrow-spleen pathway: the sum of both scores, of unit variance."""
    marrow, spleen = network.systems.index("marrow"), network.systems.index("spleen")
    shared = float(network.system_correlation[marrow, spleen])
    return (systems["marrow"] + systems["spleen"]) / math.sqrt(2.0 + 2.0 * shared)


def draw_outcome(design: CohortDesign, network: NetworkTruth, patient: SimulatedPatient) -> Outcome:
    """The outcome of one patient; the same for a patient of the same design."""
    random = np.random.default_rng([patient.seed, 2])
    tumour = tumour_score(design, patient.tmtv_ml)
    pathway = pathway_score(network, patient.systems)
    mean, spread = COVARIATE_SCALES["age_years"]
    age = (patient.age_years - mean) / spread
    hazard = design.effective_hazard
    log_hazard = hazard.tumour_burden * tumour + hazard.pathway * pathway + hazard.age_years * age

    treatment = TREATMENTS[int(random.choice(3, p=[0.4, 0.35, 0.25]))]
    odds = design.effective_response
    logit = odds.intercept + odds.tumour_burden * tumour + odds.pathway * pathway
    logit += odds.immunotherapy if treatment != "chemotherapy" else 0.0
    response = bool(random.random() < 1.0 / (1.0 + math.exp(-logit)))

    to_death = _weibull_time(hazard, log_hazard, 1.0, random)
    to_progression = _weibull_time(hazard, log_hazard, hazard.progression_hazard_ratio, random)
    last_news = float(random.uniform(hazard.censoring_low_days, hazard.censoring_high_days))
    first_event = min(to_death, to_progression)
    stage_score = 0.8 * tumour + 0.6 * float(random.standard_normal())
    inflammation = 0.35 * tumour + 0.45 * pathway
    return Outcome(
        tumour_score=tumour,
        pathway_score=pathway,
        age_score=age,
        log_hazard=log_hazard,
        survival_days=max(1, round(min(to_death, last_news))),
        death=to_death <= last_news,
        progression_free_days=max(1, round(min(first_event, last_news))),
        progression=first_event <= last_news,
        response=response,
        stage=STAGES[int(np.digitize(stage_score, [-0.7, 0.2]))],
        treatment=treatment,
        crp_mg_l=round(8.0 * math.exp(inflammation + 0.7 * float(random.standard_normal())), 1),
        neutrophil_lymphocyte_ratio=round(
            3.0 * math.exp(0.5 * inflammation + 0.35 * float(random.standard_normal())), 2
        ),
    )


def _weibull_time(
    hazard: Hazard, log_hazard: float, ratio: float, random: np.random.Generator
) -> float:
    """A time in days from the Weibull proportional-hazards model; never when the ratio is 0."""
    cumulative = float(random.exponential())
    if ratio == 0:
        return math.inf
    scaled = cumulative / (ratio * math.exp(log_hazard))
    return hazard.weibull_scale_days * scaled ** (1.0 / hazard.weibull_shape)
