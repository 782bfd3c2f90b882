"""Where the independent reference data lie."""

from __future__ import annotations

import os
from pathlib import Path

from wbr_platform.refusal import Refusal

FOLDER_VARIABLE = "WBR_REFERENCE_DATA"


def reference_folder(data: Path | None = None) -> Path:
    """``data``, else ``WBR_REFERENCE_DATA``, else ``shared/data`` beside the checkout.

    Raises Refusal REFERENCE_DATA_MISSING when that folder does not exist.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = data or (Path(named) if named else beside)
    if not folder.is_dir():
        raise Refusal(
            "REFERENCE_DATA_MISSING",
            "the folder of reference data does not exist",
            f"name it with --data or in {FOLDER_VARIABLE}",
        )
    return folder
