"""Draws a chart as a figure: its panels in a grid, with one legend outside them; and a figure as PNG, SVG and PDF.

Needs matplotlib (the extra `plots`), and uses it without its global state, so that threads can draw at once.
"""

from __future__ import annotations

import importlib.util
import io
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmr_core.errors import MissingExtraError
from mmr_core.render.plots.axes import DrawingError, across, upwards
from mmr_core.render.plots.labels import SYNTHETIC, write_on
from mmr_core.render.plots.lettering import Ruler, drawable, shortened
from mmr_core.render.plots.palette import GREY, INK, Palette
from mmr_core.render.plots.panel import (
    CHOSEN,
    LINE,
    MARKER,
    TEXT,
    THIN,
    TICKS,
    area_style,
    axis_label,
    draw_series,
    marker_style,
    prepare,
)
from mmr_core.studies.figures import Chart, Drawing, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

KINDS = ("png", "svg", "pdf")
DPI = 200
SINGLE, DOUBLE = 3.3, 6.8
"""Inches: one column of a printed page, and two."""
MOST_COLUMNS = 4
HEIGHTS = {1: 2.45, 2: 2.2, 3: 1.85, 4: 1.7}
"""Inches of a row of panels, by the number of panels in it."""
TALLEST = 8.0
"""Inches of all panels above each other, beyond which they do not grow."""
_SPACES: dict[str, Any] = {"w_pad": 0.03, "h_pad": 0.03, "wspace": 0.03, "hspace": 0.04}
_NAME = 34
"""Letters of a name in the legend."""
_MOST_ENTRIES = 8
"""Entries of the legend beside each other."""
_saving = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The size of a figure and the place of its legend.

    :param width, height: inches of a chart of one panel; None takes the width of a printed column.
    :param stretches: factors by which panels grow, tried in order while labels lack room.
    :param beside: whether the legend is to the right of the panels, not below them.
    :param dpi: of the PNG.
    """

    width: float | None = None
    height: float | None = None
    stretches: tuple[float, ...] = (1.0, 1.25, 1.6)
    beside: bool = False
    dpi: int = DPI


PRINTED = Layout()
SCREEN = Layout(width=5.6, height=3.35, stretches=(1.0, 1.2), beside=True, dpi=240)
"""A single panel: in a window, on a slide, or one column wide."""


def demand_matplotlib(what: str) -> None:
    """Check that plots can be drawn.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(f"{what} need matplotlib", fix="pip install 'mmr-bench[plots]'")


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as "png", "svg" or "pdf", the same bytes for the same figure."""
    import matplotlib as mpl

    target = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {"Software": None})
    with _saving:
        salt = mpl.rcParams["svg.hashsalt"]
        mpl.rcParams["svg.hashsalt"] = "mmr-bench"
        try:
            figure.savefig(target, format=kind, dpi="figure", metadata=metadata)
        finally:
            mpl.rcParams["svg.hashsalt"] = salt
    return target.getvalue()


def is_wide(drawing: Drawing) -> bool:
    """Whether a figure goes over both columns of a printed page."""
    return len(drawing.panels) > 1 if isinstance(drawing, Chart) else True


def chart_figure(chart: Chart, palette: Palette, *, synthetic: bool, layout: Layout = PRINTED) -> Figure:
    """The figure of a chart.

    :param palette: of the whole report.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises DrawingError: if it has no panel, or its numbers cannot be drawn so.
    """
    if not chart.panels:
        raise DrawingError("a chart without panels")
    demand_matplotlib("plots")
    best: tuple[int, Figure] | None = None
    for stretch in layout.stretches:
        if best is not None and stretch * _rows(chart) * HEIGHTS[_columns(chart)] > TALLEST:
            break
        figure, crowd = _drawn(chart, palette, layout, stretch, synthetic=synthetic)
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


def _drawn(chart: Chart, palette: Palette, layout: Layout, stretch: float, *, synthetic: bool) -> tuple[Figure, int]:
    """The figure, and how crowded its panels are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns, rows = _columns(chart), _rows(chart)
    width = layout.width or (DOUBLE if is_wide(chart) else SINGLE)
    height = (layout.height or HEIGHTS[columns]) * stretch
    figure = Figure(figsize=(width, rows * height), dpi=layout.dpi, layout=ConstrainedLayoutEngine(**_SPACES))
    ruler = Ruler(FigureCanvasAgg(figure))
    grid = figure.add_gridspec(rows, columns)
    panels = [(figure.add_subplot(grid[i // columns, i % columns]), panel) for i, panel in enumerate(chart.panels)]
    scales = [(across(panel), upwards(panel)) for panel in chart.panels]
    inner = width / columns - 0.5 - (1.2 if layout.beside else 0.0), height - 0.55
    for (axes, panel), (x, y) in zip(panels, scales, strict=True):
        prepare(axes, panel, x, y, *inner, ruler)
        draw_series(axes, panel, palette, x, y)
    if synthetic and not layout.beside:
        figure.suptitle(SYNTHETIC, x=0.995, ha="right", fontsize=TICKS, style="italic", color=GREY)
    free = rows * columns - len(chart.panels)
    corner = figure.add_subplot(grid[rows - 1, columns - free :]) if free else None
    room = (free * width / columns - 0.1, height - 0.1)
    below = _add_legend(figure, chart, palette, corner, room, beside=layout.beside)
    _name_axes(figure, chart, [axes for axes, _ in panels], columns, inner, ruler, once=free > 0 and not below)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    crowd = sum(
        write_on(axes, panel, palette, y, synthetic=synthetic and layout.beside)
        for (axes, panel), (_, y) in zip(panels, scales, strict=True)
    )
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

    :param once: whether a name that all panels share may be placed below the whole figure.
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


def _add_legend(
    figure: Figure, chart: Chart, palette: Palette, corner: Axes | None, room: tuple[float, float], *, beside: bool
) -> bool:
    """One legend: beside the panels, or in the free corner of the grid if there is one with room enough, or below.

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
        "title": "\n".join(map(drawable, chart.legend_title.split("\n"))) or None,
        "title_fontsize": TICKS,
        "handlelength": 2.4,
        "columnspacing": 1.2,
        "handletextpad": 0.5,
        "labelspacing": 0.35,
        "borderaxespad": 0.2,
        "labelcolor": INK,
    }
    if beside:
        _as_written(figure.legend(loc="outside right upper", alignment="left", **look))
        return False
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
    named: dict[tuple[str, bool], Series] = {}
    for panel in chart.panels:
        for series in panel.series:
            if series.in_legend and len(series.x):
                named.setdefault((series.name, series.reference), series)
    # From the top, as areas are stacked.
    areas = [series for series in named.values() if series.kind == "stack"]
    others = [series for series in named.values() if series.kind != "stack"]
    ordered = sorted([*reversed(areas), *others], key=lambda series: series.reference)
    pointed = {series.name for panel in chart.panels for series in panel.series if series.kind == "points"}
    lined = {series.name for panel in chart.panels for series in panel.series if series.kind == "line"}
    return [(_text(series), _handle(series, palette, chosen=series.name in pointed & lined)) for series in ordered]


def _text(series: Series) -> str:
    text = shortened(drawable(series.name), _NAME) + (f"  {series.note}" if series.note else "")
    return f" {text}" if text.startswith("_") else text  # matplotlib hides what begins with an underscore


def _handle(series: Series, palette: Palette, *, chosen: bool) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    look = palette.look(series)
    if series.kind in ("stack", "bars"):
        return Patch(**area_style(look))
    if series.kind == "points":
        return Line2D([], [], color=look.colour, linestyle="none", **marker_style(look))
    if series.reference:
        return Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=THIN * 1.3)
    marker = marker_style(look, CHOSEN if chosen else MARKER)
    return Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=LINE, **marker)
