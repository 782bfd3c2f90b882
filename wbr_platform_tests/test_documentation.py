"""Generated pages are those that the code would write now."""

from __future__ import annotations

from pathlib import Path

import pytest

from wbr_platform.documentation import PAGES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_page_is_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WBR_STORE", "WBR_VAULT", "WBR_LESION_ALGORITHMS"):
        monkeypatch.delenv(variable, raising=False)
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `make docs`"
