"""What a frontier plot shows: scales, ticks, lines and points, as numbers; for the page's own picture and the script.

The picture that stands in the page without a script is drawn from `Picture` by a template.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmr_core.render.numbers import CostUnit, number
from mmr_core.render.plots.axes import LONG, AxisScale
from mmr_core.render.plots.palette import DASHES, MARKERS, Style
from mmr_core.results import SingleModel
from mmr_leaderboard.schema import Point

Tick = tuple[float, str]

WIDTH, HEIGHT = 820, 440
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 14, 52

_ZERO_SHARE = 0.06
"""The share of a logarithmic axis on which it runs straight to a cost of 0, where there is one."""

SHAPES = {
    "o": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "s": "M-3.6,-3.6H3.6V3.6H-3.6Z",
    "^": "M0,-4.6L4.4,3.4H-4.4Z",
    "D": "M0,-5L5,0L0,5L-5,0Z",
    "v": "M0,4.6L4.4,-3.4H-4.4Z",
    "p": "M0,-4.8L4.6,-1.5L2.8,3.9H-2.8L-4.6,-1.5Z",
}
"""Markers as paths around (0, 0), in pixels."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a plot.

    :param style: places in the palette of all plots; None for references, which have looks of their own.
    :param chosen: the operating point chosen on validation, on the ranked column.
    """

    key: str
    title: str
    figure: str
    style: Style | None
    frontier: tuple[Point, ...]
    chosen: Point | None = None


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Both axes of a plot.

    :param smallest: the smallest positive cost; a logarithmic axis runs straight below it.
    :param logarithmic: how the cost axis is unless the reader asks otherwise.
    """

    low: float
    high: float
    smallest: float
    bottom: float
    top: float
    logarithmic: bool
    linear_ticks: tuple[Tick, ...]
    log_ticks: tuple[Tick, ...]
    utility_ticks: tuple[Tick, ...]

    def across(self, cost: float) -> float:
        """Where a cost stands on the default axis, 0 to 1."""
        if not self.logarithmic:
            return (cost - self.low) / (self.high - self.low)
        if self.low > 0:
            return math.log(max(cost, self.low) / self.low) / math.log(self.high / self.low)
        if cost <= self.smallest:
            return _ZERO_SHARE * cost / self.smallest
        return _ZERO_SHARE + (1 - _ZERO_SHARE) * math.log(cost / self.smallest) / math.log(self.high / self.smallest)

    def up(self, utility: float) -> float:
        """Where a utility stands, 0 to 1."""
        return (utility - self.bottom) / (self.top - self.bottom)


def marker_path(style: Style) -> str:
    """The marker of a line as SVG takes it."""
    return SHAPES[MARKERS[style.marker]]


def dash_lengths(dash: int, width: float = 1.8) -> str:
    """A list of dashes as SVG takes it; empty for a solid line."""
    lengths = DASHES[dash]
    return "" if isinstance(lengths, str) else " ".join(f"{length * width:g}" for length in lengths[1])


def axes(
    routers: Sequence[tuple[Point, ...]], oracle: tuple[Point, ...], models: Sequence[SingleModel], unit: CostUnit
) -> Axes | None:
    """The axes for these frontiers; None where there is nothing to draw."""
    lines = [line for line in routers if len(line) > 1]
    if not lines:
        return None
    low, high = min(line[0][0] for line in lines), max(line[-1][0] for line in lines)
    if not high > low >= 0:
        return None
    costs = [cost for line in lines for cost, _ in line] + [model.cost for model in models if low <= model.cost <= high]
    smallest = min((cost for cost in costs if cost > 0), default=high)
    utilities = AxisScale.for_lines(
        [_utilities(line) for line in lines],
        [model.utility for model in models],
        [("oracle", _utilities(oracle))] if len(oracle) > 1 else [],
    )
    return Axes(
        low=low,
        high=high,
        smallest=smallest,
        bottom=utilities.low,
        top=utilities.high,
        logarithmic=high / smallest > LONG,
        linear_ticks=tuple((tick, _cost(tick, unit)) for tick in _round_steps(low, high, 6)),
        log_ticks=tuple((tick, _cost(tick, unit)) for tick in _decades(low, high, smallest)),
        utility_ticks=tuple((tick, _utility(tick)) for tick in _round_steps(utilities.low, utilities.high, 6)),
    )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn plot: places in pixels, paths as SVG takes them."""

    axes: Axes
    series: tuple[tuple[Series, str, Point | None], ...]
    models: tuple[tuple[SingleModel, Point, bool], ...]
    cost_ticks: tuple[Tick, ...]
    utility_ticks: tuple[Tick, ...]


def picture(series: Iterable[Series], models: Sequence[SingleModel], found: Axes) -> Picture:
    """The plot with its default cost axis."""
    ticks = found.log_ticks if found.logarithmic else found.linear_ticks
    drawn = []
    for line in series:
        if line.frontier:
            chosen = None if line.chosen is None else _pixel(found, line.chosen)
            drawn.append((line, _path(found, line.frontier), chosen))
    return Picture(
        axes=found,
        series=tuple(drawn),
        models=tuple(
            (model, _pixel(found, (model.cost, max(model.utility, found.bottom))), model.utility < found.bottom)
            for model in models
        ),
        cost_ticks=tuple((_pixel(found, (cost, 0))[0], text) for cost, text in ticks),
        utility_ticks=tuple((_pixel(found, (found.low, utility))[1], text) for utility, text in found.utility_ticks),
    )


def _utilities(line: Sequence[Point]) -> NDArray[np.float64]:
    return np.asarray([utility for _, utility in line], dtype=np.float64)


def _pixel(found: Axes, point: Point) -> Point:
    x = LEFT + found.across(point[0]) * (WIDTH - LEFT - RIGHT)
    y = TOP + (1 - found.up(point[1])) * (HEIGHT - TOP - BOTTOM)
    return round(x, 1), round(y, 1)


def _path(found: Axes, line: Sequence[Point]) -> str:
    """Straight pieces bend on a logarithmic axis, so they are drawn through points between."""
    points = []
    for (cost, utility), (next_cost, next_utility) in pairwise(line):
        for step in range(12):
            share = (step / 12) ** 2  # denser where a logarithm bends
            points.append((cost + share * (next_cost - cost), utility + share * (next_utility - utility)))
    points.append(line[-1])
    return "M" + "L".join(f"{x},{y}" for x, y in (_pixel(found, point) for point in points))


def _round_steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high, some `about` of them."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float, smallest: float) -> list[float]:
    start = low if low > 0 else smallest
    decades = range(math.floor(math.log10(start)) - 1, math.ceil(math.log10(high)) + 1)
    factors = (1,) if high / start > 1000 else (1, 2, 5) if high / start > 5 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    ticks = [float(f"{factor}e{decade}") for decade in decades for factor in factors]
    inside = [tick for tick in ticks if start * 0.999 <= tick <= high * 1.001]
    return inside if low > 0 else [0.0, *inside]


def _cost(tick: float, unit: CostUnit) -> str:
    return np.format_float_positional(float(f"{tick * unit.queries:.6g}"), trim="-")


def _utility(tick: float) -> str:
    text = number(tick)
    return text[:-1] if text.endswith("0") else text
