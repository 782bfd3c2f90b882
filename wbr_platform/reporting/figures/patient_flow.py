"""Patient-flow diagram: what came in, what was refused and why, what went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wbr_platform.reporting.figures.svg import INK, SOFT, Drawing, FigureOnPage
from wbr_platform.reporting.formatting import plural

REASONS_SHOWN = 8


@dataclass(frozen=True)
class FlowStep:
    """A box of the flow; ``left_out`` counts by reason what does not go on to the next box."""

    title: str
    count: int
    unit: str = "study"
    units: str = "studies"
    left_out: Mapping[str, int] = field(default_factory=dict)


def _short(words: str, limit: int = 52) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _left_out_lines(step: FlowStep) -> list[str]:
    ranked = sorted(step.left_out.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{count} × {_short(reason)}" for reason, count in ranked[:REASONS_SHOWN]]
    rest = sum(count for _, count in ranked[REASONS_SHOWN:])
    return [*lines, f"{rest} × other reasons"] if rest else lines


def patient_flow_figure(steps: Sequence[FlowStep], caption: str) -> FigureOnPage:
    """Boxes from top to bottom; what is left out stands at the right with its reasons."""
    heights = [max(84, 46 + 18 * len(_left_out_lines(step))) for step in steps]
    if not _left_out_lines(steps[-1]):
        heights[-1] = 56
    total = 12.0 + sum(heights)
    described = ", then ".join(
        f"{step.title}: {plural(step.count, step.unit, step.units)}" for step in steps
    )
    drawing = Drawing(760, total, "Patient flow", described)
    top = 8.0
    for index, (step, height) in enumerate(zip(steps, heights, strict=True)):
        drawing.rectangle((20, top), (270, 52), "#eef4fa", "#0b5fa5", 6)
        drawing.text((155, top + 22), step.title, 13, "middle", weight=700)
        drawing.text((155, top + 41), plural(step.count, step.unit, step.units), 13, "middle")
        if index + 1 < len(steps):
            _arrow_down(drawing, 155, top + 52, top + height)
        lines = _left_out_lines(step)
        if lines:
            box = 30 + 18 * len(lines)
            drawing.path(f"M290 {top + 26:.1f}H342m-6 -4l6 4l-6 4", SOFT, 1.4)
            drawing.rectangle((348, top), (400, box), "#fdf3ec", "#b3470b", 6)
            words = f"Left out: {plural(sum(step.left_out.values()), step.unit, step.units)}"
            drawing.text((362, top + 20), words, 13, weight=700)
            for line, reason in enumerate(lines):
                drawing.text((362, top + 40 + 18 * line), reason, 12, colour=INK)
        top += height
    return FigureOnPage(drawing.markup(), caption)


def _arrow_down(drawing: Drawing, x: float, top: float, bottom: float) -> None:
    drawing.path(f"M{x:.1f} {top:.1f}V{bottom - 2:.1f}m-4 -6l4 6l4 -6", SOFT, 1.4)
