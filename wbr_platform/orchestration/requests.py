"""Which exports a run shall read, told by a key: paths can name patients, so they stay away
from run configuration, tags and logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path


def _folder(vault_root: Path) -> Path:
    return vault_root / "requests"


def write_request(vault_root: Path, exports: Sequence[Path]) -> str:
    """Note the exports in the vault and return the key of the note."""
    paths = sorted(str(path.resolve()) for path in exports)
    key = hashlib.sha256(json.dumps(paths).encode()).hexdigest()[:16]
    folder = _folder(vault_root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{key}.json").write_text(json.dumps(paths) + "\n")
    return key


def read_request(vault_root: Path, key: str) -> list[Path]:
    """The exports behind a key; KeyError for a key that was never given."""
    if not key.isalnum():
        raise KeyError(f"not a request key: {key!r}")
    note = _folder(vault_root) / f"{key}.json"
    if not note.exists():
        raise KeyError(f"no request {key} in the vault; ingest the export again")
    return [Path(path) for path in json.loads(note.read_text())]
