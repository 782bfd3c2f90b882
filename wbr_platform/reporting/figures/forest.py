"""Forest plot: hazard ratios with their intervals on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbr_platform.reporting.figures.svg import GRID, INK, SERIES, SOFT, Drawing, FigureOnPage, Scale
from wbr_platform.reporting.formatting import number, p_value

SMALLEST, GREATEST = 0.05, 20.0


@dataclass(frozen=True)
class HazardRatio:
    """One coefficient: ``group`` is the model under which it is listed."""

    group: str
    covariate: str
    estimate: float
    low: float
    high: float
    p: float | None = None


def _axis(drawing: Drawing, x: Scale, top: float, bottom: float) -> None:
    for tick in x.ticks():
        one = tick == 1
        drawing.line((x(tick), top), (x(tick), bottom), SOFT if one else GRID, 1.4 if one else 1)
        drawing.text((x(tick), bottom + 18), f"{tick:g}", 12, "middle", SOFT)
    drawing.text((x.start, bottom + 38), "← lower hazard", 12, colour=SOFT)
    drawing.text((x.end, bottom + 38), "higher hazard →", 12, "end", SOFT)


def forest_figure(ratios: Sequence[HazardRatio], caption: str) -> FigureOnPage:
    """Hazard ratios under the names of their models; intervals beyond the axis end in an arrow.

    Raises ValueError when there is none.
    """
    if not ratios:
        raise ValueError("a forest plot needs hazard ratios")
    low = max(SMALLEST, min(0.5, *(r.low for r in ratios)) / 1.1)
    high = min(GREATEST, max(2.0, *(r.high for r in ratios)) * 1.1)
    x = Scale(low, high, 250, 530, logarithmic=True)
    groups = list(dict.fromkeys(ratio.group for ratio in ratios))
    height = 30 + 26 * (len(ratios) + len(groups)) + 60
    drawing = Drawing(
        760,
        height,
        "Forest plot of hazard ratios",
        "; ".join(
            f"{r.group}, {r.covariate}: {number(r.estimate)} ({number(r.low)} to {number(r.high)})"
            for r in ratios
        ),
    )
    drawing.text((560, 18), "HR (95 % interval)", 12, weight=700)
    drawing.text((748, 18), "p", 12, "end", weight=700)
    _axis(drawing, x, 26, height - 56)
    row = 26.0
    for group in groups:
        row += 26
        drawing.text((8, row - 6), group, 13, weight=700)
        for ratio in (r for r in ratios if r.group == group):
            row += 26
            _row(drawing, ratio, x, row - 10)
    return FigureOnPage(drawing.markup(), caption)


def _row(drawing: Drawing, ratio: HazardRatio, x: Scale, y: float) -> None:
    colour = SERIES[0]
    left, right = max(ratio.low, x.low), min(ratio.high, x.high)
    drawing.text((20, y + 4), ratio.covariate, 12)
    drawing.line((x(left), y), (x(right), y), colour, 2)
    if ratio.low < x.low:
        drawing.path(f"M{x.start + 7:.1f} {y - 5:.1f}l-7 5l7 5", colour, 2)
    if ratio.high > x.high:
        drawing.path(f"M{x.end - 7:.1f} {y - 5:.1f}l7 5l-7 5", colour, 2)
    if x.low <= ratio.estimate <= x.high:
        drawing.rectangle((x(ratio.estimate) - 5, y - 5), (10, 10), colour)
    words = f"{number(ratio.estimate)} ({number(ratio.low)} to {number(ratio.high)})"
    drawing.text((560, y + 4), words, 12, colour=INK)
    if ratio.p is not None:
        drawing.text((748, y + 4), p_value(ratio.p), 12, "end")
