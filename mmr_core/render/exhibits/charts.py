"""Draws a chart: its panels in a grid at the width of a printed column, with one legend outside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmr_core.render.exhibits.labelling import write_on
from mmr_core.render.exhibits.palette import Palette
from mmr_core.render.exhibits.panels import (
    LINE,
    TEXT,
    THIN,
    TICKS,
    area_style,
    axis_label,
    draw_series,
    marker_style,
    prepare,
)
from mmr_core.render.exhibits.scales import DrawingError, across, upwards
from mmr_core.render.exhibits.typesetting import Ruler, drawable, shortened
from mmr_core.render.plots import DPI
from mmr_core.render.styles import GREY, INK
from mmr_core.studies.figures import Chart, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

SINGLE, DOUBLE = 3.3, 6.8
"""Inches: one column of a printed page, and two."""
MOST_COLUMNS = 4
HEIGHTS = {1: 2.45, 2: 2.2, 3: 1.85, 4: 1.7}
"""Inches of a row of panels, by how many stand beside each other."""
_STRETCHES = (1.0, 1.25, 1.6)
"""Panels grow as long as that helps names to find their places."""
TALLEST = 8.0
"""Inches of all panels above each other, beyond which they do not grow."""
_SPACES: dict[str, Any] = {"w_pad": 0.03, "h_pad": 0.03, "wspace": 0.03, "hspace": 0.04}
_NAME = 34
"""Letters of a name in the legend."""
_MOST_ENTRIES = 8
"""Entries of the legend beside each other."""
SYNTHETIC = "synthetic data"


def is_wide(chart: Chart) -> bool:
    """Whether a chart goes over both columns of a page."""
    return len(chart.panels) > 1


def chart_figure(chart: Chart, palette: Palette, *, synthetic: bool) -> Figure:
    """The figure of a chart.

    :param palette: of the whole report.
    :raises DrawingError: if it has no panel, or its numbers cannot be drawn so.
    """
    if not chart.panels:
        raise DrawingError("a chart without panels")
    best: tuple[int, Figure] | None = None
    for stretch in _STRETCHES:
        if best is not None and stretch * _rows(chart) * HEIGHTS[_columns(chart)] > TALLEST:
            break
        figure, crowd = _drawn(chart, palette, stretch, synthetic=synthetic)
        if best is None or crowd < best[0]:
            best = crowd, figure
        if crowd == 0:
            break
    assert best is not None
    return best[1]


def _columns(chart: Chart) -> int:
    return min(max(chart.columns, 1), MOST_COLUMNS, len(chart.panels))


def _rows(chart: Chart) -> int:
    return math.ceil(len(chart.panels) / _columns(chart))


def _drawn(chart: Chart, palette: Palette, stretch: float, *, synthetic: bool) -> tuple[Figure, int]:
    """The figure, and how crowded its panels are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns, rows = _columns(chart), _rows(chart)
    width = DOUBLE if is_wide(chart) else SINGLE
    height = HEIGHTS[columns] * stretch
    figure = Figure(figsize=(width, rows * height), dpi=DPI, layout=ConstrainedLayoutEngine(**_SPACES))
    ruler = Ruler(FigureCanvasAgg(figure))
    grid = figure.add_gridspec(rows, columns)
    panels = [(figure.add_subplot(grid[i // columns, i % columns]), panel) for i, panel in enumerate(chart.panels)]
    scales = [(across(panel), upwards(panel)) for panel in chart.panels]
    inner = width / columns - 0.5, height - 0.55
    for (axes, panel), (x, y) in zip(panels, scales, strict=True):
        prepare(axes, panel, x, y, *inner, ruler)
        draw_series(axes, panel, palette, x, y)
    if synthetic:
        figure.suptitle(SYNTHETIC, x=0.995, ha="right", fontsize=TICKS, style="italic", color=GREY)
    free = rows * columns - len(chart.panels)
    corner = figure.add_subplot(grid[rows - 1, columns - free :]) if free else None
    below = _add_legend(figure, chart, palette, corner, (free * width / columns - 0.1, height - 0.1))
    _name_axes(figure, chart, [axes for axes, _ in panels], columns, inner, ruler, once=free > 0 and not below)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    crowd = sum(write_on(axes, panel, palette, y) for (axes, panel), (_, y) in zip(panels, scales, strict=True))
    return figure, crowd


def _name_axes(
    figure: Figure,
    chart: Chart,
    panels: Sequence[Axes],
    columns: int,
    inner: tuple[float, float],
    ruler: Ruler,
    *,
    once: bool,
) -> None:
    """Names of axes, once where the neighbours' are the same: below the lowest, and left of the leftmost.

    :param once: whether a name that all panels share may stand below the whole figure.
    """
    names = {panel.x.label for panel in chart.panels}
    shared = once and len(names) == 1
    if shared:
        width = float(figure.get_size_inches()[0])
        text = figure.supxlabel(axis_label(names.pop(), width, ruler), fontsize=TEXT, color=INK)
        text.set_parse_math(False)
    for i, (axes, panel) in enumerate(zip(panels, chart.panels, strict=True)):
        below = [other.x.label for other in chart.panels[i + columns :: columns]]
        if not shared and (not below or set(below) != {panel.x.label}):
            axes.set_xlabel(axis_label(panel.x.label, inner[0] + 0.3, ruler))
        left = [other.y.label for other in chart.panels[i - i % columns : i]]
        if not left or set(left) != {panel.y.label}:
            axes.set_ylabel(axis_label(panel.y.label, inner[1], ruler))
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(fontsize=TEXT, color=INK, parse_math=False)


def _add_legend(figure: Figure, chart: Chart, palette: Palette, corner: Axes | None, room: tuple[float, float]) -> bool:
    """One legend: in the free corner of the grid if there is one with room enough, else below the panels.

    For a legend below, the figure grows; returns whether there is one.
    """
    if corner is not None:
        corner.set_axis_off()
    entries = _entries(chart, palette)
    if not entries:
        return False
    look: dict[str, Any] = {
        "handles": [handle for _, handle in entries],
        "labels": [text for text, _ in entries],
        "fontsize": TICKS,
        "frameon": False,
        "title": drawable(chart.legend_title) or None,
        "title_fontsize": TICKS,
        "handlelength": 2.4,
        "columnspacing": 1.2,
        "handletextpad": 0.5,
        "labelspacing": 0.35,
        "borderaxespad": 0.2,
        "labelcolor": INK,
    }
    if corner is not None:
        for columns in range(1, 4):
            legend = corner.legend(ncols=columns, loc="center", **look)
            if _fits(figure, legend, *room):
                _as_written(legend)
                return False
            legend.remove()
    width, height = figure.get_size_inches()
    for columns in range(min(len(entries), _MOST_ENTRIES), 0, -1):
        legend = figure.legend(ncols=columns, loc="outside lower center", **look)
        if columns == 1 or _fits(figure, legend, width, math.inf):
            figure.set_size_inches(width, height + _size(figure, legend)[1] + 0.05)
            _as_written(legend)
            return True
        legend.remove()
    return True


def _as_written(legend: Legend) -> None:
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)


def _fits(figure: Figure, legend: Legend, width: float, height: float) -> bool:
    taken = _size(figure, legend)
    return taken[0] <= width and taken[1] <= height


def _size(figure: Figure, legend: Legend) -> tuple[float, float]:
    """Width and height in inches."""
    extent = legend.get_window_extent()
    return extent.width / figure.dpi, extent.height / figure.dpi


def _entries(chart: Chart, palette: Palette) -> list[tuple[str, Any]]:
    """A text and a handle for each name, references last."""
    named: dict[str, Series] = {}
    for panel in chart.panels:
        for series in panel.series:
            if series.in_legend and len(series.x):
                named.setdefault(series.name, series)
    # From the top, as areas are stacked.
    areas = [series for series in named.values() if series.kind == "stack"]
    others = [series for series in named.values() if series.kind != "stack"]
    ordered = sorted([*reversed(areas), *others], key=lambda series: series.reference)
    return [(_name(series.name), _handle(series, palette)) for series in ordered]


def _name(name: str) -> str:
    text = shortened(drawable(name), _NAME)
    return f" {text}" if text.startswith("_") else text  # matplotlib hides what begins with an underscore


def _handle(series: Series, palette: Palette) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    look = palette.look(series)
    if series.kind in ("stack", "bars"):
        return Patch(**area_style(look))
    if series.kind == "points":
        return Line2D([], [], color=look.colour, linestyle="none", **marker_style(look))
    if series.reference:
        return Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=THIN * 1.3)
    return Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=LINE, **marker_style(look))
