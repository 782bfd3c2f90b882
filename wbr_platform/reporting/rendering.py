"""Templates to self-contained pages: everything escaped, pictures as data, nothing fetched."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wbr_platform.reporting.formatting import is_missing, text_of

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Card:
    """A number at the head of a page; ``kind`` is good, bad, wide or empty."""

    label: str
    value: str
    under: str = ""
    kind: str = ""


@dataclass(frozen=True)
class PictureOnPage:
    """A PNG as data URI with its size in pixels and what it shows in words."""

    title: str
    source: Markup
    width: int
    height: int
    alternative: str
    caption: str = ""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("wbr_platform.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, title: str, **values: Any) -> str:
    """A page from a template of this package, with the style sheet inline."""
    style = resources.files("wbr_platform.reporting").joinpath("templates/style.css").read_text()
    page = _environment().get_template(template)
    return page.render(title=title, style=Markup(style), **values)


def picture_on_page(title: str, png: bytes, alternative: str, caption: str = "") -> PictureOnPage:
    """A PNG ready for the page; ValueError when the bytes are not a PNG."""
    if not png.startswith(PNG_SIGNATURE):
        raise ValueError(f"picture {title!r} is not a PNG")
    width, height = struct.unpack(">II", png[16:24])
    source = Markup("data:image/png;base64,") + base64.b64encode(png).decode("ascii")
    return PictureOnPage(title, source, width, height, alternative, caption)


def fact_pairs(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as flat pairs of name and text."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        words = f"{prefix}{name}"
        if isinstance(value, Mapping):
            pairs += fact_pairs(value, f"{words} · ")
        elif isinstance(value, (list, tuple)):
            pairs.append((words, ", ".join(text_of(v) for v in value) or "none"))
        else:
            pairs.append((words, "not recorded" if is_missing(value) else text_of(value)))
    return pairs
