"""One vocabulary of organs: the names that all rooms use, their codes, sides and synonyms.

Names follow the class names of TotalSegmentator; codes are SNOMED CT. Everything stands in
``organs.csv``; this module only looks things up.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Side = Literal["left", "right", "both", ""]
Uptake = Literal["removed", "guarded", "none"]

# Structures of an export that are no organ (oedema, planning volumes, body outline) are kept as
# regions whose names begin so; no rule about organs ever applies to them.
OTHER_PREFIX = "other_"

_SIDE_WORDS = {
    **dict.fromkeys(("left", "l", "lt", "li", "links", "sin", "sinister", "sinistra"), "left"),
    **dict.fromkeys(("right", "r", "rt", "re", "rechts", "dx", "dexter", "dextra"), "right"),
}
# Words that say nothing about which organ it is.
_EMPTY_WORDS = frozenset(
    {"of", "the", "structure", "entire", "organ", "mask", "contour", "roi", "seg", "segment"}
    | {"segmentation", "auto"}
)


@dataclass(frozen=True)
class Organ:
    """One row of ``organs.csv``.

    ``merged`` names the region that joins both sides or all parts (kidney_left → kidneys).
    ``physiological_uptake`` is the rule for thresholds on FDG PET: "removed" (taken out before
    thresholding), "guarded" (only uptake clearly above the organ's own counts) or "none".
    """

    name: str
    snomed: str | None
    side: Side
    merged: str | None
    physiological_uptake: Uptake
    synonyms: tuple[str, ...]


@cache
def organs() -> Mapping[str, Organ]:
    """All organs by name, in the order of ``organs.csv``."""
    text = files("wbr_platform.segmentation").joinpath("organs.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    found = {
        row["name"]: Organ(
            row["name"],
            row["snomed"] or None,
            row["side"],  # type: ignore[arg-type]
            row["merged"] or None,
            row["physiological_uptake"],  # type: ignore[arg-type]
            tuple(filter(None, row["synonyms"].split(";"))),
        )
        for row in rows
    }
    return MappingProxyType(found)


def words(name: str) -> list[str]:
    """A structure's name in lower-case words: "LungLeft", "Lung-Left" and "lung_left" agree."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z0-9]+", spaced.lower())


def side_and_words(name: str) -> tuple[str, tuple[str, ...]]:
    """The side ("left", "right" or "") and the sorted remaining words of a name."""
    side = ""
    rest = []
    for word in words(name):
        if word in _SIDE_WORDS and not side:
            side = _SIDE_WORDS[word]
        elif word not in _EMPTY_WORDS:
            rest.append(word)
    return side, tuple(sorted(rest))


def _keys(organ: Organ) -> Iterator[tuple[str, tuple[str, ...]]]:
    side = organ.side if organ.side in ("left", "right") else ""
    for label in (organ.name, *organ.synonyms):
        yield side, side_and_words(label)[1]


@cache
def _by_words() -> Mapping[tuple[str, tuple[str, ...]], str]:
    index: dict[tuple[str, tuple[str, ...]], str] = {}
    # The vocabulary's own names come before any synonym.
    for organ in organs().values():
        index.setdefault(next(_keys(organ)), organ.name)
    for organ in organs().values():
        for key in _keys(organ):
            index.setdefault(key, organ.name)
    return MappingProxyType(index)


@cache
def _by_code() -> Mapping[tuple[str, str], str]:
    index: dict[tuple[str, str], str] = {}
    for organ in organs().values():
        if organ.snomed:
            side = organ.side if organ.side in ("left", "right") else ""
            index.setdefault((organ.snomed, side), organ.name)
    return MappingProxyType(index)


def find_organ(name: str, code: str | None = None) -> str | None:
    """The vocabulary's name of a structure by its name, else by its code; None when unknown.

    A coded structure without a side in its name is the merged organ (kidneys) where there is one.
    """
    side, rest = side_and_words(name)
    found = _by_words().get((side, rest))
    if found is None and code is not None:
        found = _by_code().get((code, side)) or _by_code().get((code, ""))
    return found


def is_organ(region: str) -> bool:
    """Whether a region of an organ label map counts as an organ."""
    return not region.startswith(OTHER_PREFIX)
