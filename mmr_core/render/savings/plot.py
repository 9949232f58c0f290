"""The plot of a page on savings: frontiers of routers between the single models, and what equal quality and cost mean.

Through the best single model run a level line, along which a router saves, and an upright one, along which it gains.
Needs matplotlib (the extra `plots`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import MissingExtraError, UsageError
from mmr_core.numerics.metrics import CostRange, Frontier, frontier
from mmr_core.render.annotations import draw_names, marks, on_screen, shortened
from mmr_core.render.axes import CostAxis, UtilityAxis
from mmr_core.render.grids import titled
from mmr_core.render.legends import draw_legend
from mmr_core.render.plots import DPI, SIZE
from mmr_core.render.savings.figures import UNIT, share
from mmr_core.render.styles import GREY, INK, NORMAL, line_style
from mmr_core.results import QUERIES, ColumnSavings, RouterSavings
from mmr_core.runner.references import CONSTANT, ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
LEGEND = "saving at equal utility,\nwith hindsight (marker:\nchosen on validation)"
DASHES = {ORACLE: (0, (5, 3)), CONSTANT: (0, (1, 1.6))}


def savings_figure(column: ColumnSavings, *, synthetic: bool = False, log_cost: bool | None = None) -> Figure:
    """The frontiers of all routers, first seed; a marker is the point chosen on validation for equal quality.

    :param log_cost: None takes a logarithmic axis where the dearest model costs over 30 times the cheapest.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises UsageError: if the savings were read from a file, which has no curves.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib", fix="pip install 'mmr-bench[plots]'") from error
    if column.within is None:
        raise UsageError("savings read from a file have no curves to draw", fix="run 'mmr savings --out' again")
    within = _thousandfold(column.within)
    points = np.array([[(s.cost.value or 0.0) * QUERIES, s.utility.value or 0.0] for s in column.singles])
    lines = {router.name: _line(router, within) for router in (*column.routers, *column.references)}
    shown = [lines[router.name] for router in (*column.routers, column.references[0])]
    x = CostAxis.choose(within, points[:, 0].tolist(), log_cost)
    y = UtilityAxis.choose(shown, points[:, 1].tolist(), lines[column.references[-1].name])

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _prepare(axes, x, y)
    heading = f"{shortened(column.title)}: {column.evaluated:,} test instances"
    axes.set_title(titled(heading, synthetic=synthetic), fontsize=NORMAL + 1, loc="left", color=INK, parse_math=False)
    lineup = [router.name for router in column.routers]
    handles = [
        (_draw_router(axes, router, lines[router.name], x, lineup), _legend(router)) for router in column.routers
    ]
    for reference in column.references:
        look: dict[str, Any] = {"color": GREY, "linestyle": DASHES.get(reference.name, "-"), "linewidth": 1.3}
        handles.append((axes.plot(*x.samples(lines[reference.name]), zorder=3, **look)[0], _legend(reference)))
    _draw_best(axes, column)
    draw_legend(figure, handles, title=LEGEND)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    ink = np.concatenate([on_screen(axes, *x.samples(line)) for line in lines.values()])
    inside = points[:, 1] >= y.low
    axes.plot(*points[inside].T, "o", color=INK, markersize=4, markeredgecolor="white", markeredgewidth=0.6, zorder=5)
    names = [shortened(single.name) for single, here in zip(column.singles, inside, strict=True) if here]
    pixels: Floats = axes.transData.transform(points[inside])
    draw_names(axes, pixels, names, marks(axes, [p for r in column.routers for p in _chosen(r)]), ink)
    return figure


def _thousandfold(within: CostRange) -> CostRange:
    """The range in USD per thousand queries."""
    return replace(within, low=within.low * QUERIES, high=within.high * QUERIES, best_cost=within.best_cost * QUERIES)


def _line(router: RouterSavings, within: CostRange) -> Frontier:
    if router.curve is None:
        raise UsageError(f"router {router.name!r} has no curve to draw", fix="run 'mmr savings --out' again")
    return frontier(router.curve.cost * QUERIES, router.curve.utility, within)


def _prepare(axes: Axes, x: CostAxis, y: UtilityAxis) -> None:
    if x.scale == "symlog":
        axes.set_xscale("symlog", linthresh=x.threshold, linscale=0.4)
    else:
        axes.set_xscale(x.scale)
    if x.ticks is not None:
        axes.set_xticks(x.ticks)
        axes.minorticks_off()
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set_xlabel(UNIT, fontsize=NORMAL, color=INK)
    axes.set_ylabel("mean utility", fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=NORMAL - 0.5, colors=INK)
    axes.grid(visible=True, which="major", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_router(axes: Axes, router: RouterSavings, line: Frontier, x: CostAxis, lineup: list[str]) -> Any:
    from matplotlib.lines import Line2D

    style = line_style(router.name, lineup)
    look: dict[str, Any] = {"color": style.colour, "linestyle": style.dashes, "linewidth": 1.6}
    point: dict[str, Any] = {"marker": style.marker, "markersize": 6.5, "markeredgecolor": "white"}
    axes.plot(*x.samples(line), zorder=4, **look)
    for cost, utility in _chosen(router):
        axes.plot([cost], [utility], color=style.colour, zorder=6, **point)
    return Line2D([], [], **look, **point)


def _chosen(router: RouterSavings) -> list[tuple[float, float]]:
    """The point chosen on validation for equal quality (USD per thousand queries, utility), if there is one."""
    chosen = router.chosen["cost"]
    if chosen.cost.value is None or chosen.utility.value is None:
        return []
    return [(chosen.cost.value * QUERIES, chosen.utility.value)]


def _draw_best(axes: Axes, column: ColumnSavings) -> None:
    best = column.single(column.best)
    axes.axhline(best.utility.value or 0.0, color=INK, linewidth=0.7, alpha=0.6, zorder=2)
    axes.axvline((best.cost.value or 0.0) * QUERIES, color=INK, linewidth=0.7, alpha=0.6, zorder=2)


def _legend(router: RouterSavings) -> str:
    return f"{shortened(router.name)}  {share(router.against[0].ratio.value)}"
