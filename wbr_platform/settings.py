"""The one settings object: where things lie and the few choices a site makes."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """Settings, by precedence: arguments, ``WBR_…`` environment variables, ``wbr.toml``, defaults.

    Every path may be relative to the working folder. The vault holds what identifies patients (the
    pseudonym key, where each study's files lie) and has to stay outside the store.
    """

    model_config = SettingsConfigDict(env_prefix="WBR_", toml_file="wbr.toml", extra="forbid")

    store: Path = Field(Path("wbr_store"), description="Folder of all results; no identities.")
    vault: Path = Field(Path("wbr_vault"), description="Folder of the pseudonym key and sources.")
    inbox: Path = Field(
        Path("wbr_inbox"), description="Folder that is watched for new exports in the UI."
    )
    inbox_settle_seconds: float = Field(
        60.0, description="An export is complete when it has not changed for so long.", ge=0
    )
    workers: int = Field(
        default_factory=lambda: max(1, min(os.cpu_count() or 1, 8)),
        description="Studies processed at the same time by one run.",
        ge=1,
    )
    studies_per_run: int = Field(50, description="Most studies in one Dagster run.", ge=1)
    runs_per_tick: int = Field(4, description="Most runs a sensor starts in one tick.", ge=1)
    pet_policy: str = Field("pet_fbs_0.25", description="Extraction policy for PET.")
    ct_policy: str = Field("ct_fbs_25", description="Extraction policy for CT.")
    lesion_algorithms: tuple[str, ...] = Field(
        ("imported_lesions", "suv_2.5", "suv_4.0", "percent_41"),
        description="Lesion segmenters to run, each an asset of its own.",
    )
    organ_algorithms: tuple[str, ...] = Field(
        ("imported_organs",), description="Organ segmenters to run, each an asset of its own."
    )
    minimum_per_batch: int = Field(
        10, description="ComBat refuses batches (scanners) with fewer patients.", ge=2
    )
    network_covariates: tuple[str, ...] = Field(
        ("age_years", "sex", "weight_kg", "uptake_time_min"),
        description="Covariates whose effect is removed before the organ network.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add ``wbr.toml`` of the working folder below the environment."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def as_environment(self) -> dict[str, str]:
        """The same settings as environment variables with absolute paths, for child processes."""
        environment = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Path):
                text = str(value.resolve())
            elif isinstance(value, tuple):
                text = "[" + ",".join(f'"{item}"' for item in value) + "]"
            else:
                text = str(value)
            environment[f"WBR_{name.upper()}"] = text
        return environment


def settings_markdown() -> str:
    """The page of all settings, from their own descriptions."""
    lines = [
        "# Settings",
        "",
        "Given as `WBR_…` environment variables or in a `wbr.toml` of the working folder (without",
        "the prefix, in lower case); lists are JSON in the environment. `--store`, `--vault`,",
        "`--inbox` and `--workers` of the commands go before both.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "number of cores, 8 at most" if field.default_factory else _shown(field.default)
        lines.append(f"| `WBR_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{default}`"
