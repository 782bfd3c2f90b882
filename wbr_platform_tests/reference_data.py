"""The one place that knows where the independent reference data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER_VARIABLE = "WBR_REFERENCE_DATA"


def reference_data_root() -> Path:
    """``WBR_REFERENCE_DATA``, else the folder ``shared/data`` beside the checkout."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(__file__).parents[2] / "shared" / "data"


def reference_data(name: str) -> Path:
    """A data set by its folder name; in CI it has to be there, elsewhere the test is skipped."""
    folder = reference_data_root() / name
    if folder.exists():
        return folder
    message = (
        f"reference data {name!r} not found; set {FOLDER_VARIABLE} to the folder that holds it"
    )
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
