"""The one entry point for Dagster."""

from wbr_platform.orchestration.build import build_definitions
from wbr_platform.settings import Settings

defs = build_definitions(Settings())
