"""The manifest of an asset: what came out, from which inputs; written last, read first."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

Status = Literal["done", "refused"]

log = logging.getLogger(__name__)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Manifest:
    """The record of one asset (of one study, or of the cohort when ``study_key`` is None).

    ``stamp`` says from what the result was made (see :func:`stamp`); ``metadata`` is JSON-able and
    holds nothing identifying; ``created`` is an ISO time in UTC.
    """

    asset: str
    study_key: str | None
    status: Status
    reason_code: str | None = None
    message: str = ""
    action: str = ""
    stamp: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=_now)

    def __post_init__(self) -> None:
        if self.status not in ("done", "refused"):
            raise ValueError(f"status must be done or refused, not {self.status!r}")
        if (self.status == "refused") != (self.reason_code is not None):
            raise ValueError("a refused asset has a reason code, a done one has none")

    def to_json(self) -> str:
        """Canonical JSON; ValueError for NaN, TypeError for what JSON cannot hold."""
        return canonical_json(asdict(self), indent=2)


def canonical_json(value: Any, indent: int | None = None) -> str:
    """JSON with sorted keys; paths and NumPy scalars allowed, NaN and infinity not."""
    return json.dumps(
        value,
        sort_keys=True,
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        default=_plain,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def stamp(code_version: str, parameters: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """A hash (64 hexadecimal digits) that changes when code, parameters or inputs change.

    ``upstream`` maps the name of each input to its own stamp. The order of keys plays no part.
    """
    text = canonical_json([code_version, dict(parameters), dict(upstream)])
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(path: Path) -> Manifest | None:
    """The manifest, or None when there is none that can be trusted (the asset is made anew)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return Manifest(**json.loads(text))
    except (ValueError, TypeError) as error:
        # Only an edit by hand or a newer version can bring this about: writes are atomic.
        log.warning("manifest %s is left aside: %s", path.parent.name, type(error).__name__)
        return None
