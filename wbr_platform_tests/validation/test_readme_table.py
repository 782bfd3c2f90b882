"""The README shows what the validation finds now."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbr_platform.validation.readme_table import suv_table, with_table
from wbr_platform.validation.suv import validate_suv
from wbr_platform_tests.reference_data import reference_data

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.reference
def test_the_readme_is_up_to_date() -> None:
    report = validate_suv(reference_data("suv_dro").parent)
    page = README.read_text(encoding="utf-8")
    assert page == with_table(page, suv_table(report)), "run `make docs`"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_table("no marks here", "table")
