"""ComBat against R, its properties and refusals, and simulated cohorts with a known truth."""

from __future__ import annotations

from pathlib import Path

from wbr_platform.validation import combat_references as references
from wbr_platform.validation.combat_properties import property_rows
from wbr_platform.validation.combat_simulations import simulation_rows
from wbr_platform.validation.reference_folder import reference_folder
from wbr_platform.validation.report import ValidationReport

NAME = "combat"


def validate_combat(data: Path | None = None) -> ValidationReport:
    """Compare ComBat with its references, and put it to the simulated proofs; about 20 s.

    ``data`` is the root of all reference data (None: found by
    :func:`~wbr_platform.validation.reference_folder.reference_folder`). The cases with missing
    cells, constant features, single and small batches lie beside it in ``reference/combat`` and
    enter where that folder exists.

    Raises Refusal REFERENCE_DATA_MISSING when the root does not exist; a data set that the root
    lacks is a failed row.
    """
    folder = reference_folder(data)
    cases = folder.parent.joinpath(*references.R_CASES)
    return ValidationReport(
        NAME,
        (
            *references.fortin_rows(folder / references.FORTIN),
            *references.nsclc_rows(folder / references.NSCLC),
            *(references.r_case_rows(cases) if cases.is_dir() else ()),
            *property_rows(),
            *simulation_rows(),
        ),
    )
