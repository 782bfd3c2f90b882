"""docs/tables.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from wbr_platform.store.documentation import tables_markdown
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_models import SqlProject

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_up_to_date(models_folder: Path) -> None:
    page = tables_markdown(SqlProject.load(models_folder))
    assert PAGE.read_text(encoding="utf-8") == page, (
        "run: python -m wbr_platform.documentation docs"
    )


def test_the_page_names_every_table_and_column(models_folder: Path) -> None:
    project = SqlProject.load(models_folder)
    page = tables_markdown(project)
    sections = {part.splitlines()[0]: part for part in page.split("\n### ")[1:]}
    for table, schema in TABLES.items():
        for column in schema.columns:
            assert f"| `{column}` |" in sections[f"raw.{table}"]
    for model in project.models:
        assert f"{model.layer}.{model.name}" in sections
    assert "| `suv_mean` | DOUBLE | SUVbw |" in sections["marts.mart_organ_uptake"]
