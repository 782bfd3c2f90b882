"""The store: one root for images, tables, manifests, reports and the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import polars as pl

from wbr_platform.store import atomic, tables
from wbr_platform.store.layout import MANIFEST_NAME, Layout, check_key
from wbr_platform.store.manifests import Manifest, read_manifest
from wbr_platform.store.schemas import TABLES


class Store(Layout):
    """Everything that is kept, under one root on one file system.

    ``studies/<study_key>/<asset>/…``, ``cohort/<asset>/…``, ``tables/<table>/…``, ``reports/`` and
    ``warehouse.duckdb``. Any number of processes may read and write at the same time: every write
    is prepared aside and renamed into place, so that a reader meets the old or the new, never a
    part. Two writers of the same thing: the last one wins.
    """

    # ---- files ---------------------------------------------------------------------------------
    def replacing_folder(self, path: Path) -> AbstractContextManager[Path]:
        """A temporary folder that takes the place of ``path`` when the block ends well."""
        return atomic.replacing_folder(self._inside(path), self.incoming_folder)

    @contextmanager
    def write_study_files(self, study_key: str, asset: str) -> Iterator[Path]:
        """A temporary folder that becomes the asset's folder; the old manifest goes as well."""
        with self.replacing_folder(self.study_folder(study_key, asset)) as folder:
            yield folder

    @contextmanager
    def write_cohort_files(self, asset: str) -> Iterator[Path]:
        """The same for a cohort-level asset."""
        with self.replacing_folder(self.cohort_folder(asset)) as folder:
            yield folder

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write one file under the root, atomically."""
        target = self._inside(path)
        atomic.write_file(target, lambda file: _write(file, content), self.incoming_folder)

    def write_report(self, name: str, content: str | bytes) -> Path:
        """Write ``reports/<name>`` atomically; its path."""
        target = self.reports_folder.joinpath(*[check_key(part) for part in name.split("/")])
        self.write_bytes(target, content.encode() if isinstance(content, str) else content)
        return target

    def sweep(self) -> int:
        """Remove what killed writers left behind; how many there were."""
        return atomic.sweep(self.incoming_folder)

    def _inside(self, path: Path) -> Path:
        absolute = path.absolute()
        if ".." in absolute.parts or self.root not in absolute.parents:
            raise ValueError("the path does not lie inside the store")
        return absolute

    # ---- manifests -----------------------------------------------------------------------------
    def read_manifest(self, asset: str, study_key: str | None = None) -> Manifest | None:
        """The asset's manifest; None when it was never finished."""
        return read_manifest(self.manifest_path(asset, study_key))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the asset's manifest: the last thing an asset does."""
        path = self.manifest_path(manifest.asset, manifest.study_key)
        self.write_bytes(path, manifest.to_json().encode())

    def remove_manifest(self, asset: str, study_key: str | None = None) -> bool:
        """Make the asset count as not done; whether there was a manifest."""
        return atomic.remove_file(self.manifest_path(asset, study_key))

    def study_manifests(self, study_key: str) -> list[Manifest]:
        """All manifests of one study, by asset name."""
        return _manifests(self.root / "studies" / check_key(study_key))

    def cohort_manifests(self) -> list[Manifest]:
        """All manifests of the cohort, by asset name."""
        return _manifests(self.root / "cohort")

    # ---- studies -------------------------------------------------------------------------------
    def study_keys(self) -> list[str]:
        """Keys of the studies that have files or manifests, in order."""
        folder = self.root / "studies"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def delete_study(self, study_key: str) -> None:
        """Remove a study's files, manifests and rows (the warehouse follows when published)."""
        atomic.remove_folder(self.root / "studies" / check_key(study_key), self.incoming_folder)
        for table, schema in TABLES.items():
            if schema.per_study:
                self.delete_part(table, study_key)

    # ---- tables --------------------------------------------------------------------------------
    def write_part(self, table: str, frame: pl.DataFrame, study_key: str) -> int:
        """Replace this study's rows of a study-level table; the number of rows written."""
        return tables.write_part(self, table, frame, study_key)

    def write_table(self, table: str, frame: pl.DataFrame) -> int:
        """Replace all rows of a cohort-level table; the number of rows written."""
        return tables.write_table(self, table, frame)

    def read_part(self, table: str, study_key: str) -> pl.DataFrame:
        """One study's rows; an empty frame with the table's columns when there are none."""
        return tables.read_table(self, table, study_keys=[study_key])

    def read_table(self, table: str, study_keys: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows (or those of some studies); an empty frame with the columns when none."""
        return tables.read_table(self, table, study_keys)

    def scan_table(self, table: str, study_keys: Sequence[str] | None = None) -> pl.LazyFrame:
        """The same, lazily: only the columns and rows that a query needs are decoded."""
        return tables.scan_table(self, table, study_keys)

    def delete_part(self, table: str, study_key: str) -> bool:
        """Remove this study's rows; whether there were any."""
        return tables.delete_part(self, table, study_key)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _manifests(folder: Path) -> list[Manifest]:
    found = (read_manifest(path) for path in sorted(folder.glob(f"*/{MANIFEST_NAME}")))
    return [manifest for manifest in found if manifest is not None]
