"""The clinical table: the user's file in the vault becomes pseudonymised rows."""

import dagster as dg
import polars as pl

from wbr_platform.clinical.table import read_clinical_table
from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.clinical_file import find_clinical_file
from wbr_platform.orchestration.cohort.shared import OWNERS
from wbr_platform.orchestration.metadata import metadata
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

ISSUER = "issuer_of_patient_id"


@dg.asset(
    name="clinical_table",
    group_name="ingest",
    kinds={"csv", "excel", "parquet"},
    owners=OWNERS,
    code_version="1",
    description="The clinical table, checked cell by cell, patients by pseudonym.",
)
def clinical_table_asset(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Without a clinical table the cohort has no outcome, and says so."""
    store = Store(settings.store)
    path = find_clinical_file(settings.vault)
    if path is None:
        store.write_table("clinical", pl.DataFrame({"patient_key": []}, {"patient_key": pl.String}))
        return dg.MaterializeResult(metadata={"patients": 0, "note": "no clinical table was given"})
    table = read_clinical_table(path)
    rows = store.write_table("clinical", pseudonymised(table.frame, Vault(settings.vault)))
    return dg.MaterializeResult(
        metadata=metadata(
            {
                "patients": rows,
                "problems": len(table.errors),
                "what_to_correct": [str(error) for error in table.errors],
                "columns_kept_as_they_are": list(table.unknown_columns),
            }
        )
    )


def pseudonymised(frame: pl.DataFrame, vault: Vault) -> pl.DataFrame:
    """``patient_id`` (and its issuer) replaced by ``patient_key``.

    Clinical tables seldom name the issuer of their identifiers, DICOM headers often do: where the
    table does not, the one registered patient with this identifier is meant.
    """
    issuers = frame[ISSUER].to_list() if ISSUER in frame.columns else [None] * frame.height
    registered = _registered_patients(vault)
    keys = []
    for patient_id, issuer in zip(frame["patient_id"], issuers, strict=True):
        candidates = registered.get(patient_id.strip(), set())
        if issuer is None and len(candidates) == 1:
            keys.append(next(iter(candidates)))
        else:
            keys.append(vault.pseudonyms.patient_key(patient_id, issuer or ""))
    patient_key = pl.Series("patient_key", keys, dtype=pl.String)
    without = [name for name in frame.columns if name not in ("patient_id", ISSUER)]
    return frame.select(patient_key, *without)


def _registered_patients(vault: Vault) -> dict[str, set[str]]:
    """Pseudonyms of the registered patients by identifier."""
    found: dict[str, set[str]] = {}
    for study_key in vault.study_keys():
        source = vault.source(study_key)
        identifier = str(source["identity"]["patient_id"]).strip()
        found.setdefault(identifier, set()).add(source["patient_key"])
    return found
