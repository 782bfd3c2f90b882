"""Stage as a number, so that it costs a model one covariate."""

from __future__ import annotations

import re

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_STAGE = re.compile(r"(?:stage|stade)?\s*(iv|i{1,3}|[1-4])\s*[a-e]?\d?", re.IGNORECASE)


def stage_number(stage: str | None) -> int | None:
    """1 to 4 from I to IV, 1 to 4, with or without 'stage' and a letter (IIIb, 'Stage 4'); else
    None."""
    found = _STAGE.fullmatch((stage or "").strip())
    if found is None:
        return None
    digits = found.group(1).lower()
    return _ROMAN.get(digits) or int(digits)
