"""A small simulated cohort that the room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbr_platform.simulation.cohort import CohortDesign, CohortTruth, Faults, simulate_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> CohortTruth:
    """Four patients of four scanners, no faults, the last with an uncorrected PET."""
    folder: Path = tmp_path_factory.mktemp("cohort")
    design = CohortDesign(
        patients=4,
        seed=11,
        scale="tiny",
        scanners=(
            "ge_discovery_690",
            "siemens_biograph_mct",
            "philips_ingenuity_tf",
            "ge_discovery_mi",
        ),
        faults=Faults(missing_weight=0),
        uncorrected_pet_every=4,
    )
    return simulate_cohort(design, folder)
