from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.simulation.cohort import CohortDesign, CohortTruth, Faults, simulate_cohort
from wbr_platform.simulation.outcomes import draw_outcome
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.truth_tables import MAY_BE_MISSING, clinical_row
from wbr_platform.store.schemas import TABLES

TINY = CohortDesign(patients=1, seed=21, scale="tiny", uncorrected_pet_every=0)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_design_same_bytes_whatever_the_processes(cohort: CohortTruth, tmp_path: Path) -> None:
    simulate_cohort(cohort.design, tmp_path, processes=2)
    one, two = digests(cohort.folder), digests(tmp_path)
    assert len(one) > 600
    assert one == two


def test_an_interrupted_cohort_is_completed_and_then_left_alone(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        raise Interrupted

    heard: list[tuple[int, int]] = []
    with pytest.raises(Interrupted):
        simulate_cohort(TINY, tmp_path, interrupt)
    assert not (tmp_path / "truth" / "design.json").exists()
    truth = simulate_cohort(TINY, tmp_path, lambda *counts: heard.append(counts))
    assert truth.table("patients").height == 1
    assert heard == [(1, 1)]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    simulate_cohort(TINY, tmp_path, lambda *counts: heard.append(counts))
    assert heard == [(1, 1), (1, 1)]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(Refusal) as refused:
        simulate_cohort(TINY, tmp_path)
    assert refused.value.reason_code == "SIMULATION_FOLDER_IN_USE"
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_clinical_table_has_the_columns_of_the_warehouse(cohort: CohortTruth) -> None:
    clinical = pl.read_csv(cohort.clinical)
    known = {"patient_id", *TABLES["clinical"].columns} - {"patient_key"}
    assert known <= set(clinical.columns)
    assert clinical["patient_id"].to_list() == ["SIM-001", "SIM-002", "SIM-003", "SIM-004"]


def test_missing_cells_are_as_frequent_as_designed() -> None:
    design = CohortDesign(patients=80, missing_cells=0.1)
    population = Population.of(design)
    rows = [
        clinical_row(design, p, draw_outcome(design, population.network, p)) for p in population
    ]
    empty = sum(row[column] is None for row in rows for column in MAY_BE_MISSING)
    share = empty / (len(rows) * len(MAY_BE_MISSING))
    assert share == pytest.approx(0.1, abs=0.05)
    never = set(rows[0]) - set(MAY_BE_MISSING)
    assert all(row[column] is not None for row in rows for column in never)


def test_truth_tables_agree_with_one_another(cohort: CohortTruth) -> None:
    patients, lesions = cohort.table("patients"), cohort.table("lesions")
    per_patient = lesions.group_by("patient_id").agg(
        pl.len().alias("count"), pl.col("volume_ml").sum().alias("total")
    )
    joined = patients.join(per_patient, on="patient_id")
    assert joined.height == patients.height
    assert joined["lesions"].to_list() == joined["count"].to_list()
    assert joined["tmtv_ml"].to_list() == pytest.approx(joined["total"].to_list(), abs=1e-2)
    uptakes = cohort.table("organ_uptakes")
    assert uptakes.height == patients.height * uptakes["organ"].n_unique()
    assert set(patients["scanner"]) == set(cohort.table("scanners")["name"])


def test_network_tables_are_inverse_and_named(cohort: CohortTruth) -> None:
    precision, covariance = (
        cohort.table(name).drop("region").to_numpy()
        for name in ("network_precision", "network_covariance")
    )
    assert np.allclose(precision @ covariance, np.eye(len(precision)), atol=1e-6)
    regions = cohort.table("network_partial_correlation")["region"].to_list()
    assert regions[0] == "tumour_burden"
    assert set(regions[1:]) == set(cohort.table("organ_uptakes")["organ"])
    assert set(cohort.table("organ_systems")["organ"]) == set(regions[1:])


def test_log_hazard_is_the_stated_formula(cohort: CohortTruth) -> None:
    stated = json.loads((cohort.folder / "truth" / "hazard.json").read_text())
    hazard, scores = stated["hazard"], stated["scores"]
    for row in cohort.table("patients").iter_rows(named=True):
        tumour = np.log(row["tmtv_ml"] / scores["tumour_burden"]["median_tmtv_ml"])
        tumour /= scores["tumour_burden"]["log_tmtv_sd"]
        pathway = row["system_marrow"] + row["system_spleen"]
        pathway /= np.sqrt(2 + 2 * scores["pathway"]["r"])
        age = (row["age_years"] - scores["age_years"]["mean"]) / scores["age_years"]["sd"]
        expected = (hazard["tumour_burden"] * tumour + hazard["pathway"] * pathway) + hazard[
            "age_years"
        ] * age
        assert row["log_hazard"] == pytest.approx(expected, abs=1e-4)


def test_design_survives_serialisation() -> None:
    design = CohortDesign(patients=3, faults=Faults(missing_slice=1), simulate_null=True)
    assert CohortDesign.model_validate_json(design.model_dump_json()) == design
