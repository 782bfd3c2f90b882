"""A plain feature table: harmonised, stored, applied to later patients and sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from wbr_platform.harmonization.combat import ComBat
from wbr_platform.harmonization.later_patients import (
    add_batch_from_table,
    apply_to_table,
    estimates_from_json,
    estimates_to_json,
)
from wbr_platform.harmonization.table import TableOptions, harmonize_table
from wbr_platform.harmonization.table_columns import MARK, REASON, read_table, write_table
from wbr_platform.refusal import Refusal

FEATURES = ["suv_max", "entropy", "volume", "voxels"]
QUICK = TableOptions(verdicts=False)


def table(seed: int = 0, patients: int = 90, scanners: str = "AB", offset: int = 0) -> pl.DataFrame:
    """One row a patient: an id, features (one of whole numbers), scanner, age, death."""
    rng = np.random.default_rng(seed)
    scanner = np.array(list(scanners))[np.arange(patients) % len(scanners)]
    shift = np.where(scanner == scanners[0], 0.0, 1.0)
    age = rng.normal(60, 9, patients)
    return pl.DataFrame(
        {
            "patient": [f"P{offset + k:03d}" for k in range(patients)],
            "number": np.arange(offset, offset + patients),
            "scanner": scanner,
            "suv_max": 8 + shift + 0.02 * age + rng.normal(size=patients),
            "entropy": 5 - shift + rng.normal(size=patients),
            "volume": np.exp(2 + rng.normal(0, 0.9, patients)),
            "voxels": rng.integers(50, 90, patients) + (10 * shift).astype(int),
            "age": age,
            "death": rng.random(patients) < 0.4,
        }
    )


TABLE = table()
RESULT = harmonize_table(
    TABLE, "scanner", covariates=["age"], options=TableOptions(resamples=8, permutations=39)
)


def test_features_are_replaced_and_everything_else_is_kept() -> None:
    frame, estimates, verdicts = RESULT
    assert frame.columns == [*TABLE.columns, REASON, MARK]
    assert_frame_equal(frame.drop(*FEATURES, REASON, MARK), TABLE.drop(FEATURES))
    expected = ComBat(log="skewed").fit(
        TABLE.select(sorted(FEATURES)).to_pandas(),
        batch=TABLE["scanner"],
        covariates=TABLE.select("age"),
    )
    assert sum(expected.estimates_.logged) == 1
    ours = frame.select(sorted(FEATURES)).to_numpy()
    np.testing.assert_allclose(
        ours,
        expected.transform(
            TABLE.select(sorted(FEATURES)).to_pandas(),
            batch=TABLE["scanner"],
            covariates=TABLE.select("age"),
        ),
        rtol=1e-12,
    )
    assert frame[REASON].null_count() == frame.height
    assert frame[MARK].unique().to_list() == [estimates["all"].data_hash]
    assert verdicts.height == len(FEATURES)
    assert set(verdicts["verdict"]) <= {"apply", "apply_with_covariates", "do_not_apply"}
    assert verdicts["tissue"].unique().to_list() == ["all"]
    assert verdicts.filter(feature="suv_max")["verdict"].to_list() == ["apply"]


def test_named_features_only() -> None:
    frame = harmonize_table(TABLE, "scanner", ["suv_max", "entropy"], options=QUICK).frame
    assert_frame_equal(frame.select("volume", "voxels"), TABLE.select("volume", "voxels"))
    assert not frame["suv_max"].equals(TABLE["suv_max"])


def test_rows_that_cannot_enter_have_a_reason_and_no_value() -> None:
    holes = TABLE.with_columns(
        scanner=pl.when(pl.col("number") == 3).then(None).otherwise("scanner"),
        age=pl.when(pl.col("number") == 4).then(None).otherwise("age"),
        entropy=pl.when(pl.col("number") == 5).then(None).otherwise("entropy"),
    )
    frame = harmonize_table(holes, "scanner", FEATURES, ["age"], QUICK).frame
    assert frame[REASON].to_list()[3:6] == ["MISSING_BATCH", "MISSING_COVARIATE", None]
    assert frame[MARK].null_count() == 2
    assert frame[3:5].select(FEATURES).null_count().row(0) == (2, 2, 2, 2)
    assert frame[5].select(FEATURES).null_count().row(0) == (0, 1, 0, 0)


def test_tissues_are_fitted_apart() -> None:
    both = pl.concat(
        [
            TABLE.with_columns(region=pl.lit("liver")),
            table(1).with_columns(region=pl.lit("lesion")),
        ]
    )
    with pytest.raises(Refusal, match=r"^MIXED_TISSUES:"):
        harmonize_table(both, "scanner", FEATURES, options=QUICK)
    result = harmonize_table(
        both, "scanner", FEATURES, options=TableOptions(tissue="region", verdicts=False)
    )
    assert set(result.estimates) == {"liver", "lesion"}
    alone = harmonize_table(TABLE, "scanner", FEATURES, options=QUICK).frame
    np.testing.assert_allclose(
        result.frame.filter(region="liver").select(FEATURES).to_numpy(),
        alone.select(FEATURES).to_numpy(),
    )


class TestLater:
    def test_the_fit_applied_to_its_own_patients(self) -> None:
        again = apply_to_table(TABLE, "scanner", RESULT.estimates)
        assert_frame_equal(again, RESULT.frame, rel_tol=1e-12)

    def test_stored_estimates_and_rows_that_are_unknown(self) -> None:
        stored = estimates_from_json(estimates_to_json(RESULT.estimates))
        later = table(7, 6, "AB", offset=500).with_columns(
            scanner=pl.Series(["A", "B", "C", None, "A", "A"]),
            age=pl.Series([50.0, 60.0, 50.0, 50.0, None, 70.0]),
            volume=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0, -1.0]),
        )
        frame = apply_to_table(later, "scanner", stored)
        assert frame[REASON].to_list() == [
            None,
            None,
            "UNSEEN_BATCH",
            "MISSING_BATCH",
            "MISSING_COVARIATE",
            None,
        ]
        assert frame["volume"].is_null().to_list() == [False, False, True, True, True, True]
        assert frame["suv_max"].is_null().to_list() == [False, False, True, True, True, False]
        assert frame[MARK].null_count() == 3

    def test_a_new_site(self) -> None:
        site = table(8, 40, "C", offset=900)
        extended = add_batch_from_table(site, "scanner", RESULT.estimates)
        assert extended["all"].batches == ("A", "B", "C")
        frame = apply_to_table(site, "scanner", extended)
        assert frame[REASON].null_count() == 40
        assert frame["entropy"].mean() == pytest.approx(RESULT.frame["entropy"].mean(), abs=0.2)
        with pytest.raises(Refusal, match=r"^BATCH_TOO_SMALL:"):
            add_batch_from_table(site[:19], "scanner", RESULT.estimates)

    def test_unknown_tissue(self) -> None:
        stored = {"liver": RESULT.estimates["all"], "lesion": RESULT.estimates["all"]}
        with pytest.raises(Refusal, match=r"^MISSING_COLUMN:"):
            apply_to_table(TABLE, "scanner", stored)
        frame = apply_to_table(
            TABLE.with_columns(region=pl.lit("spleen")), "scanner", stored, tissue="region"
        )
        assert frame[REASON].unique().to_list() == ["UNKNOWN_TISSUE"]
        assert frame["suv_max"].null_count() == TABLE.height

    @pytest.mark.parametrize("text", ["", "[]", '{"all": {}}', '{"all": 3}'])
    def test_a_file_without_estimates(self, text: str) -> None:
        with pytest.raises(Refusal, match=r"^UNREADABLE_ESTIMATES:"):
            estimates_from_json(text)


class TestRefusals:
    def test_harmonised_table(self, tmp_path: Path) -> None:
        for name in ("table.csv", "table.parquet", "table.tsv"):
            write_table(RESULT.frame, tmp_path / name)
            again = read_table(tmp_path / name)
            with pytest.raises(Refusal, match=r"^ALREADY_HARMONIZED:"):
                harmonize_table(again, "scanner")
            with pytest.raises(Refusal, match=r"^ALREADY_HARMONIZED:"):
                apply_to_table(again, "scanner", RESULT.estimates)

    @pytest.mark.parametrize(
        ("code", "arguments"),
        [
            ("MISSING_COLUMN", {"batch": "centre"}),
            ("MISSING_COLUMN", {"features": ["suv_peak"]}),
            ("NOT_A_NUMBER", {"features": ["patient"]}),
            ("NOT_A_FEATURE", {"features": ["age"], "covariates": ["age"]}),
            ("OUTCOME_IS_COVARIATE", {"covariates": ["death"]}),
            ("BATCH_TOO_SMALL", {"batch": "patient"}),
        ],
    )
    def test_arguments(self, code: str, arguments: dict[str, object]) -> None:
        options = TableOptions(outcome="death", verdicts=False)
        named = {"batch": "scanner", "features": FEATURES, "options": options} | arguments
        with pytest.raises(Refusal, match=rf"^{code}:"):
            harmonize_table(TABLE, **named)  # type: ignore[arg-type]

    def test_no_features(self) -> None:
        with pytest.raises(Refusal, match=r"^NO_FEATURES:"):
            harmonize_table(TABLE.select("patient", "number", "scanner"), "scanner")

    def test_files(self, tmp_path: Path) -> None:
        with pytest.raises(Refusal, match=r"^UNKNOWN_FORMAT:"):
            read_table(tmp_path / "table.xlsx")
        with pytest.raises(Refusal, match=r"^UNKNOWN_FORMAT:"):
            write_table(TABLE, tmp_path / "table.xlsx")
        (tmp_path / "table.parquet").write_bytes(b"not parquet")
        for name in ("table.parquet", "absent.csv"):
            with pytest.raises(Refusal, match=r"^UNREADABLE_TABLE:"):
                read_table(tmp_path / name)


def test_missing_values_as_other_programs_write_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("scanner,x\nA,1.5\nB,NA\nA,NaN\nB,#NAME?\n")
    frame = read_table(tmp_path / "t.csv")
    assert frame["x"].to_list() == [1.5, None, None, None]


def test_a_number_column_with_a_text_in_it_is_not_passed_over() -> None:
    texts = [f"{value:.3f}" for value in TABLE["entropy"]]
    texts[7] = "see note"
    with pytest.raises(Refusal, match=r"^NOT_A_NUMBER: entropy"):
        harmonize_table(TABLE.with_columns(entropy=pl.Series(texts)), "scanner", options=QUICK)
