"""Values by group: strips of patients across algorithms, boxes of scanners before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wbr_platform.reporting.figures.svg import (
    GRID,
    INK,
    SERIES,
    SOFT,
    Drawing,
    FigureOnPage,
    Scale,
    polyline,
)

Values = Sequence[float]


def _jitter(count: int, index: int) -> list[float]:
    """Sideways shifts from -1 to 1, the same every time."""
    return [float(v) for v in np.random.default_rng(index).uniform(-1, 1, count)]


def _value_axis(drawing: Drawing, y: Scale, left: float, right: float, label: str) -> None:
    for tick, words in y.labels(5):
        drawing.line((left, y(tick)), (right, y(tick)), GRID)
        drawing.text((left - 8, y(tick) + 4), words, 12, "end", SOFT)
    drawing.text((left - 66, (y.start + y.end) / 2), label, 12, "middle", turn=-90)


def _wrapped(words: str, width: int) -> list[str]:
    """A label on two lines at most."""
    if len(words) <= width:
        return [words]
    cut = words.rfind(" ", 0, width)
    cut = cut if cut > 0 else width
    rest = words[cut:].strip()
    return [words[:cut], rest if len(rest) <= width else rest[: width - 1] + "…"]


def _group_label(drawing: Drawing, x: float, y: float, words: str, width: int) -> None:
    for line, part in enumerate(_wrapped(words, width)):
        drawing.text((x, y + 15 * line), part, 12, "middle")


def strip_figure(
    patients: Sequence[Mapping[str, float]],
    groups: Mapping[str, str],
    label: str,
    caption: str,
    logarithmic: bool = True,
) -> FigureOnPage:
    """One dot a patient and group, a patient's dots joined by a line, the medians marked.

    ``patients`` hold values by group key, ``groups`` the names by key in order. On a logarithmic
    axis values of zero sit on the bottom line, which says so.
    """
    values = np.array([v for patient in patients for v in patient.values()], dtype=float)
    positive = values[values > 0]
    if not values.size:
        raise ValueError("a strip plot needs values")
    logarithmic = logarithmic and positive.size > 0
    zeros = logarithmic and bool((values <= 0).any())
    low = float(positive.min()) / 1.5 if logarithmic else min(0.0, float(values.min()))
    high = float(values.max()) * (1.4 if logarithmic else 1.05)
    y = Scale(low, high if high > low else low + 1, 286, 16, logarithmic)
    left, right = 96.0, 700.0
    centres = {
        key: left + (right - left) * (index + 0.5) / len(groups) for index, key in enumerate(groups)
    }
    drawing = Drawing(720, 346, f"{label} by group", caption)
    _value_axis(drawing, y, left, right, label)
    floor = y.start + 14
    if zeros:
        drawing.text((left - 8, floor + 4), "0", 12, "end", SOFT)
    shifts = _jitter(len(patients), 1)
    for patient, shift in zip(patients, shifts, strict=True):
        points = []
        for key, centre in centres.items():
            if key in patient:
                value = patient[key]
                height = floor if logarithmic and value <= 0 else y(value)
                points.append((centre + 16 * shift, height))
        if len(points) > 1:
            drawing.path(polyline(points), SOFT, 0.7, opacity=0.35)
        for point in points:
            drawing.circle(point, 3.2, SERIES[0], opacity=0.65)
    for key, name in groups.items():
        here = np.array([p[key] for p in patients if key in p])
        if here.size:
            median = float(np.median(here))
            height = floor if logarithmic and median <= 0 else y(median)
            drawing.line((centres[key] - 34, height), (centres[key] + 34, height), SERIES[1], 3)
        _group_label(drawing, centres[key], 320, name, int(110 / len(groups)) + 6)
    return FigureOnPage(drawing.markup(), caption)


def _box(drawing: Drawing, values: Values, centre: float, y: Scale, colour: str) -> None:
    """Quartiles, whiskers to the last value within 1.5 interquartile ranges, every value a dot."""
    data = np.asarray(values, dtype=float)
    first, median, third = (float(v) for v in np.percentile(data, [25, 50, 75]))
    reach = 1.5 * (third - first)
    inside = data[(data >= first - reach) & (data <= third + reach)]
    for end, quartile in ((float(inside.min()), first), (float(inside.max()), third)):
        drawing.line((centre, y(quartile)), (centre, y(end)), colour, 1.4)
        drawing.line((centre - 8, y(end)), (centre + 8, y(end)), colour, 1.4)
    drawing.rectangle((centre - 18, y(third)), (36, max(y(first) - y(third), 1)), "#eef4fa", colour)
    drawing.line((centre - 18, y(median)), (centre + 18, y(median)), colour, 3)
    for value, shift in zip(data, _jitter(data.size, 2), strict=True):
        drawing.circle((centre + 11 * shift, y(float(value))), 2.2, INK, opacity=0.5)


def before_after_figure(
    before: Mapping[str, Values], after: Mapping[str, Values], label: str, caption: str
) -> FigureOnPage:
    """Boxes by batch, before harmonisation on the left and after it on the right, one axis."""
    batches = [batch for batch, values in before.items() if len(values)]
    everything = [v for side in (before, after) for values in side.values() for v in values]
    if not everything:
        raise ValueError("a box plot needs values")
    low, high = min(everything), max(everything)
    margin = 0.06 * (high - low) or 1.0
    y = Scale(low - margin, high + margin, 290, 40)
    each = max(96.0, 300.0 / len(batches))
    width = 120 + 2 * each * len(batches) + 40
    drawing = Drawing(width, 356, f"{label} by scanner before and after harmonisation", caption)
    for side, (title, groups, colour) in enumerate(
        (("Before", before, SERIES[1]), ("After", after, SERIES[0]))
    ):
        left = 90 + side * (each * len(batches) + 40)
        right = left + each * len(batches)
        if side == 0:
            _value_axis(drawing, y, left, right, label)
        else:
            for tick in y.ticks(5):
                drawing.line((left, y(tick)), (right, y(tick)), GRID)
        drawing.text(((left + right) / 2, 20), title, 14, "middle", weight=700)
        for index, batch in enumerate(batches):
            centre = left + each * (index + 0.5)
            values = groups.get(batch, [])
            if len(values):
                _box(drawing, values, centre, y, colour)
            else:
                drawing.text((centre, 160), "none", 12, "middle", SOFT)
            words = f"{batch}"
            _group_label(drawing, centre, 316, words, int(each / 7))
            drawing.text((centre, 348), f"n = {len(values)}", 11, "middle", SOFT)
    return FigureOnPage(drawing.markup(), caption)
