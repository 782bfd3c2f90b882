"""The organ network drawn on a body: organs in their places, seen from the front."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbr_platform.reporting.figures.svg import GRID, INK, SOFT, Drawing, FigureOnPage

POSITIVE, NEGATIVE = "#0b5fa5", "#b3470b"
STRONG = 0.05
MAX_EDGES = 60

# Places in the drawing, patient's right on the viewer's left; the body's middle is x = 380.
_MIDDLE = 380.0
_PLACES: Mapping[str, tuple[float, float]] = {
    "brain": (380, 52),
    "pituitary": (380, 78),
    "parotid": (346, 92),
    "thyroid": (380, 142),
    "oesophagus": (380, 186),
    "esophagus": (380, 186),
    "trachea": (380, 164),
    "thymus": (384, 200),
    "lung": (330, 230),
    "lung_upper_lobe": (330, 206),
    "lung_middle_lobe": (320, 240),
    "lung_lower_lobe": (334, 274),
    "sternum": (380, 232),
    "heart": (402, 256),
    "aorta": (388, 290),
    "blood_pool": (388, 276),
    "liver": (338, 322),
    "gallbladder": (352, 352),
    "spleen": (444, 322),
    "stomach": (418, 338),
    "pancreas": (392, 366),
    "adrenal_gland": (352, 366),
    "kidney": (342, 388),
    "small_bowel": (388, 432),
    "duodenum": (362, 386),
    "colon": (330, 432),
    "bowel": (388, 432),
    "vertebrae_t10": (374, 314),
    "vertebrae_t11": (374, 330),
    "vertebrae_t12": (374, 346),
    "vertebrae_l1": (374, 382),
    "vertebrae_l2": (374, 398),
    "vertebrae_l3": (374, 414),
    "vertebrae_l4": (374, 430),
    "vertebrae_l5": (374, 446),
    "vertebrae": (380, 402),
    "sacrum": (380, 470),
    "hip": (336, 490),
    "vertebra": (380, 402),
    "marrow": (380, 402),
    "bone_marrow": (380, 402),
    "bone": (440, 470),
    "pelvis": (346, 476),
    "urinary_bladder": (380, 504),
    "bladder": (380, 504),
    "prostate": (380, 526),
    "uterus": (380, 486),
    "muscle": (436, 580),
    "gluteus": (440, 505),
    "iliopsoas": (418, 470),
    "femur": (330, 570),
    "adipose": (466, 420),
    "fat": (466, 420),
    "skeletal_muscle": (436, 580),
    "myocardium": (402, 256),
    "tumour": (480, 250),
}

_HALF_BODY = (
    "C 404 18 418 38 417 64 C 416 86 408 104 400 112 L 401 130 C 406 142 424 148 446 153"
    " C 474 158 488 174 494 204 C 502 250 512 300 520 352 C 526 388 532 420 534 446"
    " C 535 462 520 464 516 450 C 506 410 494 366 484 326 C 478 300 474 274 468 250"
    " C 466 290 460 330 458 366 C 457 402 470 440 474 480 C 478 530 466 590 458 646 L 392 646"
    " C 390 600 386 560 380 536"
)


@dataclass(frozen=True)
class Edge:
    """An edge: signed weight (partial correlation) and its adjusted p-value."""

    node_a: str
    node_b: str
    weight: float
    q_value: float | None = None


def _mirrored(path: str) -> str:
    """The same half of the outline on the other side of the body."""
    numbers = re.split(r"(-?\d+(?:\.\d+)?)", path)
    mirrored, is_x = [], True
    for part in numbers:
        if re.fullmatch(r"-?\d+(?:\.\d+)?", part):
            mirrored.append(f"{2 * _MIDDLE - float(part):g}" if is_x else part)
            is_x = not is_x
        else:
            mirrored.append(part)
    return "".join(mirrored)


def place_of(name: str) -> tuple[float, float] | None:
    """Where an organ stands in the drawing; None for a name that has no place."""
    plain = re.sub(r"[\s\-]+", "_", name.strip().lower())
    side = re.search(r"_(left|right|l|r)$", plain)
    stem = plain[: side.start()] if side else plain
    found = _PLACES.get(stem)
    if found is None:
        known = [key for key in _PLACES if re.search(rf"(^|_){key}(s|_|$)", stem)]
        if not known:
            return None
        found = _PLACES[max(known, key=len)]
    if side and side.group(1) in ("left", "l") and found[0] < _MIDDLE:
        return 2 * _MIDDLE - found[0], found[1]
    if side and side.group(1) in ("right", "r") and found[0] > _MIDDLE:
        return 2 * _MIDDLE - found[0], found[1]
    return found


def _places(nodes: Sequence[str]) -> dict[str, tuple[float, float]]:
    """A place for each node: none shares one, and those without a place stand beside the body."""
    placed: dict[str, tuple[float, float]] = {}
    strangers = 0
    for node in nodes:
        place = place_of(node)
        if place is None:
            place = (560.0, 540.0 + 26 * strangers)
            strangers += 1
        while any(abs(place[0] - x) + abs(place[1] - y) < 14 for x, y in placed.values()):
            place = (place[0] + 12, place[1] + 9)
        placed[node] = place
    return placed


def _labels(drawing: Drawing, places: Mapping[str, tuple[float, float]]) -> None:
    """Names in the margins, level with their organs as far as there is room."""
    for left in (True, False):
        here = sorted((y, x, name) for name, (x, y) in places.items() if (x < _MIDDLE) == left)
        gap = min(24.0, 600.0 / max(len(here), 1))
        height, rows = 24.0, []
        for y, _, _ in here:
            height = max(y, height)
            rows.append(height)
            height += gap
        ceiling = 640.0
        for index in range(len(rows) - 1, -1, -1):
            rows[index] = min(rows[index], ceiling)
            ceiling = rows[index] - gap
        edge, anchor = (196.0, "end") if left else (564.0, "start")
        for (y, x, name), row in zip(here, rows, strict=True):
            end = edge + (6 if left else -6)
            drawing.line((x, y), (end, row), "#9aa5b1", 0.8)
            drawing.text((edge, row + 4), name.replace("_", " "), 13, anchor)


def _edge(
    drawing: Drawing, edge: Edge, start: tuple[float, float], end: tuple[float, float]
) -> None:
    """A bowed line, away from the body's middle line so that long edges do not coincide."""
    (x1, y1), (x2, y2) = start, end
    bow = 0.12 * (y2 - y1) * (1 if (x1 + x2) / 2 >= _MIDDLE else -1)
    control = ((x1 + x2) / 2 + bow, (y1 + y2) / 2 - 0.12 * (x2 - x1))
    sure = edge.q_value is not None and edge.q_value < STRONG
    drawing.path(
        f"M{x1:.1f} {y1:.1f}Q{control[0]:.1f} {control[1]:.1f} {x2:.1f} {y2:.1f}",
        POSITIVE if edge.weight >= 0 else NEGATIVE,
        1.0 + 9.0 * min(abs(edge.weight), 1.0),
        opacity=0.9 if sure else 0.3,
        dashes="" if edge.weight >= 0 else "8 4",
    )


def _legend(drawing: Drawing) -> None:
    rows = (
        (POSITIVE, "", 0.9, f"positive, q < {STRONG}"),
        (POSITIVE, "", 0.3, "positive, not established"),
        (NEGATIVE, "8 4", 0.9, f"negative, q < {STRONG}"),
        (NEGATIVE, "8 4", 0.3, "negative, not established"),
    )
    for index, (colour, dashes, opacity, words) in enumerate(rows):
        x, y = 20 + 185 * index, 678.0
        drawing.path(f"M{x} {y}h28", colour, 4, opacity=opacity, dashes=dashes)
        drawing.text((x + 34, y + 4), words, 11, colour=SOFT)


def organ_network_figure(nodes: Sequence[str], edges: Sequence[Edge], caption: str) -> FigureOnPage:
    """Nodes on a body outline; width by strength, colour and dashes by sign, faint when unsure.

    At most ``MAX_EDGES`` edges are drawn, the strongest. Raises ValueError without a node.
    """
    if not nodes:
        raise ValueError("a network needs nodes")
    strongest = sorted(edges, key=lambda e: -abs(e.weight))[:MAX_EDGES]
    sure = sum(1 for e in edges if e.q_value is not None and e.q_value < STRONG)
    drawing = Drawing(
        760,
        696,
        "Organ network on a body outline",
        f"{len(nodes)} organs, {len(edges)} edges, {sure} of them with q below {STRONG}. "
        "The values are in the table that follows.",
    )
    start = f"M {_MIDDLE:g} 18 "
    for half in (_HALF_BODY, _mirrored(_HALF_BODY)):
        drawing.path(start + half, GRID, 1.6, "#f5f7f9")
    places = _places(nodes)
    _labels(drawing, places)
    for edge in reversed(strongest):
        if edge.node_a in places and edge.node_b in places:
            _edge(drawing, edge, places[edge.node_a], places[edge.node_b])
    for name, place in places.items():
        drawing.circle(place, 6.5, "#ffffff", INK, hint=name.replace("_", " "))
        drawing.circle(place, 3.5, INK)
    drawing.text((230, 20), "R", 14, "middle", SOFT, 700)
    drawing.text((530, 20), "L", 14, "middle", SOFT, 700)
    _legend(drawing)
    return FigureOnPage(drawing.markup(), caption)
