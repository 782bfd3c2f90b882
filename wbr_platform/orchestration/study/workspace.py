"""What a study step sees: its study's files above it and an empty folder to fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbr_platform.dicom.vault import Vault
from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.imaging.volume import Unit
from wbr_platform.orchestration.study.quarantine import quarantine_rows
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store


@dataclass(frozen=True)
class StudyWorkspace:
    """One study, seen from one step. ``folder`` becomes the step's folder when it is done."""

    study_key: str
    settings: Settings
    store: Store
    vault: Vault
    folder: Path

    def done(self, step: str) -> bool:
        """Whether a step above came to a result (not to a refusal)."""
        manifest = self.store.read_manifest(step, self.study_key)
        return manifest is not None and manifest.status == "done"

    def file(self, step: str, name: str) -> Path:
        """A file that a step above has written."""
        return self.store.study_folder(self.study_key, step) / name

    def volume(self, step: str, name: str, unit: Unit) -> Volume | None:
        """A volume from above; None when that step refused."""
        return read_volume(self.file(step, name), unit) if self.done(step) else None

    def pet(self) -> Volume | None:
        """The PET in SUVbw; None when there is none to trust."""
        return self.volume("pet_suv", "pet_suv.nii.gz", "SUVbw")

    def ct(self) -> Volume | None:
        """The CT in HU; None when there is none to trust."""
        return self.volume("ct", "ct.nii.gz", "HU")

    def labelmap(self, step: str, name: str) -> LabelMap | None:
        """A label map from above; None when that step refused."""
        return read_labelmap(self.file(step, name)) if self.done(step) else None

    def rows(self, table: str) -> pl.DataFrame:
        """This study's rows of a table, without ``study_key``."""
        return self.store.read_part(table, self.study_key).drop("study_key")

    def refusals(self) -> pl.DataFrame:
        """What the steps of this study refused so far, as rows of the quarantine table."""
        return quarantine_rows(self.store.study_manifests(self.study_key))
