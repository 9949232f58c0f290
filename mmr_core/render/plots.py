"""The frontier plot: what each router reaches at which cost, between the single models and the oracle.

Needs matplotlib (the extra `plots`), and uses it without its global state, so that threads can draw at once.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import MissingExtraError
from mmr_core.numerics.metrics import Frontier, frontier
from mmr_core.render.annotations import draw_labels, draw_notes, marks, on_screen, shortened
from mmr_core.render.axes import CostAxis, UtilityAxis
from mmr_core.render.grids import ROUTERS, UNIFORM, standings, titled
from mmr_core.render.legends import draw_legend
from mmr_core.render.numbers import number
from mmr_core.render.styles import GREY, INK, NORMAL, line_style
from mmr_core.results import Column, Row, Slice
from mmr_core.runner.references import CONSTANT, ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

SIZE = (6.8, 4.0)
"""Inches; the text is still legible when the figure is set one column wide."""

DPI = 200
LEGEND = "nAUC (marker: chosen\non validation)"
_saving = threading.Lock()


def frontier_figure(
    column: Column,
    *,
    log_cost: bool | None = None,
    synthetic: bool = False,
    title: str | None = None,
    lineup: Sequence[str] = (),
) -> Figure:
    """The frontiers of all routers of a column, first seed, with references and single models.

    The frontiers are those that the metrics are read off: concave, with the cheapest single model, from c_min to
    c_max. A large marker is a router's operating point that was chosen on validation (the average of its seeds).

    :param log_cost: None takes a logarithmic axis where the dearest model costs over 30 times the cheapest.
    :param lineup: names of routers in the order that gives them their colours; other names have colours of their own.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib", fix="pip install 'mmr-bench[plots]'") from error
    part = column.whole
    lineup = [router for router in lineup if router != UNIFORM]
    routers = dict(standings(part.rows)).get(ROUTERS, [])
    lines = [_line(row, part) for row in routers]
    oracle, constant = _reference(part, ORACLE), _reference(part, CONSTANT)
    top = _line(oracle, part)
    x = CostAxis.choose(part.within, [model.cost for model in part.models], log_cost)
    y = UtilityAxis.choose([*lines, _line(constant, part)], [model.utility for model in part.models], top)

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _prepare(axes, x, y)
    heading = titled(f"{shortened(column.title)}: {part.instances:,} test instances", synthetic=synthetic)
    axes.set_title(shortened(title or heading, 70), fontsize=NORMAL + 1, loc="left", color=INK, parse_math=False)
    handles = [(_draw_router(axes, row, x, part, lineup), _legend_text(row)) for row in routers]
    handles += [(_draw_reference(axes, row, x, part), _legend_text(row)) for row in (oracle, constant)]
    handles += [(_draw_uniform(axes, row), _legend_text(row)) for row in part.rows if row.name == UNIFORM]
    handles.append((_draw_models(axes, part, y), "single model"))
    draw_legend(figure, handles, title=LEGEND)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    ink = np.concatenate([on_screen(axes, *x.samples(line)) for line in (*lines, _line(constant, part), top)])
    taken = marks(axes, [point for row in part.rows for point in _chosen(row)])
    taken += draw_notes(axes, part, x, y, top, ink, synthetic=synthetic)
    draw_labels(axes, part, y, taken, ink)
    return figure


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as "png", "svg" or "pdf", the same bytes for the same figure."""
    import matplotlib as mpl

    target = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {"Software": None})
    with _saving:
        salt = mpl.rcParams["svg.hashsalt"]
        mpl.rcParams["svg.hashsalt"] = "mmr-bench"
        try:
            figure.savefig(target, format=kind, dpi=DPI, metadata=metadata)
        finally:
            mpl.rcParams["svg.hashsalt"] = salt
    return target.getvalue()


def _line(row: Row, part: Slice) -> Frontier:
    return frontier(row.curves[0].cost, row.curves[0].utility, part.within)


def _reference(part: Slice, reference: str) -> Row:
    return next(row for row in part.rows if row.kind == "reference" and row.name == reference)


def _prepare(axes: Axes, x: CostAxis, y: UtilityAxis) -> None:
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    if x.scale == "symlog":
        axes.set_xscale("symlog", linthresh=x.threshold, linscale=0.4)
    else:
        axes.set_xscale(x.scale)
    if not x.has_decades:
        formatter = ScalarFormatter(useOffset=False, useMathText=True)
        formatter.set_powerlimits((-3, 4))
        axes.xaxis.set_major_formatter(formatter)
        axes.xaxis.set_major_locator(MaxNLocator(7))
        axes.minorticks_off()
    if x.ticks is not None:
        axes.set_xticks(x.ticks)
        axes.minorticks_off()
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set_xlabel("mean cost per query (USD)", fontsize=NORMAL, color=INK)
    axes.set_ylabel("mean utility", fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=NORMAL - 0.5, colors=INK)
    axes.xaxis.get_offset_text().set_fontsize(NORMAL - 0.5)
    axes.grid(visible=True, which="major", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_router(axes: Axes, row: Row, x: CostAxis, part: Slice, lineup: Sequence[str]) -> Any:
    style = line_style(row.name, lineup)
    look: dict[str, Any] = {"color": style.colour, "linestyle": style.dashes, "linewidth": 1.6}
    axes.plot(*x.samples(_line(row, part)), zorder=4, **look)
    point: dict[str, Any] = {
        "marker": style.marker,
        "markersize": 6.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.8,
    }
    for at in _chosen(row):
        axes.plot([at[0]], [at[1]], color=style.colour, linestyle="none", zorder=6, **point)
    from matplotlib.lines import Line2D

    return Line2D([], [], **look, **point)


def _chosen(row: Row) -> list[tuple[float, float]]:
    """The operating point chosen on validation (cost, utility), if there is one."""
    if not row.chosen:
        return []
    cost, utility = row.chosen["cost"].value, row.chosen["utility"].value
    return [] if cost is None or utility is None else [(cost, utility)]


def _draw_reference(axes: Axes, row: Row, x: CostAxis, part: Slice) -> Any:
    dashes = {ORACLE: (0, (5, 3)), CONSTANT: (0, (1, 1.6))}[row.name]
    return axes.plot(*x.samples(_line(row, part)), color=GREY, linestyle=dashes, linewidth=1.3, zorder=3)[0]


def _draw_uniform(axes: Axes, row: Row) -> Any:
    curve = row.curves[0]
    return axes.plot(curve.cost, curve.utility, "x", color=GREY, markersize=6, markeredgewidth=1.6, zorder=5)[0]


def _draw_models(axes: Axes, part: Slice, y: UtilityAxis) -> Any:
    look: dict[str, Any] = {"linestyle": "none", "markersize": 4, "markerfacecolor": INK, "markeredgecolor": "white"}
    for model in part.models:
        marker = "o" if model.utility >= y.low else "v"
        axes.plot(
            [model.cost],
            [max(model.utility, y.low)],
            marker=marker,
            markeredgewidth=0.6,
            zorder=5,
            clip_on=False,
            **look,
        )
    from matplotlib.lines import Line2D

    return Line2D([], [], marker="o", **look)


def _legend_text(row: Row) -> str:
    return f"{shortened(row.name)}  {number(row.metrics['nauc'].value)}"
