"""The picture of the lineage graph that the README shows, drawn from the definitions themselves.

python -m wbr_platform.orchestration.lineage_picture docs/lineage.svg
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from wbr_platform.orchestration.build import build_definitions
from wbr_platform.settings import Settings

COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 236, 44, 196, 30, 24
COLOURS = {
    "ingest": "#dbeafe",
    "segmentation": "#dcfce7",
    "radiomics": "#fef3c7",
    "biomarkers": "#fde68a",
    "warehouse": "#ede9fe",
    "cohort": "#fee2e2",
    "reports": "#e5e7eb",
}


def lineage(settings: Settings) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Each asset's group, and each asset's upstream assets; SQL models count as one node."""
    groups: dict[str, str] = {}
    upstream: dict[str, set[str]] = {}
    graph = build_definitions(settings).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        name = _shown(key.path)
        groups[name] = str(node.group_name)
        found = upstream.setdefault(name, set())
        found.update(_shown(parent.path) for parent in node.parent_keys)
        found.discard(name)
    return groups, {name: tuple(sorted(parents)) for name, parents in upstream.items()}


def _shown(path: Sequence[str]) -> str:
    if path[0] == "warehouse":
        return "marts" if path[1].startswith("mart_") else "staging"
    return "/".join(path)


def levels(upstream: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Column of each node: one more than its rightmost parent; loops between models are cut."""
    level: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> int:
        if name not in level:
            parents = [p for p in upstream[name] if p not in path]
            level[name] = 1 + max((visit(p, (*path, name)) for p in parents), default=-1)
        return level[name]

    for name in sorted(upstream):
        visit(name, ())
    return level


def draw(groups: Mapping[str, str], upstream: Mapping[str, Sequence[str]]) -> str:
    """The graph as SVG, left to right."""
    level = levels(upstream)
    columns: dict[int, list[str]] = {}
    for name in sorted(groups, key=lambda n: (list(COLOURS).index(groups[n]), n)):
        columns.setdefault(level[name], []).append(name)
    tallest = max(len(names) for names in columns.values())
    place = {}
    for column, names in columns.items():
        top = MARGIN + (tallest - len(names)) * ROW / 2
        for row, name in enumerate(names):
            place[name] = (MARGIN + column * COLUMN, top + row * ROW)
    width = 2 * MARGIN + (max(columns) + 1) * COLUMN - (COLUMN - WIDTH)
    height = 2 * MARGIN + tallest * ROW + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">',
        "<title>Assets of the platform, from export to report</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for name, parents in upstream.items():
        parts += [_edge(place[parent], place[name]) for parent in parents]
    for name, (x, y) in place.items():
        parts.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
            f'fill="{COLOURS[groups[name]]}" stroke="#64748b"/>'
            f'<text x="{x + WIDTH / 2}" y="{y + HEIGHT / 2 + 4}" text-anchor="middle" '
            f'fill="#0f172a">{escape(name)}</text>'
        )
    for number, (group, colour) in enumerate(COLOURS.items()):
        x = MARGIN + number * 120
        parts.append(
            f'<rect x="{x}" y="{height - 30}" width="14" height="14" fill="{colour}" '
            f'stroke="#64748b"/><text x="{x + 20}" y="{height - 19}">{group}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x0, y0 = start[0] + WIDTH, start[1] + HEIGHT / 2
    x1, y1 = end[0], end[1] + HEIGHT / 2
    bend = (x1 - x0) / 2 if x1 > x0 else 60
    return (
        f'<path d="M{x0} {y0} C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}" fill="none" '
        'stroke="#94a3b8" stroke-width="1.1"/>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(*lineage(Settings())), encoding="utf-8")
