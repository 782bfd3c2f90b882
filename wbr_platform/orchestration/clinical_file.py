"""The user's clinical table, kept in the vault because it names patients."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def find_clinical_file(vault_root: Path) -> Path | None:
    """The clinical table of this vault, if one was given."""
    return next(iter(sorted((vault_root / "clinical").glob("clinical.*"))), None)


def keep_clinical_file(table: Path, vault_root: Path) -> None:
    """Copy a clinical table into the vault, in place of the one before."""
    folder = vault_root / "clinical"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = find_clinical_file(vault_root)
    part = folder / ".incoming"
    shutil.copyfile(table, part)
    kept = folder / f"clinical{table.suffix.lower()}"
    os.replace(part, kept)
    if before is not None and before != kept:
        before.unlink()
