"""Drawing small inline SVG by hand: sharp on paper and screen, a few kilobytes, text stays text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup, escape

from wbr_platform.reporting.formatting import plain_number

INK = "#1f2933"
SOFT = "#52606d"
GRID = "#d9dee4"
PAPER = "#ffffff"
# Okabe and Ito's colours, darkened to a contrast of 3 : 1 or more on white.
SERIES = ("#0b5fa5", "#b3470b", "#00795a", "#9c3f7d", "#7a6000", "#3f4a56")


@dataclass(frozen=True)
class FigureOnPage:
    """A drawn figure with what is said under it; ``svg`` is safe markup."""

    svg: Markup
    caption: str


@dataclass
class Drawing:
    """An SVG of so many units; every text is escaped."""

    width: float
    height: float
    title: str
    description: str = ""
    _parts: list[Markup] = field(default_factory=list)

    def add(self, template: str, *values: object) -> None:
        """One element; the values are escaped into the template's ``{}``."""
        self._parts.append(Markup(template).format(*values))

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str = INK,
        width: float = 1.0,
        dashes: str = "",
    ) -> None:
        """A straight line."""
        self.add(
            '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}" stroke-width="{}"'
            ' stroke-dasharray="{}"/>',
            *(f"{v:.1f}" for v in (*start, *end)),
            colour,
            f"{width:.2f}",
            dashes or "none",
        )

    def path(
        self,
        data: str,
        colour: str = "none",
        width: float = 1.0,
        fill: str = "none",
        opacity: float = 1.0,
        dashes: str = "",
    ) -> None:
        """A path in SVG's path language."""
        self.add(
            '<path d="{}" stroke="{}" stroke-width="{}" fill="{}" opacity="{}"'
            ' stroke-dasharray="{}" stroke-linejoin="round"/>',
            data,
            colour,
            f"{width:.2f}",
            fill,
            f"{opacity:.2f}",
            dashes or "none",
        )

    def rectangle(
        self,
        corner: tuple[float, float],
        size: tuple[float, float],
        fill: str = "none",
        colour: str = "none",
        radius: float = 0.0,
    ) -> None:
        """A rectangle by its upper left corner and size."""
        self.add(
            '<rect x="{}" y="{}" width="{}" height="{}" fill="{}" stroke="{}" rx="{}"/>',
            *(f"{v:.1f}" for v in (*corner, *size)),
            fill,
            colour,
            f"{radius:.1f}",
        )

    def circle(
        self,
        centre: tuple[float, float],
        radius: float,
        fill: str,
        colour: str = "none",
        opacity: float = 1.0,
        hint: str = "",
    ) -> None:
        """A disc; ``hint`` shows under the pointer."""
        self.add(
            '<circle cx="{}" cy="{}" r="{}" fill="{}" stroke="{}" opacity="{}">{}</circle>',
            *(f"{v:.1f}" for v in (*centre, radius)),
            fill,
            colour,
            f"{opacity:.2f}",
            Markup("<title>{}</title>").format(hint) if hint else "",
        )

    def text(
        self,
        at: tuple[float, float],
        words: object,
        size: float = 13,
        anchor: str = "start",
        colour: str = INK,
        weight: int = 400,
        turn: float = 0.0,
    ) -> None:
        """One line of text; ``anchor`` is start, middle or end."""
        x, y = at
        self.add(
            '<text x="{}" y="{}" font-size="{}" text-anchor="{}" fill="{}" font-weight="{}"{}>'
            "{}</text>",
            f"{x:.1f}",
            f"{y:.1f}",
            f"{size:g}",
            anchor,
            colour,
            weight,
            Markup(' transform="rotate({} {} {})"').format(turn, f"{x:.1f}", f"{y:.1f}")
            if turn
            else "",
            words,
        )

    def markup(self) -> Markup:
        """The whole as an inline SVG that screen readers announce by title and description."""
        label = f"{self.title}. {self.description}".strip()
        head = Markup(
            '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" class="figure"'
            ' style="min-width:{}px;max-width:{}px">'
        ).format(
            f"{self.width:g}",
            f"{self.height:g}",
            escape(label),
            f"{min(self.width, 560):g}",
            f"{self.width * 1.25:g}",
        )
        return head + Markup("").join(self._parts) + Markup("</svg>")


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Path data through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


@dataclass(frozen=True)
class Scale:
    """From values to drawing units, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        part = 0.5 if high == low else (value - low) / (high - low)
        return self.start + part * (self.end - self.start)

    def ticks(self, wanted: int = 6) -> list[float]:
        """Round values between the ends."""
        return _log_ticks(self.low, self.high) if self.logarithmic else self._linear(wanted)

    def labels(self, wanted: int = 6) -> list[tuple[float, str]]:
        """Ticks with their labels; on a linear axis all with the same number of decimals."""
        ticks = self.ticks(wanted)
        if self.logarithmic or len(ticks) < 2:
            return [(tick, plain_number(tick)) for tick in ticks]
        step = min(abs(b - a) for a, b in pairwise(ticks))
        decimals = next((d for d in range(6) if abs(round(step, d) - step) < step * 1e-6), 6)
        return [
            (tick, f"{tick:,.{decimals}f}".replace(",", "\u00a0").replace("-", "\u2212"))
            for tick in ticks
        ]

    def _linear(self, wanted: int) -> list[float]:
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high]
        if len(ticks) >= 3:
            return ticks
    return ticks or [low, high]
