"""The vault: the one folder that may know who the patients are. It lies outside the store."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from wbr_platform.dicom.pseudonym import Pseudonyms
from wbr_platform.refusal import Refusal

KEY_BYTES = 32
_NO_STUDY = "register the export first"


class Vault:
    """Pseudonym key, records of studies and extracted archives below ``root`` (mode 700).

    ``pseudonym.key``: 32 random bytes, made on first use, mode 600. ``sources/<study_key>.json``:
    the files of a study. ``choices/``: the series chosen. ``extracted/``: archives taken apart.
    ``work/``: folders of the parsing children.
    """

    def __init__(self, root: Path) -> None:
        # The parsing children work in folders of their own: a relative path would lead them astray.
        self.root = Path(root).absolute()

    @property
    def workspace(self) -> Path:
        """Where the parsing children work."""
        return self._folder("work")

    @property
    def extracted(self) -> Path:
        """Where archives are taken apart."""
        return self._folder("extracted")

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """The keyed names of this vault.

        Raises Refusal VAULT_KEY_MISSING when studies are registered but the key is gone (a new
        key would silently give every patient a second name), VAULT_KEY_DAMAGED for a wrong size.
        """
        path = self._folder() / "pseudonym.key"
        if not path.exists():
            if self.study_keys():
                raise Refusal(
                    "VAULT_KEY_MISSING",
                    "the vault holds studies but no pseudonym.key",
                    "put the key back from your safe copy",
                )
            _create_once(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise Refusal(
                "VAULT_KEY_DAMAGED",
                f"pseudonym.key has {len(key)} bytes, not {KEY_BYTES}",
                "put the key back from your safe copy",
            )
        return Pseudonyms(key)

    def study_keys(self) -> tuple[str, ...]:
        """Pseudonyms of all registered studies, sorted."""
        return tuple(sorted(path.stem for path in self._folder("sources").glob("s*.json")))

    def read_source(self, study_key: str) -> dict[str, Any] | None:
        """The record of a study, None when it is not registered."""
        return self._read("sources", study_key)

    def source(self, study_key: str) -> dict[str, Any]:
        """The record of a study; Refusal STUDY_UNKNOWN when it is not registered."""
        record = self.read_source(study_key)
        if record is None:
            raise Refusal("STUDY_UNKNOWN", "the study is not in the vault", _NO_STUDY)
        return record

    def write_source(self, study_key: str, record: Mapping[str, Any]) -> None:
        """Replace the record of a study, atomically."""
        self._write("sources", study_key, record)

    def read_choice(self, study_key: str) -> dict[str, Any] | None:
        """The remembered choice of series, None when there is none."""
        return self._read("choices", study_key)

    def write_choice(self, study_key: str, choice: Mapping[str, Any]) -> None:
        """Replace the remembered choice of series, atomically."""
        self._write("choices", study_key, choice)

    @contextmanager
    def registering(self) -> Iterator[None]:
        """One registration at a time, whatever process it runs in."""
        with (self._folder() / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _folder(self, name: str = "") -> Path:
        folder = self.root / name if name else self.root
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _path(self, folder: str, study_key: str) -> Path:
        if not study_key.isalnum():
            raise Refusal("STUDY_UNKNOWN", "this is not the key of a study", _NO_STUDY)
        return self._folder(folder) / f"{study_key}.json"

    def _read(self, folder: str, study_key: str) -> dict[str, Any] | None:
        path = self._path(folder, study_key)
        if not path.exists():
            return None
        record: dict[str, Any] = json.loads(path.read_text())
        return record

    def _write(self, folder: str, study_key: str, record: Mapping[str, Any]) -> None:
        path = self._path(folder, study_key)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w") as stream:
            json.dump(record, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)


def _create_once(path: Path, content: bytes) -> None:
    """Create a file with mode 600 and its whole content; the first of several processes wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(name)
