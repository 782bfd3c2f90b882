"""A whole cohort: every patient's export, the clinical table, and the truth next to them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wbr_platform.refusal import Refusal
from wbr_platform.simulation.anatomy import table
from wbr_platform.simulation.design import CohortDesign, Faults, Hazard, Response
from wbr_platform.simulation.dicom_writing import write_export
from wbr_platform.simulation.organ_network import NetworkTruth, network_organs
from wbr_platform.simulation.outcomes import draw_outcome
from wbr_platform.simulation.phantom import make_phantom
from wbr_platform.simulation.population import COVARIATE_SCALES, Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform.simulation.truth_tables import PatientRows, Row, patient_rows

__all__ = ["CohortDesign", "CohortTruth", "Faults", "Hazard", "Response", "simulate_cohort"]

COMPLETE, STARTED = "design.json", "design.incomplete.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CohortTruth:
    """Where a simulated cohort lies. Tables of the truth are read by name with :meth:`table`."""

    design: CohortDesign
    folder: Path

    @property
    def exports(self) -> Path:
        """Folder with one export a patient."""
        return self.folder / "exports"

    @property
    def clinical(self) -> Path:
        """The clinical table (CSV)."""
        return self.folder / "clinical.csv"

    def table(self, name: str) -> pl.DataFrame:
        """A table of the truth: patients, lesions, organ_uptakes, scanners, network_…"""
        path = self.folder / "truth" / f"{name}.csv"
        return pl.read_csv(path, infer_schema_length=None)


def simulate_cohort(
    design: CohortDesign,
    folder: Path,
    progress: Progress | None = None,
    processes: int = 1,
) -> CohortTruth:
    """Write a cohort into ``folder``: ``exports/``, ``clinical.csv``, ``truth/``.

    Each patient is drawn, written and forgotten, so memory does not grow with the cohort; any
    number of ``processes`` writes the same bytes. ``progress`` hears (done, of how many). A folder
    that already holds this very cohort is left as it is, one that holds a part of it is completed.

    Raises Refusal SIMULATION_FOLDER_IN_USE when the folder holds anything else.
    """
    truth = CohortTruth(design, folder)
    if _is_complete(design, folder):
        if progress is not None:
            progress(design.patients, design.patients)
        return truth
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    (folder / "truth" / STARTED).write_text(_json(design))
    _write_cohort_truth(design, folder / "truth")
    with ExitStack() as stack:
        tables = _Tables(folder, stack)
        for done, rows in enumerate(_written(design, folder, processes), start=1):
            tables.add(rows)
            if progress is not None:
                progress(done, design.patients)
    (folder / "truth" / STARTED).replace(folder / "truth" / COMPLETE)
    return truth


def write_patient(design: CohortDesign, folder: Path, index: int) -> PatientRows:
    """Draw patient ``index``, write the export, return the rows for the tables."""
    population = Population.of(design)
    patient = population.patient(index)
    scanner = SCANNERS[patient.scanner].with_batch_effect(design.batch_effect_strength)
    phantom = make_phantom(patient, scanner, design.scale)
    every = design.uncorrected_pet_every
    uncorrected = every > 0 and index % every == every - 1
    export = f"exports/{patient.patient_id}"
    write_export(patient, scanner, phantom, folder / export, uncorrected)
    outcome = draw_outcome(design, population.network, patient)
    return patient_rows(design, patient, outcome, phantom, export)


def _written(design: CohortDesign, folder: Path, processes: int) -> Iterator[PatientRows]:
    write = partial(write_patient, design, folder)
    workers = min(processes, design.patients)
    if workers <= 1:
        yield from map(write, range(design.patients))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, range(design.patients))


def _is_complete(design: CohortDesign, folder: Path) -> bool:
    if not folder.exists() or not any(folder.iterdir()):
        return False
    for name in (COMPLETE, STARTED):
        path = folder / "truth" / name
        if path.exists() and path.read_text() == _json(design):
            return name == COMPLETE
    raise Refusal(
        "SIMULATION_FOLDER_IN_USE",
        "the folder holds something else than this cohort",
        "give an empty or a new folder",
    )


class _Tables:
    """The tables that grow by one patient at a time."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._paths = {
            "clinical": folder / "clinical.csv",
            "patients": folder / "truth" / "patients.csv",
            "lesions": folder / "truth" / "lesions.csv",
            "organ_uptakes": folder / "truth" / "organ_uptakes.csv",
        }
        self._writers: dict[str, csv.DictWriter[str]] = {}

    def add(self, rows: PatientRows) -> None:
        """Append the rows of one patient."""
        self._append("clinical", [rows.clinical])
        self._append("patients", [rows.patient])
        self._append("lesions", rows.lesions)
        self._append("organ_uptakes", rows.organ_uptakes)

    def _append(self, name: str, rows: Sequence[Row]) -> None:
        for row in rows:
            if name not in self._writers:
                file = self._stack.enter_context(self._paths[name].open("w", newline=""))
                self._writers[name] = csv.DictWriter(file, list(row), lineterminator="\n")
                self._writers[name].writeheader()
            self._writers[name].writerow({key: _cell(value) for key, value in row.items()})


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _json(design: CohortDesign) -> str:
    return design.model_dump_json(indent=2) + "\n"


def _write_cohort_truth(design: CohortDesign, folder: Path) -> None:
    """What is true of the cohort as a whole."""
    network = Population.of(design).network
    _write_matrix(folder / "network_precision.csv", network.regions, network.precision)
    _write_matrix(folder / "network_covariance.csv", network.regions, network.covariance)
    _write_matrix(
        folder / "network_partial_correlation.csv", network.regions, network.partial_correlation
    )
    _write_matrix(
        folder / "network_system_partial_correlation.csv",
        network.systems,
        network.system_partial_correlation,
    )
    (folder / "hazard.json").write_text(json.dumps(_hazard_truth(design, network), indent=2) + "\n")
    scanners = [
        asdict(SCANNERS[name].with_batch_effect(design.batch_effect_strength))
        for name in dict.fromkeys(design.scanners)
    ]
    for scanner in scanners:
        for name in ("pet_spacing", "clinical_pet_spacing"):
            scanner[name] = " ".join(f"{step:g}" for step in scanner[name])
    pl.DataFrame(scanners).write_csv(folder / "scanners.csv")
    table("covariate_effects.csv").join(
        pl.DataFrame(
            [(name, *scale) for name, scale in COVARIATE_SCALES.items()],
            schema=["covariate", "covariate_mean", "covariate_sd"],
            orient="row",
        ),
        on="covariate",
        how="left",
        maintain_order="left",
    ).write_csv(folder / "covariate_effects.csv")
    pl.DataFrame(
        [{"organ": s.name, "system": s.system, "loading": s.loading} for s in network_organs()]
    ).write_csv(folder / "organ_systems.csv")


def _write_matrix(path: Path, names: Sequence[str], matrix: NDArray[np.float64]) -> None:
    columns: Mapping[str, object] = {"region": list(names)} | {
        name: matrix[:, i] for i, name in enumerate(names)
    }
    pl.DataFrame(columns).write_csv(path)


def _hazard_truth(design: CohortDesign, network: NetworkTruth) -> dict[str, object]:
    return {
        "hazard": design.effective_hazard.model_dump(),
        "response": design.effective_response.model_dump(),
        "scores": {
            "tumour_burden": {
                "definition": "(ln TMTV_mL - ln median_tmtv_ml) / log_tmtv_sd",
                "median_tmtv_ml": design.median_tmtv_ml,
                "log_tmtv_sd": design.log_tmtv_sd,
            },
            "pathway": {
                "definition": "(system_marrow + system_spleen) / sqrt(2 + 2 r)",
                "r": float(
                    network.system_correlation[
                        network.systems.index("marrow"), network.systems.index("spleen")
                    ]
                ),
            },
            "age_years": {
                "definition": "(age_years - mean) / sd",
                "mean": COVARIATE_SCALES["age_years"][0],
                "sd": COVARIATE_SCALES["age_years"][1],
            },
        },
    }
