"""The picture of the lineage graph that the README shows, drawn from the definitions themselves.

python -m wbr_platform.orchestration.lineage_picture docs/lineage.svg
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from wbr_platform.orchestration.build import build_definitions
from wbr_platform.orchestration.warehouse import cohort_models
from wbr_platform.settings import Settings
from wbr_platform.store.sql_models import SqlProject, default_models_folder

COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 226, 66, 212, 30, 20
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
    """Each asset's group and its upstream assets; SQL models count as two nodes."""
    late = cohort_models(SqlProject.load(default_models_folder()))
    groups: dict[str, str] = {}
    upstream: dict[str, set[str]] = {}
    graph = build_definitions(settings).resolve_asset_graph()
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        name = _shown(key.path, late)
        groups[name] = str(node.group_name)
        found = upstream.setdefault(name, set())
        found.update(_shown(parent.path, late) for parent in node.parent_keys)
        found.discard(name)
    return groups, {name: tuple(sorted(upstream[name])) for name in sorted(upstream)}


def _shown(path: Sequence[str], late: Collection[str]) -> str:
    if path[0] == "warehouse":
        return "SQL models: cohort" if path[1] in late else "SQL models: studies"
    return "/".join(path)


def levels(upstream: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Row of each node: one below its lowest parent."""
    order = TopologicalSorter(upstream).static_order()
    level: dict[str, int] = {}
    for name in order:
        level[name] = 1 + max((level[parent] for parent in upstream[name]), default=-1)
    return level


def draw(groups: Mapping[str, str], upstream: Mapping[str, Sequence[str]]) -> str:
    """The graph as SVG, from the top down."""
    level = levels(upstream)
    rows: dict[int, list[str]] = {}
    for name in sorted(groups, key=lambda n: (list(COLOURS).index(groups[n]), n)):
        rows.setdefault(level[name], []).append(name)
    widest = max(len(names) for names in rows.values())
    place = {}
    for row, names in rows.items():
        left = MARGIN + (widest - len(names)) * COLUMN / 2
        for column, name in enumerate(names):
            place[name] = (left + column * COLUMN, MARGIN + row * ROW)
    width = 2 * MARGIN + widest * COLUMN - (COLUMN - WIDTH)
    height = 2 * MARGIN + (max(rows) + 1) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">',
        "<title>Assets of the platform, from export to report</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for name, parents in upstream.items():
        parts += [_edge(place[parent], place[name]) for parent in parents]
    parts += [_node(name, groups[name], *place[name]) for name in place]
    for number, (group, colour) in enumerate(COLOURS.items()):
        x = MARGIN + number * 120
        parts.append(
            f'<rect x="{x}" y="{height - 26}" width="14" height="14" fill="{colour}" '
            f'stroke="#64748b"/><text x="{x + 20}" y="{height - 14}">{group}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _node(name: str, group: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
        f'fill="{COLOURS[group]}" stroke="#64748b"/>'
        f'<text x="{x + WIDTH / 2}" y="{y + HEIGHT / 2 + 5}" text-anchor="middle" '
        f'fill="#0f172a">{escape(name)}</text>'
    )


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x0, y0 = start[0] + WIDTH / 2, start[1] + HEIGHT
    x1, y1 = end[0] + WIDTH / 2, end[1]
    bend = (y1 - y0) / 2
    return (
        f'<path d="M{x0} {y0} C{x0} {y0 + bend} {x1} {y1 - bend} {x1} {y1}" fill="none" '
        'stroke="#94a3b8" stroke-width="1.1"/>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(*lineage(Settings())), encoding="utf-8")
