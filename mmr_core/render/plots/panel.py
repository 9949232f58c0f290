"""Draws the series of one panel: lines with bands, points with bars, bars side by side, stacked areas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.render.plots.axes import AxisScale, DrawingError, finite, stack_total, tick_text, tick_texts, ticks
from mmr_core.render.plots.lettering import Ruler, broken, drawable, shortened
from mmr_core.render.plots.palette import INK, Look, Palette
from mmr_core.studies.figures import Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

TITLE, TEXT, TICKS = 8.0, 7.5, 7.0
"""Font sizes in points, at the size in which a figure is printed."""

FEW = 12
"""Lines through at most so many points have a marker at each."""
LINE, THIN = 1.3, 0.8
MARKER, CHOSEN = 4.0, 5.5
"""Points in size: of markers, and of those of a point on a line of the same name."""
_HIGHEST, _TURNED = 3, 20
"""Lines of a category's name below its place, beyond which it is turned, and the letters that it then has."""
BAR_ROOM = 0.8
"""The share of a place on the axis that its bars take together."""


def draw_series(axes: Axes, panel: Panel, palette: Palette, x: AxisScale, y: AxisScale) -> None:
    """All series of a panel, within the scales.

    :raises DrawingError: if a series has not one height, end or label for each of its places.
    """
    for series in panel.series:
        _demand_whole(panel, series)
    bars = [series for series in panel.series if series.kind == "bars"]
    lines = [series for series in panel.series if series.kind == "line"]
    pointed = {series.name for series in panel.series if series.kind == "points"}
    if panel.mark is not None:
        axes.axvline(panel.mark[0], color=INK, linewidth=0.6, alpha=0.6, zorder=2)
        axes.axhline(panel.mark[1], color=INK, linewidth=0.6, alpha=0.6, zorder=2)
    _draw_stack(axes, panel, palette, x)
    for place, series in enumerate(bars):
        _draw_bars(axes, series, palette.look(series), y, place, len(bars))
    for place, series in enumerate(lines):
        marked = series.name not in pointed
        _draw_line(axes, series, palette.look(series), y, place / max(len(lines), 1), marked=marked)
    drawn = {series.name for series in lines}
    for series in panel.series:
        if series.kind == "points" and len(series.x):  # an empty line has its extent at the edge of the figure
            size = CHOSEN if series.name in drawn or series.reference else MARKER
            _draw_points(axes, series, palette.look(series), y, size)


def prepare(axes: Axes, panel: Panel, x: AxisScale, y: AxisScale, width: float, height: float, ruler: Ruler) -> None:
    """Scales, ticks, grid and title.

    :param width, height: of the axes, in inches, nearly.
    """
    if x.threshold > 0:
        axes.set_xscale("symlog", linthresh=x.threshold, linscale=0.4)
    else:
        axes.set_xscale(x.kind)
    axes.set_yscale("log" if y.logarithmic else "linear")
    axes.minorticks_off()
    places = finite(value for series in panel.series for value in series.x).tolist()
    if panel.x.categories:
        _name_places(axes, panel.x.categories, width, ruler)
    else:
        labels = [tick_text(place) for place in set(places)]
        apart = (ruler.widest(labels, size=TICKS) + 0.08) / width if len(labels) <= FEW else 1.0
        _set_ticks(axes.xaxis, x, max(3, int(width / 0.42)), places, apart)
    if panel.y.categories:
        axes.set_yticks(range(len(panel.y.categories)), [drawable(name) for name in panel.y.categories])
    else:
        _set_ticks(axes.yaxis, y, max(3, int(height / 0.25)))
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.tick_params(labelsize=TICKS, colors=INK, length=2.5, width=0.6, pad=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_fontsize(TICKS)
    if not any(series.kind == "stack" for series in panel.series):
        axes.grid(axis="y" if panel.x.categories else "both", color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)
    lines = broken(drawable(panel.title), width - 0.15, ruler, size=TITLE, most=2)
    axes.set_title("\n".join(lines), fontsize=TITLE, loc="left", color=INK, parse_math=False, pad=4)


def axis_label(text: str, room: float, ruler: Ruler) -> str:
    """The name of an axis in lines that are no longer than its room in inches."""
    return "\n".join(broken(drawable(text), room, ruler, size=TEXT, most=3))


def _set_ticks(axis: Any, scale: AxisScale, most: int, places: Sequence[float] = (), apart: float = 1.0) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

    at = ticks(scale, most, places, apart)
    if at is not None:
        axis.set_ticks(at, tick_texts(at))
    else:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
        formatter = ScalarFormatter(useOffset=False, useMathText=True)
        formatter.set_powerlimits((-3, 5))
        axis.set_major_formatter(formatter)
    axis.set_minor_locator(NullLocator())


def _name_places(axes: Axes, names: Sequence[str], width: float, ruler: Ruler) -> None:
    """Category names in lines if they fit below their places, else turned."""
    room = 0.94 * width / len(names)
    shown = [drawable(name) for name in names]
    words = [word for name in shown for word in name.split()]
    lines = [broken(name, room, ruler, size=TICKS) for name in shown]
    if ruler.widest(words, size=TICKS) <= room and max(map(len, lines)) <= _HIGHEST:
        axes.set_xticks(range(len(names)), ["\n".join(broken_name) for broken_name in lines])
        return
    cut = [shortened(name, _TURNED) for name in shown]
    axes.set_xticks(range(len(names)), cut, rotation=40, ha="right", rotation_mode="anchor")


def _draw_line(axes: Axes, series: Series, look: Look, y: AxisScale, shift: float, *, marked: bool) -> None:
    across, up = _numbers(series.x), _numbers(series.y)
    style: dict[str, Any] = {
        "color": look.colour,
        "linestyle": look.dashes,
        "linewidth": THIN * 1.3 if series.reference else LINE,
        "zorder": 3 if series.reference else 4,
    }
    known = np.isfinite(across) & np.isfinite(up)
    markers = marker_style(look)
    if known.sum() == 1 or (marked and known.sum() <= FEW and not series.reference):
        style |= markers
    elif marked and not series.reference:
        style |= markers | {"markevery": (0.05 + 0.25 * shift, 0.25)}
    if series.low or series.high:
        low, high = _ends(series, y)
        axes.fill_between(across, low, high, color=look.colour, alpha=0.16, linewidth=0, zorder=2)
        if known.sum() == 1:
            axes.vlines(across, low, high, color=look.colour, linewidth=THIN, zorder=3)
    axes.plot(across, up, **style)


def _draw_points(axes: Axes, series: Series, look: Look, y: AxisScale, size: float) -> None:
    across, up = _numbers(series.x), np.array(series.y, dtype=np.float64)
    if series.low or series.high:
        axes.vlines(across, *_ends(series, y), color=look.colour, linewidth=THIN, zorder=4)
    style = marker_style(look, size) | {"linestyle": "none", "color": look.colour, "clip_on": False, "zorder": 5}
    inside = (up >= y.low) & (up <= y.high)
    axes.plot(across[inside], up[inside], **style)
    for outside, edge, marker in ((up < y.low, y.low, "v"), (up > y.high, y.high, "^")):
        if outside.any():
            axes.plot(across[outside], np.full(outside.sum(), edge), **(style | {"marker": marker}))


def _draw_bars(axes: Axes, series: Series, look: Look, y: AxisScale, place: int, count: int) -> None:
    width = BAR_ROOM / count
    across = _numbers(series.x) + (place - (count - 1) / 2) * width
    heights = _clipped(series.y, y)
    axes.bar(across, heights, width=0.92 * width, **(area_style(look) | {"zorder": 3}))
    if series.low or series.high:
        axes.vlines(across, *_ends(series, y), color=INK, linewidth=THIN, zorder=4)


def _draw_stack(axes: Axes, panel: Panel, palette: Palette, x: AxisScale) -> None:
    below = np.zeros_like(stack_total(panel))
    for series in panel.series:
        if series.kind != "stack":
            continue
        look = palette.look(series)
        across = np.array(series.x, dtype=np.float64)
        heights = np.nan_to_num(np.array(series.y, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        top = below + heights
        if len(across) == 1:
            axes.fill_between([x.low, x.high], [below[0]] * 2, [top[0]] * 2, **area_style(look))
        else:
            axes.fill_between(across, below, top, **area_style(look))
        below = top


def area_style(look: Look) -> dict[str, Any]:
    """A filled area or bar, set off from its neighbours by a white edge."""
    return {
        "facecolor": look.fill,
        "edgecolor": "white",
        "linewidth": 0.4,
        "hatch": look.hatch or None,
        "zorder": 2,
    }


def marker_style(look: Look, size: float = MARKER) -> dict[str, Any]:
    """A marker with a white edge, so that it stands out from lines and other markers."""
    return {
        "marker": look.marker,
        "markersize": size,
        "markerfacecolor": look.colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def _ends(series: Series, y: AxisScale) -> tuple[Floats, Floats]:
    """The ends of the intervals; those beyond the axis go to its edge."""
    return _clipped(series.low or series.y, y), _clipped(series.high or series.y, y)


def _clipped(values: Sequence[float], y: AxisScale) -> Floats:
    return np.clip(np.array(values, dtype=np.float64), y.low, y.high)


def _numbers(values: Sequence[float]) -> Floats:
    """The values; what is infinite is a gap, as NaN is."""
    array = np.array(values, dtype=np.float64)
    array[np.isinf(array)] = math.nan
    return array


def _demand_whole(panel: Panel, series: Series) -> None:
    for what in ("y", "low", "high", "labels"):
        given = getattr(series, what)
        if len(given) != len(series.x) and (given or what == "y"):
            raise DrawingError(
                f"series {series.name!r} of panel {panel.title!r} has {len(given)} {what} for {len(series.x)} places"
            )
