"""Where everything lies under the store's root, and which names may become paths."""

from __future__ import annotations

import re
from pathlib import Path

from wbr_platform.refusal import Refusal

# A key becomes a folder name: lower case only, so that no two keys meet on a file system that
# ignores case, and no leading dot, so that ".." and hidden names cannot occur.
_KEY = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,127}")

MANIFEST_NAME = "manifest.json"
PART_NAME = "part.parquet"


def check_key(key: str) -> str:
    """The key itself; Refusal KEY_INVALID when it may not become a file or folder name."""
    if not isinstance(key, str) or _KEY.fullmatch(key) is None:
        raise Refusal(
            "KEY_INVALID",
            "a key may hold only a-z, 0-9, '_', '-' and '.', 128 characters at most, "
            "and may not begin with '.' or '-'",
            "use the pseudonyms that ingestion has made",
        )
    return key


class Layout:
    """Paths under one root; nothing is created or read here."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def study_folder(self, study_key: str, asset: str) -> Path:
        """``studies/<study_key>/<asset>``: the files of one study-level asset."""
        return self.root / "studies" / check_key(study_key) / check_key(asset)

    def cohort_folder(self, asset: str) -> Path:
        """``cohort/<asset>``: the files of one cohort-level asset."""
        return self.root / "cohort" / check_key(asset)

    def manifest_path(self, asset: str, study_key: str | None = None) -> Path:
        """The manifest inside the asset's folder, so that both are replaced together."""
        folder = (
            self.cohort_folder(asset) if study_key is None else self.study_folder(study_key, asset)
        )
        return folder / MANIFEST_NAME

    def table_folder(self, table: str) -> Path:
        """``tables/<table>``."""
        return self.root / "tables" / check_key(table)

    def part_path(self, table: str, study_key: str | None = None) -> Path:
        """A study's part of a table, or the one part of a cohort-level table."""
        folder = self.table_folder(table)
        if study_key is not None:
            folder = folder / f"study_key={check_key(study_key)}"
        return folder / PART_NAME

    @property
    def reports_folder(self) -> Path:
        """``reports``: pages for people."""
        return self.root / "reports"

    @property
    def incoming_folder(self) -> Path:
        """Where unfinished writes lie; on the same file system as everything else."""
        return self.root / ".incoming"

    @property
    def publish_lock(self) -> Path:
        """Locked by the one publisher at work."""
        return self.root / ".publish.lock"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB database."""
        return self.root / "warehouse.duckdb"
