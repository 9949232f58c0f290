"""Writes on the panels of a chart: names beside points and within areas, which bounds left the axis, what is synthetic.

`placement` decides where names go; this module measures and draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmr_core.render.numbers import number
from mmr_core.render.plots.axes import AxisScale
from mmr_core.render.plots.lettering import drawable, shortened
from mmr_core.render.plots.palette import GREY, INK, Palette
from mmr_core.render.plots.panel import BAR_ROOM, MARKER, TICKS
from mmr_core.render.plots.placement import Box, place_labels
from mmr_core.studies.figures import Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Floats = NDArray[np.float64]

LABEL, NOTE = "label", "note"
"""The gids of the texts that name points, and of those that say which bound left the axis."""
SYNTHETIC = "synthetic data"
LONGEST = 28
"""Letters of a name that are written beside a point."""
_DARK = 0.45
_HOMELESS = 3
_TOUCHED = 4
"""Samples of a line within a name before it counts as lying on it."""


def write_on(axes: Axes, panel: Panel, palette: Palette, y: AxisScale, *, synthetic: bool = False) -> int:
    """Writes on a panel whose place in the figure is settled.

    Returns how crowded it is: a name that lies on a line counts 1, one that found no place counts 3.

    :param synthetic: whether the panel says itself that its data are synthetic.
    """
    lines = _ink(axes, panel)
    taken = [*_marks(axes, panel, y), *_bars(axes, panel, y), *_notes(axes, panel, y)]
    if synthetic:
        taken.append(_write_synthetic(axes, np.concatenate([lines, *[_corners(box) for box in taken]])))
    _name_areas(axes, panel, palette)
    names, points = [], []
    for series in panel.series:
        if series.kind == "stack":
            continue
        for label, across, up in zip(series.labels, series.x, series.y, strict=False):
            if label and np.isfinite(across) and not np.isnan(up):
                names.append(shortened(drawable(label), LONGEST) + _outside(up, y))
                points.append((across, float(np.clip(up, y.low, y.high))))
    if not names:
        return 0
    boxes = draw_names(axes, axes.transData.transform(np.array(points)), names, taken, lines)
    return sum(_HOMELESS if box is None else int(box.count(lines) > _TOUCHED) for box in boxes)


def draw_names(
    axes: Axes, points: Floats, names: Sequence[str], taken: Sequence[Box], lines: Floats
) -> list[Box | None]:
    """Writes names beside points, free of each other and of the points; returns their boxes, None without a place.

    The first names choose first. A name away from its point gets a line to it.

    :param points: [m, 2] pixels.
    :param lines: [k, 2] pixels on lines, which names avoid.
    """
    from matplotlib.patheffects import withStroke

    scale = axes.figure.dpi / 72
    texts = [axes.text(0, 0, text, fontsize=TICKS, color=INK, gid=LABEL, parse_math=False) for text in names]
    sizes = [(box.right - box.left, box.top - box.bottom) for box in (_box(text) for text in texts)]
    frame = _frame(axes)
    boxes = place_labels(points, sizes, frame, gap=3.2 * scale, taken=taken, lines=lines)
    to_axes = axes.transAxes.inverted()
    for point, text, box in zip(points, texts, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        text.set(position=to_axes.transform((box.left, box.bottom)), transform=axes.transAxes, va="bottom", ha="left")
        text.set_in_layout(False)
        text.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
        if box.distance(point) > 7 * scale:
            leader = to_axes.transform([point, box.nearest(point)])
            axes.plot(*leader.T, transform=axes.transAxes, color="#808080", linewidth=0.5, zorder=2)
    return boxes


def on_screen(axes: Axes, across: Floats, up: Floats) -> Floats:
    """[k, 2] pixels along a line, near enough to each other that no label slips between them."""
    corners = axes.transData.transform(np.column_stack([across, up]))
    along = np.append(0.0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T)))
    steps = np.arange(0.0, along[-1] + 1, 1.5 * axes.figure.dpi / 72)
    return np.column_stack([np.interp(steps, along, corners[:, i]) for i in (0, 1)])


def _write_synthetic(axes: Axes, busy: Floats) -> Box:
    """In the corner, or where else along the bottom and the top the least is in the way."""
    text = axes.text(0, 0, SYNTHETIC, transform=axes.transAxes, ha="right", fontsize=TICKS, style="italic", color=GREY)
    places = [(across, up) for up in (0.02, 0.93) for across in (0.985, 0.8, 0.6, 0.4)]

    def crowd(place: tuple[float, float]) -> int:
        text.set_position(place)
        return _box(text).count(busy)

    text.set_position(min(places, key=crowd))
    text.set_in_layout(False)
    return _box(text)


def _corners(box: Box) -> Floats:
    """[100, 2] points spread over a box."""
    across, up = np.meshgrid(np.linspace(box.left, box.right, 10), np.linspace(box.bottom, box.top, 10))
    return np.column_stack([across.ravel(), up.ravel()])


def _frame(axes: Axes) -> Box:
    frame = axes.get_window_extent()
    return Box(frame.x0, frame.y0, frame.x1, frame.y1)


def _box(text: Text) -> Box:
    extent = text.get_window_extent()
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)


def _outside(up: float, y: AxisScale) -> str:
    """The height of a point that is drawn at the edge."""
    return "" if y.low <= up <= y.high else f" ({number(up)})"


def _ink(axes: Axes, panel: Panel) -> Floats:
    """[k, 2] pixels along all lines."""
    found = [np.empty((0, 2))]
    frame = axes.get_window_extent()
    if panel.mark is not None:
        (x, y), (low, high) = panel.mark, axes.get_ylim()
        found += [on_screen(axes, np.array([x, x]), np.array([low, high]))]
        found += [on_screen(axes, np.array(axes.get_xlim()), np.array([y, y]))]
    for series in panel.series:
        if series.kind != "line":
            continue
        places = np.array([series.x, series.y], dtype=np.float64)
        places = places[:, np.isfinite(places).all(axis=0)]
        if places.shape[1] > 1:
            pixels = on_screen(axes, *places)
            found.append(pixels[(pixels[:, 1] >= frame.y0) & (pixels[:, 1] <= frame.y1)])
    return np.concatenate(found)


def _marks(axes: Axes, panel: Panel, y: AxisScale) -> list[Box]:
    """The room of the markers of points and of lines with few points."""
    half = (MARKER / 2 + 0.6) * axes.figure.dpi / 72
    boxes = []
    for series in panel.series:
        if series.kind != "points":
            continue
        for across, up in zip(series.x, series.y, strict=True):
            if np.isfinite(across) and not np.isnan(up):
                a, b = axes.transData.transform((across, np.clip(up, y.low, y.high)))
                boxes.append(Box(a - half, b - half, a + half, b + half))
    return boxes


def _bars(axes: Axes, panel: Panel, y: AxisScale) -> list[Box]:
    bars = [series for series in panel.series if series.kind == "bars"]
    boxes = []
    for place, series in enumerate(bars):
        for across, up in zip(series.x, series.y, strict=True):
            if np.isfinite(across) and np.isfinite(up):
                left = across + (place - len(bars) / 2) * BAR_ROOM / len(bars)
                corners = [(left, 0.0), (left + BAR_ROOM / len(bars), up)]
                (a, b), (c, d) = axes.transData.transform([(i, np.clip(j, y.low, y.high)) for i, j in corners])
                boxes.append(Box(a, min(b, d), c, max(b, d)))
    return boxes


def _notes(axes: Axes, panel: Panel, y: AxisScale) -> list[Box]:
    """Notes how far each bound beyond the top goes, near where it leaves the axis."""
    from matplotlib.patheffects import withStroke

    boxes: list[Box] = []
    frame = axes.get_window_extent()
    for name, highest in y.beyond:
        text = axes.text(
            0, 0, f"↑ {shortened(drawable(name), LONGEST)}, up to {number(highest)}", fontsize=TICKS, color=GREY
        )
        text.set(parse_math=False, gid=NOTE, va="bottom", ha="left", transform=None)
        text.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
        text.set_in_layout(False)
        room = text.get_window_extent()
        exit_at = _leaves(axes, next(series for series in panel.series if drawable(series.name) == drawable(name)), y)
        left = min(max(exit_at + 0.04 * frame.width, frame.x0 + 2), frame.x1 - room.width)
        up = min([frame.y1, *(box.bottom for box in boxes)]) - room.height - 1
        text.set(position=axes.transAxes.inverted().transform((left, up)), transform=axes.transAxes)
        boxes.append(Box(left, up, left + room.width, up + room.height))
    return boxes


def _leaves(axes: Axes, series: Series, y: AxisScale) -> float:
    """Where, in pixels from the left, a line first goes beyond the top."""
    across, up = np.array(series.x), np.array(series.y)
    over = int(np.argmax(np.nan_to_num(up, nan=-np.inf) > y.high))
    at = across[over]
    if over and np.isfinite(across[over - 1]) and up[over] > up[over - 1]:
        at = across[over - 1] + (at - across[over - 1]) * (y.high - up[over - 1]) / (up[over] - up[over - 1])
    return float(axes.transData.transform((at, y.high))[0])


def _name_areas(axes: Axes, panel: Panel, palette: Palette) -> None:
    """The name of each stacked area where it is thickest, if it fits in there."""
    from matplotlib.patheffects import withStroke

    below: Floats | None = None
    for series in panel.series:
        if series.kind != "stack" or len(series.x) < 2:
            continue
        heights = np.nan_to_num(np.array(series.y, dtype=np.float64))
        below = np.zeros_like(heights) if below is None else below
        low = axes.transData.transform(np.column_stack([series.x, below]))
        high = axes.transData.transform(np.column_stack([series.x, below + heights]))
        below = below + heights
        colour = palette.look(series).fill
        text = axes.text(
            0, 0, shortened(drawable(series.name), LONGEST), fontsize=TICKS, gid=LABEL, parse_math=False, zorder=6
        )
        text.set(color=_readable_on(colour), va="center", ha="center")
        text.set_path_effects([withStroke(linewidth=2.2, foreground=colour)])
        text.set_in_layout(False)
        place = _within(low, high, text)
        if place is None:
            text.remove()
        else:
            text.set(position=axes.transAxes.inverted().transform(place), transform=axes.transAxes)


def _within(low: Floats, high: Floats, text: Text) -> tuple[float, float] | None:
    """The middle of the place with most room between two lines, in pixels; None where the text does not fit.

    :param low, high: [m, 2] pixels, at the same places from left to right.
    """
    room = text.get_window_extent()
    places = np.linspace(low[0, 0] + room.width / 2 + 2, low[-1, 0] - room.width / 2 - 2, 60)
    if places[0] > places[-1]:
        return None
    best, most = None, 1.15 * room.height
    for x in places:
        beside = np.linspace(x - room.width / 2 - 1, x + room.width / 2 + 1, 9)
        floor = np.interp(beside, low[:, 0], low[:, 1]).max()
        ceiling = np.interp(beside, high[:, 0], high[:, 1]).min()
        if ceiling - floor > most:
            best, most = (float(x), float(floor + ceiling) / 2), ceiling - floor
    return best


def _readable_on(colour: str) -> str:
    """White on what is dark, ink on what is light."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < _DARK else INK
