"""What every page must be: well formed, self-contained, accessible, without holes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass
class Page(HTMLParser):
    """A page taken apart; parsing raises AssertionError where tags do not match."""

    text: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    attributes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> without a start"
        opened = self.stack.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text.append(data)

    @property
    def words(self) -> str:
        """All visible text, white space collapsed (no-break spaces become spaces)."""
        return " ".join(" ".join(self.text).split())

    def ids(self) -> list[str]:
        return [values["id"] for _, values in self.attributes if "id" in values]


def parsed(html: str) -> Page:
    """The page, checked for everything that holds of every page."""
    page = Page()
    page.feed(html)
    page.close()
    assert not page.stack, f"never closed: {page.stack}"
    _check_self_contained(page, html)
    _check_accessible(page)
    for hole in (r"\bnan\b", r"\bNone\b", r"\bnull\b", r"\binf\b", r"\bNaN\b"):
        assert not re.search(hole, page.words), f"{hole} on the page"
    return page


def _check_self_contained(page: Page, html: str) -> None:
    for name in ("script", "link", "iframe", "object", "embed", "base", "form"):
        assert not page.tags[name], f"<{name}> on the page"
    for tag, values in page.attributes:
        for name, value in values.items():
            assert not name.startswith("on"), f"<{tag} {name}=…>"
            if name == "src":
                assert value.startswith("data:image/png;base64,")
            if name == "href":
                assert not re.match(r"[a-z]+:|//", value, re.IGNORECASE), value
    assert "url(" not in html
    assert "@import" not in html


def _check_accessible(page: Page) -> None:
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1
    assert page.tags["caption"] == page.tags["table"]
    identifiers = page.ids()
    assert len(identifiers) == len(set(identifiers)), "an id occurs twice"
    for tag, values in page.attributes:
        if tag == "img":
            assert len(values["alt"]) > 10
        if tag == "th":
            assert values["scope"] in ("row", "col")
        if tag == "svg":
            assert values["role"] == "img"
            assert len(values["aria-label"]) > 10
        if tag == "html":
            assert values["lang"] == "en"
        if tag == "a" and values["href"].startswith("#"):
            assert values["href"][1:] in identifiers
