"""What ``wbr doctor`` looks at: installation, segmenters, store and vault."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from wbr_platform import __version__
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.settings import Settings

CORE_PACKAGES = ("dagster", "duckdb", "polars", "pydicom", "highdicom", "SimpleITK", "numba")
OPTIONAL_PACKAGES = ("pyradiomics",)
LEAST_FREE_GIB = 5.0


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis; ``bad`` means that work cannot go on."""

    what: str
    level: Literal["ok", "note", "bad"]
    text: str


def diagnose(settings: Settings) -> list[Finding]:
    """Everything a person needs to know before a run, worst news included."""
    return [
        Finding("wbr", "ok", f"{__version__} on Python {platform.python_version()}"),
        *_packages(),
        *_segmenters(),
        *_folder("store", settings.store),
        *_folder("vault", settings.vault),
        _vault_apart(settings),
        Finding("workers", "ok", f"{settings.workers} studies at a time"),
    ]


def _packages() -> Iterator[Finding]:
    for name in (*CORE_PACKAGES, *OPTIONAL_PACKAGES):
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            optional = name in OPTIONAL_PACKAGES
            yield Finding(
                name,
                "note" if optional else "bad",
                "not installed (optional)" if optional else "not installed: run the set-up again",
            )


def _segmenters() -> Iterator[Finding]:
    for name, segmenter in SEGMENTERS.items():
        available = segmenter.available()
        text = f"can run ({segmenter.target})" if available.ok else available.reason
        yield Finding(f"segmenter {name}", "ok" if available.ok else "note", text)


def _folder(what: str, folder: Path) -> Iterator[Finding]:
    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as error:
        yield Finding(what, "bad", f"{folder} cannot be written: {os.strerror(error.errno or 0)}")
        return
    free = shutil.disk_usage(existing).free / 2**30
    state = "is there" if folder.exists() else "will be made"
    level: Literal["ok", "bad"] = "ok" if free >= LEAST_FREE_GIB else "bad"
    yield Finding(what, level, f"{folder} {state}, {free:.0f} GiB free, can be written")


def _vault_apart(settings: Settings) -> Finding:
    store, vault = settings.store.resolve(), settings.vault.resolve()
    if store == vault or store in vault.parents:
        return Finding("vault and store", "bad", "the vault must lie outside the store")
    return Finding("vault and store", "ok", "the vault lies outside the store")
