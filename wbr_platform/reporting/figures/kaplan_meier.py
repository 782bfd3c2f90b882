"""Kaplan–Meier curves with their confidence band, censoring marks and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from wbr_platform.outcome.kaplan_meier import kaplan_meier
from wbr_platform.reporting.figures.svg import GRID, INK, SERIES, SOFT, Drawing, FigureOnPage, Scale

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
PLOT_HEIGHT = 266.0


@dataclass(frozen=True)
class SurvivalGroup:
    """Patients of one curve: follow-up in days, and whether the event was observed."""

    name: str
    durations: NDArray[np.float64]
    events: NDArray[np.bool_]

    @classmethod
    def of(cls, name: str, durations: ArrayLike, events: ArrayLike) -> SurvivalGroup:
        """From anything that NumPy understands."""
        return cls(name, np.asarray(durations, dtype=float), np.asarray(events, dtype=bool))

    def at_risk(self, time: float) -> int:
        """Patients still under observation just before ``time`` (days)."""
        return int((self.durations >= time).sum())


def _time_unit(longest: float) -> tuple[float, str]:
    """Days in a unit that gives readable ticks, and its name."""
    if longest > 4 * DAYS_PER_YEAR:
        return DAYS_PER_YEAR, "years"
    if longest > 120:
        return DAYS_PER_MONTH, "months"
    return 1.0, "days"


def _steps(x: Sequence[float], y: Sequence[float]) -> str:
    """Path of a curve that stays level and then drops."""
    parts = [f"M{x[0]:.1f} {y[0]:.1f}"]
    parts += [f"H{a:.1f}V{b:.1f}" for a, b in zip(x[1:], y[1:], strict=True)]
    return "".join(parts)


def _band(x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    """Closed path between two step curves."""
    back = "".join(
        f"V{low[index - 1]:.1f}H{x[index - 1]:.1f}" for index in range(len(x) - 1, 0, -1)
    )
    return f"{_steps(x, high)}V{low[-1]:.1f}{back}Z"


def _curve(
    drawing: Drawing, group: SurvivalGroup, colour: str, x: Scale, y: Scale, dashes: str
) -> None:
    curve = _estimate(group)
    places = [x(t) for t in curve["time"]]
    low, high = ([y(v) for v in curve[name]] for name in ("survival_low", "survival_high"))
    drawing.path(_band(places, low, high), fill=colour, opacity=0.13)
    drawing.path(_steps(places, [y(s) for s in curve["survival"]]), colour, 2.2, dashes=dashes)
    for row in curve.filter(pl.col("censored") > 0).to_dicts():
        place, height = x(row["time"]), y(row["survival"])
        drawing.line((place, height - 5), (place, height + 5), colour, 1.2)


def _estimate(group: SurvivalGroup) -> pl.DataFrame:
    """The curve of one group; limits that are not defined keep their last value."""
    frame = pl.DataFrame({"time": group.durations, "event": group.events})
    limits = ("survival_low", "survival_high")
    return kaplan_meier(frame, "time", "event").with_columns(
        pl.col(name).fill_nan(None).backward_fill().forward_fill() for name in limits
    )


def _axes(drawing: Drawing, x: Scale, y: Scale, days: float, unit: str, label: str) -> list[float]:
    """Grid, tick labels and titles; returns the ticks in days."""
    ticks = [t * days for t in Scale(0, x.high / days, 0, 1).ticks(6)]
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line((x.start, y(part)), (x.end, y(part)), GRID)
        words = f"{100 * part:.0f} %"
        drawing.text((x.start - 8, y(part) + 4), words, 12, "end", SOFT)
    for tick in ticks:
        drawing.line((x(tick), y.start), (x(tick), y.start + 5), SOFT)
        drawing.text((x(tick), y.start + 20), f"{tick / days:g}", 12, "middle", SOFT)
    drawing.line((x.start, y.start), (x.end, y.start), SOFT)
    drawing.text(
        ((x.start + x.end) / 2, y.start + 40), f"Time since baseline ({unit})", 12, "middle"
    )
    drawing.text((x.start - 52, (y.start + y.end) / 2), label, 12, "middle", turn=-90)
    return ticks


def kaplan_meier_figure(groups: Sequence[SurvivalGroup], label: str, caption: str) -> FigureOnPage:
    """Curves of one or more groups; ``label`` says what survives (for example "Alive").

    Raises ValueError when there is no patient.
    """
    groups = [group for group in groups if group.durations.size]
    if not groups:
        raise ValueError("a survival curve needs patients")
    longest = max(float(group.durations.max()) for group in groups)
    days, unit = _time_unit(longest)
    left, top = 170.0, 16.0 + 22 * len(groups)
    bottom = top + PLOT_HEIGHT
    height = bottom + 76 + 22 * len(groups)
    description = "; ".join(
        f"{group.name}: {group.durations.size} patients, {int(group.events.sum())} events"
        for group in groups
    )
    drawing = Drawing(720, height, f"Kaplan–Meier curve, {label.lower()}", description)
    x = Scale(0, longest * 1.02 if longest > 0 else 1.0, left, 700)
    y = Scale(0, 1, bottom, top)
    ticks = _axes(drawing, x, y, days, unit, label)
    drawing.text((12, bottom + 64), "Number at risk", 12, weight=700)
    for index, group in enumerate(groups):
        colour = SERIES[index % len(SERIES)]
        dashes = "" if index % 2 == 0 else "7 3"
        _curve(drawing, group, colour, x, y, dashes)
        row = bottom + 86 + 22 * index
        drawing.text((12, row), group.name, 12, colour=colour, weight=700)
        for tick in ticks:
            drawing.text((x(tick), row), group.at_risk(tick), 12, "middle", INK)
        line = 10.0 + 22 * index
        drawing.path(f"M{left:.1f} {line:.1f}h26", colour, 2.4, dashes=dashes)
        words = f"{group.name} ({group.durations.size} patients, {int(group.events.sum())} events)"
        drawing.text((left + 32, line + 4), words, 12)
    return FigureOnPage(drawing.markup(), caption)
