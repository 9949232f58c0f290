"""The frontier plot: the best utility that each router reaches at each mean cost, between single models and bounds.

One plot for `mmr run` and `mmr savings`. What is drawn are the frontiers that the metrics are read off: concave, with
the cheapest single model, from c_min to c_max. A large marker is the operating point that was chosen on validation.
`Frontiers` is what a plot shows, as numbers; `chart` draws it like the panels of studies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmr_core.errors import UsageError
from mmr_core.numerics.metrics import METRICS, CostRange, Frontier, frontier
from mmr_core.render.numbers import UNIT, metric_format, name, share
from mmr_core.render.plots.axes import AxisScale
from mmr_core.render.plots.chart import SCREEN, chart_figure
from mmr_core.render.plots.palette import Palette
from mmr_core.render.run_tables import RANKED_BY, ROUTERS, SINGLE_MODELS, standings
from mmr_core.render.table import titled
from mmr_core.results import QUERIES, Column, ColumnSavings, RouterSavings, Row
from mmr_core.runner.references import CONSTANT
from mmr_core.specs import ORACLE, UNIFORM
from mmr_core.studies.figures import Axis, Chart, Panel, Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float]
"""Mean cost and mean utility."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrontierLine:
    """One row of the plot.

    :param line: its frontier over the whole cost range; None for a policy that is a point.
    :param points: the operating point chosen on validation, or those of a policy without a line.
    :param note: the figure that the legend gives.
    :param reference: whether it is a bound or a yardstick, drawn grey.
    """

    name: str
    line: Frontier | None
    points: tuple[Point, ...] = ()
    note: str = ""
    reference: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Frontiers:
    """Everything that a frontier plot shows.

    :param unit: of the costs, which are all in it.
    :param lines: routers from the best down, then references.
    :param models: name, mean cost and mean utility of the single models; the first choose the places of their names.
    :param mark: a single model that all is compared with.
    """

    title: str
    unit: str
    within: CostRange
    lines: tuple[FrontierLine, ...]
    models: tuple[tuple[str, Point], ...]
    legend: str
    mark: Point | None = None

    def cost_scale(self, log_cost: bool | None = None) -> AxisScale:
        """The cost axis; None takes it logarithmic where the dearest model costs over 30 times the cheapest."""
        return AxisScale.for_costs(self.within, [cost for _, (cost, _) in self.models], log_cost)

    def utility_scale(self) -> AxisScale:
        """The utility axis; only the oracle may leave it."""
        lines = [(row, row.line.utility) for row in self.lines if row.line is not None]
        bounds = [(row.name, line) for row, line in lines if row.reference and row.name == ORACLE]
        shown = [line for row, line in lines if not (row.reference and row.name == ORACLE)]
        return AxisScale.for_lines(shown, [utility for _, (_, utility) in self.models], bounds)


def frontier_figure(
    column: Column, *, log_cost: bool | None = None, synthetic: bool = False, title: str | None = None
) -> Figure:
    """The frontiers of all routers of a column of a run, first seed, with references and single models.

    :param log_cost: None takes a logarithmic axis where the dearest model costs over 30 times the cheapest.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    return draw_frontiers(
        run_frontiers(column, synthetic=synthetic, title=title), log_cost=log_cost, synthetic=synthetic
    )


def savings_figure(column: ColumnSavings, *, synthetic: bool = False, log_cost: bool | None = None) -> Figure:
    """The frontiers of all routers of a page on savings, first seed, between the single models.

    Through the best single model run a level line, along which a router saves, and an upright one, along which it
    gains; a large marker is the point chosen on validation for equal quality.

    :param log_cost: as in `frontier_figure`.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises UsageError: if the savings were read from a file, which has no curves.
    """
    return draw_frontiers(savings_frontiers(column, synthetic=synthetic), log_cost=log_cost, synthetic=synthetic)


def draw_frontiers(plot: Frontiers, *, log_cost: bool | None, synthetic: bool) -> Figure:
    """The plot as a figure.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    x, y = plot.cost_scale(log_cost), plot.utility_scale()
    series = [one for row in plot.lines for one in _series(row, x)]
    costs, utilities = (tuple(point[i] for _, point in plot.models) for i in (0, 1))
    names = tuple(model for model, _ in plot.models)
    series.append(Series(name=SINGLE_MODELS, kind="points", x=costs, y=utilities, labels=names))
    panel = Panel(
        title=plot.title,
        x=Axis(label=plot.unit, scale=x.kind, low=x.low, high=x.high, threshold=x.threshold),
        y=Axis(label="mean utility", low=y.low, high=y.high),
        series=tuple(series),
        mark=plot.mark,
    )
    chart = Chart(panels=(panel,), legend_title=plot.legend)
    routers = [row.name for row in plot.lines if not row.reference]
    return chart_figure(chart, Palette.of(routers, [chart]), synthetic=synthetic, layout=SCREEN)


def run_frontiers(column: Column, *, synthetic: bool, title: str | None = None) -> Frontiers:
    """What the plot of a column of a run shows.

    :raises UsageError: if the run was read without its curves.
    """
    part = column.whole
    if not all(row.curves for row in part.rows):
        raise UsageError("a run read without its curves cannot be drawn", fix="read it with its Parquet files")

    def drawn(row: Row, *, reference: bool = False) -> FrontierLine:
        curve, chosen = row.curves[0], row.chosen
        points = _point(chosen["cost"].value, chosen["utility"].value, 1) if chosen else ()
        note = metric_format(RANKED_BY)(row.metrics[RANKED_BY].value)
        if row.name == UNIFORM and row.kind == "router":
            return FrontierLine(
                name=row.name,
                line=None,
                points=tuple(zip(curve.cost.tolist(), curve.utility.tolist(), strict=True)),
                note=note,
                reference=True,
            )
        return FrontierLine(
            name=row.name,
            line=frontier(curve.cost, curve.utility, part.within),
            points=() if reference else points,
            note=note,
            reference=reference,
        )

    ends = (part.best, part.cheapest, part.dearest)
    models = sorted(part.models, key=lambda model: (model.name not in ends, -model.utility))
    routers = dict(standings(part.rows)).get(ROUTERS, [])
    known = {(row.kind, row.name): row for row in part.rows}
    references = [known["reference", which] for which in (ORACLE, CONSTANT)]
    uniform = [row for row in part.rows if (row.kind, row.name) == ("router", UNIFORM)]
    heading = titled(f"{name(column.title)}: {part.instances:,} test instances", synthetic=synthetic)
    return Frontiers(
        title=title or heading,
        unit="mean cost per query (USD)",
        within=part.within,
        lines=(
            *(drawn(row) for row in routers),
            *(drawn(row, reference=True) for row in references),
            *(drawn(row) for row in uniform),
        ),
        models=tuple((model.title or model.name, (model.cost, model.utility)) for model in models),
        legend=f"{METRICS[RANKED_BY].title} (marker: chosen\non validation)",
    )


def savings_frontiers(column: ColumnSavings, *, synthetic: bool) -> Frontiers:
    """What the plot of a page on savings shows, in USD per thousand queries.

    :raises UsageError: if the savings were read from a file, which has no curves.
    """
    if column.within is None:
        raise UsageError("savings read from a file have no curves to draw", fix="run 'mmr savings --out' again")
    within = replace(
        column.within,
        low=column.within.low * QUERIES,
        high=column.within.high * QUERIES,
        best_cost=column.within.best_cost * QUERIES,
    )

    def drawn(row: RouterSavings, *, reference: bool) -> FrontierLine:
        chosen = row.chosen.get("cost")
        points = () if chosen is None else _point(chosen.cost.value, chosen.utility.value, QUERIES)
        if row.curve is None:
            raise UsageError(f"router {row.name!r} has no curve to draw", fix="run 'mmr savings --out' again")
        line = frontier(row.curve.cost * QUERIES, row.curve.utility, within)
        note = share(row.against[0].ratio.value)
        return FrontierLine(name=row.name, line=line, points=points, note=note, reference=reference)

    best = column.single(column.best)
    models = [(s.name, point) for s in column.singles for point in _point(s.cost.value, s.utility.value, QUERIES)]
    return Frontiers(
        title=titled(f"{name(column.title)}: {column.evaluated:,} test instances", synthetic=synthetic),
        unit=UNIT,
        within=within,
        lines=(
            *(drawn(router, reference=False) for router in column.routers),
            *(drawn(row, reference=True) for row in column.references),
        ),
        models=tuple(models),
        legend="saving at equal utility,\nwith hindsight (marker:\nchosen on validation)",
        mark=((best.cost.value or 0.0) * QUERIES, best.utility.value or 0.0),
    )


def _point(cost: float | None, utility: float | None, queries: int) -> tuple[Point, ...]:
    return () if cost is None or utility is None else ((cost * queries, utility),)


def _series(row: FrontierLine, x: AxisScale) -> list[Series]:
    """A row's line and its points, as the chart draws them."""
    made = []
    if row.line is not None:
        costs, utilities = x.samples(row.line)
        made.append(Series(name=row.name, x=tuple(costs), y=tuple(utilities), note=row.note, reference=row.reference))
    if row.points or not row.reference:  # a router without a chosen point has no marker, and so none along its line
        across, up = (tuple(point[i] for point in row.points) for i in (0, 1))
        made.append(Series(name=row.name, kind="points", x=across, y=up, note=row.note, reference=row.reference))
    return made
