"""The comparison of ComBat with R and with simulated truth, and that it can fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.estimates import ComBatEstimates
from wbr_platform.refusal import Refusal
from wbr_platform.validation import combat, combat_references
from wbr_platform.validation.combat_properties import property_rows
from wbr_platform.validation.combat_simulations import (
    at_most,
    noise_auc,
    planted,
    preserved_effect,
    transfer_error,
    within,
)
from wbr_platform_tests.reference_data import reference_data, reference_data_root


@pytest.mark.reference
def test_every_row_matches() -> None:
    reference_data(combat_references.FORTIN)
    report = combat.validate_combat(reference_data_root())
    assert [row for row in report.rows if not row.matched] == []
    # 14 calls of Fortin's data, 9 of the lung cancer table, properties and simulations.
    assert report.total >= 55
    assert json.loads(report.to_json())["matched"] == report.total


@pytest.mark.reference
@pytest.mark.parametrize("wrong", [1.001, np.nan])
def test_a_wrong_value_fails(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    """One cell of every table altered: no comparison with R may match."""
    folder = reference_data(combat_references.FORTIN)
    right = ComBatEstimates.apply

    def altered(self: ComBatEstimates, *arguments: object, **named: object) -> np.ndarray:
        ours = right(self, *arguments, **named)  # type: ignore[arg-type]
        ours[1, 2] *= wrong
        return ours

    monkeypatch.setattr(ComBatEstimates, "apply", altered)
    rows = list(combat_references.fortin_rows(folder))
    assert len(rows) == 14
    assert not any(row.matched for row in rows)


def test_difference_is_in_standard_deviations() -> None:
    reference = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 1.0]])
    ours = reference.copy()
    assert combat_references.difference(ours, reference) == 0
    ours[2, 0] += reference[:, 0].std()
    assert combat_references.difference(ours, reference) == pytest.approx(1)
    ours[1, 1] = 1.0
    assert combat_references.difference(ours, reference) is None
    assert combat_references.difference(ours[:2], reference) is None


def test_absent_data_are_failed_rows(tmp_path: Path) -> None:
    rows = [*combat_references.fortin_rows(tmp_path), *combat_references.nsclc_rows(tmp_path)]
    assert [row.matched for row in rows] == [False, False]
    with pytest.raises(Refusal, match=r"^REFERENCE_DATA_MISSING:"):
        combat.validate_combat(tmp_path / "nowhere")


def test_properties_and_refusals() -> None:
    rows = list(property_rows(seed=4))
    assert [row for row in rows if not row.matched] == []
    assert sum("planted" in row.quantity for row in rows) == 4


def test_a_property_that_does_not_hold_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ComBat.fit

    def by_first_patient(self: ComBat, X: np.ndarray, *args: object, **named: object) -> ComBat:
        moved = np.asarray(X) + np.asarray(X)[:1] * np.arange(len(X))[:, None]
        return right(self, moved, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ComBat, "fit", by_first_patient)
    failed = {row.quantity for row in property_rows() if not row.matched}
    assert {"order of patients", "unit and origin of a feature"} <= failed


def test_simulations_on_a_few_cohorts() -> None:
    error, raw = transfer_error(30, 4, seed=1)
    assert 0.15 < error < 0.40 < raw
    assert preserved_effect(True, 5, seed=1) == pytest.approx(1, abs=0.1)
    assert preserved_effect(False, 5, seed=1) < 0.9
    assert noise_auc("whole data with the outcome", 3, seed=1)[1] > 0.52


def test_bars() -> None:
    assert within("q", 0.5, 0.48, 0.52, "").matched
    assert not within("q", 0.53, 0.48, 0.52, "").matched
    assert at_most("q", 0.36, 0.36, "").matched
    assert not at_most("q", 0.37, 0.36, "").matched
    assert planted("q", 0.58, 0.0, 0.55, "").matched
    assert not planted("q", 0.54, 0.0, 0.55, "").matched
