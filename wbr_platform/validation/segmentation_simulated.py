"""Total metabolic tumour volume of each method on simulated patients whose lesions are known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.phantom import make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform.validation.report import ValidationRow, compared
from wbr_platform.validation.segmentation_regions import dice

CASE = "simulated patients"
PATIENTS, SEED = 8, 11
SINGLE = ("suv_2.5", "suv_4.0", "percent_41", "percent_50", "a50p", "nestle", "percist")
COMBINED = ("mv2", "mv3", "lesion_adaptive", "staple", "simple")
# Median bias of TMTV (percent of the truth) beyond which a method is broken rather than biased.
BIAS_LIMIT = 60.0
# The lesion-adaptive rule may lie this far behind the best single threshold in mean Dice.
ADAPTIVE_DEFICIT = 0.03
# Lesions by their true volume (mL) and contrast (SUV); bins of the bias per lesion.
SMALL_ML, FAINT_SUV = 10.0, 8.0


def rows() -> list[ValidationRow]:
    """Bias of TMTV a method, per size and contrast of lesions, and the adaptive rule's place."""
    measured = _measured()
    found: list[ValidationRow] = []
    for name in (*SINGLE, *COMBINED):
        bias, overlap, _ = measured[name]
        note = (
            f"{PATIENTS} patients: mean {bias.mean():+.0f} %, SD {bias.std(ddof=1):.0f} %; mean "
            f"Dice {overlap.mean():.3f}; per lesion {_per_lesion(name)}"
        )
        median = float(np.median(bias))
        found.append(
            compared(CASE, f"{name}: median bias of TMTV", 0.0, median, BIAS_LIMIT, "%", note=note)
        )
    best = max(float(measured[name][1].mean()) for name in SINGLE)
    adaptive = float(measured["lesion_adaptive"][1].mean())
    found.append(
        compared(
            CASE,
            "lesion_adaptive: mean Dice against the best single threshold",
            best,
            min(adaptive, best),
            ADAPTIVE_DEFICIT,
            note=f"{adaptive:.3f} against {best:.3f}",
        )
    )
    return found


Measured = tuple[NDArray[np.float64], NDArray[np.float64], list[tuple[float, float, float]]]


@cache
def _measured() -> dict[str, Measured]:
    """By method: bias of TMTV (%) and Dice a patient; true mL, SUV and bias (%) a lesion."""
    population = Population.of(CohortDesign(patients=PATIENTS, seed=SEED))
    biases: dict[str, list[float]] = {name: [] for name in (*SINGLE, *COMBINED)}
    overlaps: dict[str, list[float]] = {name: [] for name in biases}
    lesions: dict[str, list[tuple[float, float, float]]] = {name: [] for name in biases}
    for index in range(PATIENTS):
        patient = population.patient(index)
        phantom = make_phantom(patient, SCANNERS[patient.scanner])
        truth = phantom.lesions.array > 0
        inputs = SegmentationInputs(pet=phantom.pet, organs=phantom.organs_on_pet)
        for name in biases:
            array = SEGMENTERS[name].segment(inputs).labelmap.array
            mask = array > 0
            biases[name].append(100.0 * (float(mask.sum()) / float(truth.sum()) - 1.0))
            overlaps[name].append(dice(mask, truth))
            for label, one in enumerate(phantom.lesion_truth, start=1):
                own = phantom.lesions.array == label
                touched = np.unique(array[own])
                drawn = np.isin(array, touched[touched > 0])
                # A drawn lesion that holds several true ones counts for none of them alone.
                if np.unique(phantom.lesions.array[drawn]).size <= 2:
                    change = 100.0 * (float(drawn.sum()) / float(own.sum()) - 1.0)
                    lesions[name].append((one.volume_ml, one.suv_mean, change))
    return {
        name: (np.array(biases[name]), np.array(overlaps[name]), lesions[name]) for name in biases
    }


def _per_lesion(name: str) -> str:
    """Median bias of the volume of small and large, faint and hot lesions."""
    table = np.array(_measured()[name][2]).reshape(-1, 3)
    return ", ".join(f"{label} {value:+.0f} %" for label, value in _groups(table))


def _groups(table: NDArray[np.float64]) -> Iterator[tuple[str, float]]:
    small, faint = table[:, 0] < SMALL_ML, table[:, 1] < FAINT_SUV
    for label, chosen in (
        (f"below {SMALL_ML:g} mL", small),
        (f"{SMALL_ML:g} mL on", ~small),
        (f"below SUV {FAINT_SUV:g}", faint),
        (f"SUV {FAINT_SUV:g} on", ~faint),
    ):
        if chosen.any():
            yield label, float(np.median(table[chosen, 2]))
