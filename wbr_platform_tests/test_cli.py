"""The commands' manners: help that teaches, exit codes that mean something, refusals in a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from wbr_platform import __version__
from wbr_platform.cli import EXIT_FAILED, EXIT_NOTHING_USABLE, EXIT_USAGE, app
from wbr_platform.radiomics.feature_table import FEATURES

runner = CliRunner()
COMMANDS = (
    "run",
    "ingest",
    "nifti-manifest",
    "sql",
    "ui",
    "simulate",
    "doctor",
    "validate",
    "features",
    "harmonize",
)


def wbr(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wbr_platform", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert __version__ in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.stdout) > 200


def test_no_command_is_left_out_here() -> None:
    named = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    assert named == set(COMMANDS)


@pytest.mark.parametrize(
    "arguments", [["run", "/nowhere/at/all"], ["validate", "nothing"], ["sql"], ["unknown"]]
)
def test_what_is_not_understood_is_a_usage_error(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == EXIT_USAGE


def test_a_refusal_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    done = wbr("sql", "SELECT 1", "--store", tmp_path / "store")
    assert done.returncode == EXIT_FAILED
    assert "WAREHOUSE_NOT_PUBLISHED" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_export_without_a_study_is_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "notes.txt").write_text("no images here")
    places = ("--store", tmp_path / "store", "--vault", tmp_path / "vault")
    done = wbr("ingest", tmp_path / "export", *places)
    assert done.returncode == EXIT_NOTHING_USABLE
    assert "NOT_DICOM" in done.stdout


def test_the_doctor_objects_to_a_vault_inside_the_store(tmp_path: Path) -> None:
    bad = runner.invoke(
        app, ["doctor", "--store", str(tmp_path), "--vault", str(tmp_path / "vault")]
    )
    assert bad.exit_code == EXIT_FAILED
    good = runner.invoke(
        app, ["doctor", "--store", str(tmp_path / "store"), "--vault", str(tmp_path / "vault")]
    )
    assert good.exit_code == 0


def test_features_as_json_are_the_whole_table() -> None:
    rows = json.loads(runner.invoke(app, ["features", "--json"]).stdout)
    assert [row["name"] for row in rows] == [feature.name for feature in FEATURES]


def test_harmonize_takes_the_scanners_difference_away(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    scanner = np.repeat(["A", "B"], 40)
    columns = {f"feature_{n}": generator.normal(10, 1, 80) + 3 * (scanner == "B") for n in range(6)}
    table, output, kept = (tmp_path / name for name in ("in.csv", "out.csv", "fit.json"))
    pl.DataFrame({"scanner": scanner, **columns}).write_csv(table)
    arguments = ["harmonize", str(table), "--batch", "scanner", "--output", str(output)]
    result = runner.invoke(app, [*arguments, "--estimates", str(kept)])
    assert result.exit_code == 0, result.output
    means = pl.read_csv(output).group_by("scanner").agg(pl.col("^feature_.*$").mean())
    shift = means.filter(pl.col("scanner") == "A").drop("scanner").to_numpy() - (
        means.filter(pl.col("scanner") == "B").drop("scanner").to_numpy()
    )
    # What is left of a shift of 3 is the sampling error of two means, which shrinkage keeps.
    assert np.abs(shift).max() < 0.5
    later = tmp_path / "later.csv"
    again = ["harmonize", str(table), "--batch", "scanner", "--output", str(later)]
    assert runner.invoke(app, [*again, "--apply", str(kept)]).exit_code == 0
    assert pl.read_csv(later).equals(pl.read_csv(output))
