"""The generated pages of ``docs/``, each from the one place that holds its facts.

python -m wbr_platform.documentation docs
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from wbr_platform.orchestration.lineage_picture import draw, lineage
from wbr_platform.settings import Settings, settings_markdown
from wbr_platform.store.documentation import tables_markdown
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_models import SqlProject, default_models_folder


def _tables() -> str:
    return tables_markdown(SqlProject.load(default_models_folder()), TABLES)


def _lineage() -> str:
    return draw(*lineage(Settings()))


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_markdown,
    "tables.md": _tables,
    "lineage.svg": _lineage,
}


def write_pages(folder: Path) -> None:
    """Write every generated page into the folder."""
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
