"""Pictures of whole-body PET/CT for people: projections with lesions and organs, fused slices.

Drawn with matplotlib's Agg canvas directly: no pyplot, no global state, safe in any process.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from wbr_platform.imaging.projection import (
    VIEWING_AXIS,
    Plane,
    PlaneImage,
    cut_over,
    in_patient_axes,
    labels_in_patient_axes,
    maximum_intensity_projection,
    silhouettes,
)
from wbr_platform.imaging.volume import LabelMap, Volume

__all__ = ["fused_slice_picture", "maximum_intensity_projection", "whole_body_picture"]

LESION_COLOUR = "#e0002e"
INK = "#1c1c1c"
# Organs drawn when present, most telling first; the colours keep apart for colour-blind eyes
# (Okabe and Ito's set without its red, which belongs to the lesions).
ORGAN_COLOURS: Mapping[str, str] = {
    "brain": "#7a5195",
    "heart": "#cc79a7",
    "liver": "#a6611a",
    "spleen": "#0072b2",
    "kidneys": "#009e73",
    "bladder": "#b8860b",
    "lungs": "#56b4e9",
    "stomach": "#4d7c0f",
    "marrow": "#111827",
    "aorta": "#b4560f",
}
_GROUPS: Sequence[tuple[str, str]] = (
    ("lung", "lungs"),
    ("kidney", "kidneys"),
    ("bladder", "bladder"),
    ("vertebra", "marrow"),
    ("marrow", "marrow"),
)
_NOT_A_GROUP = ("gallbladder", "kidney_cyst")
MAX_LESION_NAMES = 14
PICTURE_HEIGHT_PX = 760
ORGAN_STEP_MM = 3.0
BODY_SUV = 0.15
MARGIN_MM = 25.0
GAP_PX = 16
LARGEST_PNG_BYTES = 240_000


def organ_group(name: str) -> str:
    """The name under which an organ is drawn: sides and parts together (``lung_left`` → lungs)."""
    plain = re.sub(r"[\s\-]+", "_", name.strip().lower())
    if plain.startswith(_NOT_A_GROUP):
        return plain
    for part, group in _GROUPS:
        if part in plain:
            return group
    return re.sub(r"_(left|right|l|r)$", "", plain)


@dataclass(frozen=True)
class _Overlays:
    """Label maps turned to the patient's axes once, for both views."""

    organs: LabelMap | None
    organ_stride: tuple[int, int, int]
    lesions: LabelMap | None


def _overlays(organs: LabelMap | None, lesions: LabelMap | None) -> _Overlays:
    stride = (1, 1, 1)
    if organs is not None:
        organs = labels_in_patient_axes(organs)
        z, y, x = (max(1, round(ORGAN_STEP_MM / s)) for s in organs.geometry.spacing)
        stride = (z, y, x)
    if lesions is not None:
        lesions = labels_in_patient_axes(lesions)
    return _Overlays(organs, stride, lesions)


def _organ_shadows(overlays: _Overlays, plane: Plane) -> dict[str, PlaneImage]:
    """One shadow for each drawn group of organs, in the order of ``ORGAN_COLOURS``."""
    if overlays.organs is None:
        return {}
    groups: dict[str, PlaneImage] = {}
    for label, shadow in silhouettes(overlays.organs, plane, overlays.organ_stride).items():
        group = organ_group(overlays.organs.labels.get(label, ""))
        if group not in ORGAN_COLOURS:
            continue
        if group in groups:
            shadow = PlaneImage(groups[group].array | shadow.array, shadow.extent)
        groups[group] = shadow
    return {group: groups[group] for group in ORGAN_COLOURS if group in groups}


def _body_window(mip: PlaneImage, shadows: Sequence[PlaneImage]) -> tuple[float, float]:
    """Left and right limit in mm round everything worth seeing, so that air takes no room."""
    spans = []
    for image, inside in [(mip, mip.array > BODY_SUV), *((s, s.array > 0) for s in shadows)]:
        columns = np.flatnonzero(inside.any(axis=0))
        if columns.size:
            left, right, _, _ = image.extent
            width = (right - left) / image.array.shape[1]
            spans.append((left + columns[0] * width, left + (columns[-1] + 1) * width))
    if not spans:
        return mip.extent[0], mip.extent[1]
    left = min(span[0] for span in spans) - MARGIN_MM
    right = max(span[1] for span in spans) + MARGIN_MM
    return max(left, mip.extent[0]), min(right, mip.extent[1])


def _outline(axes: Axes, shadow: PlaneImage, colour: str, width: float) -> None:
    """The boundary of a shadow in mm; the rim of air keeps outlines at the border closed."""
    left, _, bottom, top = shadow.extent
    height, breadth = shadow.pixel_size_mm
    padded = np.pad(shadow.array.astype(np.float32), 1)
    down = height if bottom > top else -height
    x = left + breadth * (np.arange(padded.shape[1]) - 0.5)
    y = top + down * (np.arange(padded.shape[0]) - 0.5)
    axes.contour(x, y, padded, levels=[0.5], colors=[colour], linewidths=[width])


def _fill(axes: Axes, shadow: PlaneImage, colour: str, alpha: float) -> None:
    """A shadow filled with one translucent colour."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    rgba = np.zeros((*shadow.array.shape, 4), dtype=np.float32)
    rgba[..., :3] = red, green, blue
    rgba[..., 3] = shadow.array * alpha
    axes.imshow(rgba, extent=shadow.extent, interpolation="nearest", aspect="equal")


def _union(shadows: Sequence[PlaneImage]) -> PlaneImage:
    """Shadows of one grid together: drawn once, however many lesions there are."""
    return PlaneImage(np.logical_or.reduce([s.array for s in shadows]), shadows[0].extent)


def _shadow_centre(shadow: PlaneImage) -> tuple[float, float]:
    """Centre (x, y) in mm of a shadow's pixels."""
    rows, columns = np.nonzero(shadow.array)
    left, right, bottom, top = shadow.extent
    height, width = shadow.array.shape
    x = left + (columns.mean() + 0.5) * (right - left) / width
    y = top + (rows.mean() + 0.5) * (bottom - top) / height
    return float(x), float(y)


def _spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions in the (ascending) order of ``wanted``, ``gap`` apart where room allows."""
    gap = min(gap, (high - low) / max(len(wanted), 1))
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else low))
    ceiling = high
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def _name_lesions(axes: Axes, shadows: Mapping[str, PlaneImage]) -> None:
    """Lesion names in the margins with a thin line to each lesion, so that none hides another."""
    left, right = axes.get_xlim()
    low, high = sorted(axes.get_ylim())
    middle = (left + right) / 2
    points = {name: _shadow_centre(shadow) for name, shadow in shadows.items()}
    for margin, anchor, towards in ((left, "left", -1), (right, "right", 1)):
        here = sorted(
            (y, x, name) for name, (x, y) in points.items() if (x >= middle) == (towards > 0)
        )
        heights = _spread([y for y, _, _ in here], (high - low) / 34, low + 15, high - 60)
        for (y, x, name), text_y in zip(here, heights, strict=True):
            axes.annotate(
                name,
                xy=(x, y),
                xytext=(margin - towards * 4, text_y),
                ha=anchor,
                va="center",
                fontsize=8,
                color="#8f001c",
                fontweight="bold",
                arrowprops={"arrowstyle": "-", "color": "#8f001c", "lw": 0.6, "shrinkA": 1},
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75},
            )


_SIDES: Mapping[str, tuple[str, str]] = {
    "coronal": ("R", "L"),
    "axial": ("R", "L"),
    "sagittal": ("A", "P"),
}


def _mark_sides(axes: Axes, plane: Plane, colour: str = INK) -> None:
    for x, letter, anchor in zip((0.02, 0.98), _SIDES[plane], ("left", "right"), strict=True):
        axes.text(
            x,
            0.985,
            letter,
            transform=axes.transAxes,
            ha=anchor,
            va="top",
            fontsize=11,
            fontweight="bold",
            color=colour,
        )


def _scale_bar(axes: Axes, colour: str = INK, length_mm: float = 100.0) -> None:
    """A bar of ten centimetres in the lower corner on the viewer's left."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    x, y = left + 0.04 * (right - left), bottom + 0.02 * (top - bottom)
    axes.plot([x, x + length_mm], [y, y], color=colour, lw=2, solid_capstyle="butt")
    text_y = y + 0.008 * (top - bottom)
    axes.text(x, text_y, f"{length_mm / 10:g} cm", fontsize=8, color=colour, va="bottom")


def _draw_view(
    axes: Axes, pet: Volume, plane: Plane, overlays: _Overlays, suv_max: float
) -> list[str]:
    """One projection with its overlays; returns the organ groups that were drawn."""
    mip = maximum_intensity_projection(pet, plane)
    organ_shadows = _organ_shadows(overlays, plane)
    lesion_shadows: dict[str, PlaneImage] = {}
    if overlays.lesions is not None:
        for label, shadow in silhouettes(overlays.lesions, plane).items():
            name = overlays.lesions.labels.get(label, f"label_{label}")
            lesion_shadows[name] = shadow
    axes.imshow(
        mip.array,
        extent=mip.extent,
        cmap="gray_r",
        vmin=0,
        vmax=suv_max,
        interpolation="bilinear",
        aspect="equal",
    )
    for group, shadow in organ_shadows.items():
        _outline(axes, shadow, ORGAN_COLOURS[group], 1.3)
    if lesion_shadows:
        shadow = _union(list(lesion_shadows.values()))
        _fill(axes, shadow, LESION_COLOUR, 0.55)
        _outline(axes, shadow, LESION_COLOUR, 0.8)
    axes.set_xlim(*_body_window(mip, [*organ_shadows.values(), *lesion_shadows.values()]))
    axes.set_ylim(mip.extent[2], mip.extent[3])
    axes.set_axis_off()
    _name_lesions(axes, dict(list(lesion_shadows.items())[:MAX_LESION_NAMES]))
    _mark_sides(axes, plane)
    return list(organ_shadows)


def _lesion_legend(lesions: LabelMap | None) -> str:
    """What the legend says of the lesions; empty when there is none."""
    count = 0 if lesions is None else np.count_nonzero(np.unique(lesions.array))
    if count > MAX_LESION_NAMES:
        return f"lesions ({MAX_LESION_NAMES} of {count} named)"
    return "lesions" if count else ""


def _legend(figure: Figure, groups: Sequence[str], lesions: str) -> None:
    handles = [Line2D([], [], color=ORGAN_COLOURS[group], lw=2, label=group) for group in groups]
    if lesions:
        handles.insert(
            0,
            Line2D([], [], color=LESION_COLOUR, marker="s", ls="none", alpha=0.7, label=lesions),
        )
    if handles:
        figure.legend(
            handles=handles,
            loc="lower center",
            ncols=min(len(handles), 6),
            frameon=False,
            fontsize=8,
            handlelength=1.4,
            columnspacing=1.2,
            borderaxespad=0.2,
        )


def _png(figure: Figure) -> bytes:
    """The drawn figure as a PNG of 256 colours: true greys, the rest shared by the colours.

    128 greys; fewer (32 at least) where a noisy image would exceed ``LARGEST_PNG_BYTES``.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    rgb = np.asarray(canvas.buffer_rgba())[..., :3]
    png = b""
    for greys in (128, 64, 32):
        png = _with_palette(rgb, greys)
        if len(png) <= LARGEST_PNG_BYTES:
            break
    return png


def _with_palette(rgb: NDArray[np.uint8], greys: int) -> bytes:
    """RGB pixels as a palette PNG with so many evenly spaced greys and 128 colours."""
    coloured = np.ptp(rgb.astype(np.int16), axis=-1) > 6
    indices = (rgb[..., 1].astype(np.uint16) * greys // 256).astype(np.uint8)
    palette = np.repeat(np.linspace(0, 255, greys).round().astype(np.uint8), 3)
    if coloured.any():
        chromatic = Image.fromarray(rgb[coloured][None]).quantize(128, dither=Image.Dither.NONE)
        indices[coloured] = np.asarray(chromatic)[0] + greys
        palette = np.concatenate([palette, np.asarray(chromatic.getpalette(), dtype=np.uint8)])
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tolist())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _grey_bar(axes: Axes, suv_max: float) -> None:
    """The grey scale with its ends in SUV."""
    ramp: NDArray[np.float64] = np.linspace(0, 1, 64)[None, :]
    axes.imshow(ramp, cmap="gray_r", aspect="auto", extent=(0, suv_max, 0, 1), vmin=0, vmax=1)
    axes.set_yticks([])
    axes.set_xticks([0, suv_max / 2, suv_max])
    axes.tick_params(labelsize=8, length=2, pad=2, colors=INK)
    axes.set_title("SUVbw", fontsize=8, color=INK, pad=3)


def _place_views(
    views: Sequence[Axes], widths_px: Sequence[float], height_px: float, footer_px: float
) -> None:
    """Views side by side, true to scale, above the footer."""
    total = sum(widths_px) + GAP_PX * (len(widths_px) - 1)
    left = 0.0
    for axes, width in zip(views, widths_px, strict=True):
        bottom = footer_px / height_px
        axes.set_position((left / total, bottom, width / total, 1 - bottom))
        left += width + GAP_PX


def whole_body_picture(
    pet: Volume,
    organs: LabelMap | None = None,
    lesions: LabelMap | None = None,
    suv_max: float = 10.0,
) -> bytes:
    """PNG: coronal and sagittal maximum intensity projections of the PET side by side.

    Inverse grey from 0 to ``suv_max`` (SUVbw), head up, mm-true. Lesions are filled and named,
    the main organs outlined with a legend. The label maps may lie on grids of their own.
    """
    pet = in_patient_axes(pet)
    overlays = _overlays(organs, lesions)
    footer_px = 92
    figure = Figure(dpi=100, facecolor="white")
    planes: tuple[Plane, Plane] = ("coronal", "sagittal")
    views = [figure.add_axes((0, 0, 1, 1)) for _ in planes]
    groups: list[str] = []
    for axes, plane in zip(views, planes, strict=True):
        groups = _draw_view(axes, pet, plane, overlays, suv_max) or groups
    height_mm = abs(np.subtract(*views[0].get_ylim()))
    widths_mm = [abs(np.subtract(*axes.get_xlim())) for axes in views]
    # A short field (one bed position) would become very wide: bound the width as well.
    scale = min(PICTURE_HEIGHT_PX / height_mm, 1100 / sum(widths_mm))
    height_px = height_mm * scale + footer_px
    widths_px = [width * scale for width in widths_mm]
    figure.set_size_inches((sum(widths_px) + GAP_PX) / 100, height_px / 100)
    _place_views(views, widths_px, height_px, footer_px)
    _scale_bar(views[0])
    bar = figure.add_axes((0.36, 62 / height_px, 0.28, 9 / height_px))
    _grey_bar(bar, suv_max)
    _legend(figure, groups, _lesion_legend(overlays.lesions))
    return _png(figure)


def fused_slice_picture(
    ct: Volume | None,
    pet: Volume | None,
    plane: Plane,
    position: float | None = None,
    suv_max: float = 10.0,
    hu_window: tuple[float, float] = (-160.0, 240.0),
) -> bytes:
    """PNG: one slice of the CT in grey with the PET over it; either may be missing, not both.

    ``position`` is where the slice lies along the plane's normal, in LPS mm (axial: z, coronal: y,
    sagittal: x); by default the middle of the field. Raises ValueError when there is no
    image at all.
    """
    images = [image for image in (ct, pet) if image is not None]
    if not images:
        raise ValueError("a slice needs a CT or a PET")
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in images[0].geometry.shape]))
    points = images[0].geometry.index_to_world(corners.reshape(3, -1).T)
    box = (points.min(axis=0), points.max(axis=0))
    extents = box[1] - box[0]
    if position is None:
        position = float((box[0] + box[1])[2 - VIEWING_AXIS[plane]] / 2)
    pixel_mm = max(1.0, float(extents.max()) / 600)
    figure = Figure(dpi=100, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    seen = None
    if ct is not None:
        seen = cut_over(ct, plane, position, pixel_mm, box, outside=-1024.0)
        low, high = hu_window
        axes.imshow(seen.array, extent=seen.extent, cmap="gray", vmin=low, vmax=high)
    if pet is not None:
        seen = cut_over(pet, plane, position, pixel_mm, box)
        share = np.clip(seen.array / suv_max, 0, 1)
        # Low uptake stays transparent so that the anatomy shows through.
        alpha = np.clip(share * 4, 0, 0.65) if ct is not None else None
        axes.imshow(share, extent=seen.extent, cmap="inferno", vmin=0, vmax=1, alpha=alpha)
    assert seen is not None  # one of the two images was there
    axes.set_axis_off()
    height_mm, width_mm = (n * pixel_mm for n in seen.array.shape)
    scale = 620 / max(height_mm, width_mm)
    figure.set_size_inches(width_mm * scale / 100, height_mm * scale / 100)
    _mark_sides(axes, plane, "white")
    _scale_bar(axes, "white")
    return _png(figure)
