"""Clinical rows find their patients, with and without an issuer."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.cohort.clinical import pseudonymised


def test_a_table_without_issuers_finds_the_one_registered_patient(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    names = vault.pseudonyms
    for number, (issuer, patient_id) in enumerate(
        [("HOSPITAL A", "1"), ("HOSPITAL A", "2"), ("HOSPITAL B", "2")]
    ):
        vault.write_source(
            f"sstudy{number}",
            {
                "patient_key": names.patient_key(patient_id, issuer),
                "identity": {"issuer": issuer, "patient_id": patient_id},
            },
        )
    frame = pl.DataFrame({"patient_id": ["1", "2", "3"], "stage": ["I", "II", "III"]})
    result = pseudonymised(frame, vault)
    assert result["patient_key"].to_list() == [
        names.patient_key("1", "HOSPITAL A"),
        names.patient_key("2"),  # two patients have this identifier: neither may be guessed
        names.patient_key("3"),
    ]
    assert result.columns == ["patient_key", "stage"]


def test_an_issuer_in_the_table_decides(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    frame = pl.DataFrame({"patient_id": ["2"], "issuer_of_patient_id": ["HOSPITAL B"]})
    expected = vault.pseudonyms.patient_key("2", "HOSPITAL B")
    assert pseudonymised(frame, vault).to_dicts() == [{"patient_key": expected}]
