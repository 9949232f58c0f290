"""Decides what the axes of a plot show: their ranges, and ticks at numbers that people read. Pure numbers, no drawing.

One model may cost a thousand times as much as another, and the oracle may be far above every router; neither may
squash the part that matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import MMRError
from mmr_core.numerics.metrics import CostRange, Frontier
from mmr_core.render.numbers import one_line
from mmr_core.studies.figures import Axis, Panel, Series

Floats = NDArray[np.float64]

LONG = 30.0
"""The ratio of dearest to cheapest above which a cost axis is logarithmic unless the caller says otherwise."""

_SAMPLES = 400
_PAD = 0.04
_ROOM_BELOW = 1.0
"""Points down to this share of the lines' span below them are shown in place, lower ones at the edge."""

LEAST = 0.02
"""The least range of utility that an axis shows: less would make differences out of rounding."""

_ROOM_ABOVE = 0.35
"""A bound such as the oracle is shown whole if it rises at most this share of the span above everything else."""

_FEWEST = 3
"""Ticks that a logarithmic axis has at least; one too short for so many is labelled like a linear one."""
_AS_DATA = 7
"""Axes with at most so many different places are labelled at these."""
_SUBDIVISIONS = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7))


class DrawingError(MMRError):
    """A drawing that cannot be made of its numbers."""


@dataclass(frozen=True)
class AxisScale:
    """One axis from `low` to `high`, and the names of bounds that lie beyond its top, with their greatest value.

    :param threshold: a logarithmic axis that begins at 0 or below is linear up to here.
    """

    low: float
    high: float
    logarithmic: bool = False
    beyond: tuple[tuple[str, float], ...] = ()
    threshold: float = 0.0

    @classmethod
    def for_costs(cls, within: CostRange, costs: Sequence[float], log_cost: bool | None) -> AxisScale:
        """The axis of a cost range, given the single models' costs; None takes a long axis logarithmic."""
        smallest = min((cost for cost in costs if cost > 0), default=within.high)
        wanted = within.high / smallest > LONG if log_cost is None else log_cost
        if not wanted:
            pad = 0.03 * (within.high - within.low)
            return cls(within.low - pad, within.high + pad)
        if within.low > 0:
            factor = (within.high / within.low) ** 0.03
            return cls(within.low / factor, within.high * factor, True)
        return cls(-0.2 * smallest, within.high * 1.4, True, threshold=smallest)

    @classmethod
    def for_lines(
        cls,
        lines: Sequence[Floats],
        points: Sequence[float],
        bounds: Sequence[tuple[str, Floats]] = (),
        *,
        least: float = LEAST,
    ) -> AxisScale:
        """The axis of utility, or of whatever else the lines show.

        :param lines: the heights of what is shown in any case, such as routers.
        :param points: shown in place unless they lie far below.
        :param bounds: names and heights of bounds such as the oracle, which may leave the axis at the top.
        :param least: the least range that is shown.
        """
        core = np.concatenate([*lines] or [np.asarray(points, dtype=np.float64)])
        peak = max((float(bound.max()) for _, bound in bounds), default=None)
        bottom, top = worth_showing(core, points, peak)
        lowest = bottom - (top - bottom)
        bottom = min([bottom, *(float(bound.min()) for _, bound in bounds if bound.min() >= lowest)])
        scale = _padded(np.array([bottom, top]), False, _PAD)
        room = max(0.0, least - (scale.high - scale.low)) / 2
        low, high = scale.low - room, scale.high + room
        return cls(low, high, beyond=tuple((name, float(bound.max())) for name, bound in bounds if bound.max() > high))

    @property
    def kind(self) -> Literal["linear", "log", "symlog"]:
        """The name of the scale."""
        return "symlog" if self.threshold > 0 else "log" if self.logarithmic else "linear"

    def span(self, low: float, high: float) -> float:
        """How much of the axis, 0 to 1, lies between two values."""
        if self.logarithmic:
            return math.log(high / low) / math.log(self.high / self.low)
        return (high - low) / (self.high - self.low)

    def samples(self, line: Frontier) -> tuple[Floats, Floats]:
        """The frontier at enough costs that its straight pieces bend as this axis bends them."""
        low, high = line.cost[0], line.cost[-1]
        if not self.logarithmic:
            return line.cost, line.utility
        start = low if low > 0 else self.threshold / 100
        costs = np.unique(np.concatenate([line.cost, np.geomspace(start, high, _SAMPLES)]))
        costs = costs[(costs >= low) & (costs <= high)]
        return costs, np.interp(costs, line.cost, line.utility)


def worth_showing(core: Floats, points: Sequence[float], peak: float | None) -> tuple[float, float]:
    """The range, bottom and top, that shows what matters.

    :param core: what is shown in any case, such as routers.
    :param points: shown in place unless they lie far below.
    :param peak: the highest of a bound such as the oracle, shown unless it lies far above.
    """
    bottom, top = float(core.min()), float(max(core.max(), max(points, default=-np.inf)))
    span = max(top - bottom, 1e-3)
    bottom = min([bottom, *(point for point in points if point >= bottom - _ROOM_BELOW * span)])
    highest = top if peak is None else peak
    if highest > top + _ROOM_ABOVE * span:
        return bottom, top + 0.12 * (top - bottom)
    return bottom, max(top, highest)


def finite(values: Iterable[float]) -> Floats:
    """Those that are numbers and not infinite."""
    array = np.asarray(list(values), dtype=np.float64)
    return array[np.isfinite(array)]


def across(panel: Panel) -> AxisScale:
    """The horizontal axis.

    :raises DrawingError: if it is logarithmic and a value is not positive.
    """
    axis = panel.x
    values = finite(x for series in panel.series for x in series.x)
    if axis.scale == "symlog":
        if axis.low is None or axis.high is None or not axis.threshold > 0:
            raise DrawingError(f"axis {axis.label!r} needs both ends and a threshold")
        return AxisScale(axis.low, axis.high, True, threshold=axis.threshold)
    if axis.categories:
        return _ends(axis, AxisScale(-0.5, max(len(axis.categories), *(values + 1), 1) - 0.5))
    _demand_positive(panel, axis, values)
    if any(series.kind == "bars" for series in panel.series) and len(values):
        return _ends(axis, AxisScale(values.min() - 0.5, values.max() + 0.5))
    fills = any(series.kind == "stack" for series in panel.series)
    return _ends(axis, _padded(values, axis.scale == "log", 0.0 if fills else _PAD))


def upwards(panel: Panel) -> AxisScale:
    """The vertical axis; bars and areas start at 0, and bounds far above leave it at the top.

    :raises DrawingError: if it is logarithmic and a value is not positive.
    """
    axis = panel.y
    logarithmic = axis.scale == "log"
    extents = [(series, _extent(series)) for series in panel.series]
    extents = [(series, extent) for series, extent in extents if len(extent)]
    values = np.concatenate([np.empty(0), *(extent for _, extent in extents)])
    _demand_positive(panel, axis, values)
    if any(series.kind == "stack" for series in panel.series):
        return _ends(axis, AxisScale(0.0, float(stack_total(panel).max(initial=0.0)) or 1.0))
    if logarithmic or not len(values):
        return _ends(axis, _padded(values, logarithmic, _PAD))
    if any(series.kind == "bars" for series in panel.series):
        padded = _padded(np.append(values, 0.0), False, 0.08)
        return _ends(axis, AxisScale(padded.low if values.min() < 0 else 0.0, padded.high if values.max() > 0 else 0.0))
    return _ends(axis, _of_lines(extents))


def _of_lines(extents: Sequence[tuple[Series, Floats]]) -> AxisScale:
    """The range of lines and points, with the bounds that lie too far above for it."""
    points = [extent for series, extent in extents if series.kind == "points" and not series.reference]
    lines = [extent for series, extent in extents if series.kind != "points" and not series.reference]
    bounds = [(one_line(series.name), extent) for series, extent in extents if series.reference]
    core = lines or points or [extent for _, extent in bounds]
    return AxisScale.for_lines(core, np.concatenate([np.empty(0), *points]).tolist(), bounds, least=0.0)


def stack_total(panel: Panel) -> Floats:
    """[m] the height of the stacked areas at each place.

    :raises DrawingError: if they do not share their x values.
    """
    stacked = [series for series in panel.series if series.kind == "stack"]
    if len({series.x for series in stacked}) > 1:
        raise DrawingError(f"the stacked areas of panel {panel.title!r} do not share their x values")
    total: Floats = np.nansum([np.where(np.isfinite(series.y), series.y, 0.0) for series in stacked], axis=0)
    return total


def ticks(scale: AxisScale, most: int, places: Sequence[float] = (), apart: float = 1.0) -> list[float] | None:
    """Where a logarithmic axis has its ticks; None leaves them to the rule of linear axes.

    :param most: how many have room.
    :param places: the values on the axis; if they are few and far enough apart, the ticks are there.
    :param apart: how much of the axis must lie between two of them.
    """
    if not scale.logarithmic:
        return None
    if scale.threshold > 0:
        exponents = range(math.ceil(math.log10(scale.threshold)), math.floor(math.log10(scale.high)) + 1)
        found = [10.0**exponent for exponent in exponents]
        return [0.0, *found[:: math.ceil(len(found) / most) if found else 1]]
    few = sorted(set(places))
    if 2 <= len(few) <= _AS_DATA and all(scale.span(low, high) >= apart for low, high in pairwise(few)):
        return few
    decades = range(math.floor(math.log10(scale.low)) - 1, math.ceil(math.log10(scale.high)) + 1)
    for factors in _SUBDIVISIONS:
        found = [f * 10.0**decade for decade in decades for f in factors]
        found = [tick for tick in found if scale.low * (1 - 1e-9) <= tick <= scale.high * (1 + 1e-9)]
        if len(found) >= _FEWEST:
            return found[:: math.ceil(len(found) / most)]
    return None


def tick_text(value: float) -> str:
    """A tick as people write it; very small and very large ones as powers of ten, in TeX's notation."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:,.10g}" if abs(value) >= 1e4 else f"{value:.6g}"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    factor = value / 10.0**exponent
    times = "" if abs(factor - 1) < 1e-9 else f"{factor:.3g} \\times "
    return f"${times}10^{{{exponent}}}$"


def tick_texts(values: Sequence[float]) -> list[str]:
    """Ticks of one axis, all as powers of ten where one of them is."""
    texts = [tick_text(value) for value in values]
    if not any("^" in text for text in texts) or any(value < 0 for value in values):
        return texts
    exponents = [math.log10(value) for value in values if value]
    if any(abs(exponent - round(exponent)) > 1e-9 for exponent in exponents):
        return texts
    return [f"$10^{{{round(math.log10(value))}}}$" if value else "0" for value in values]


def _extent(series: Series) -> Floats:
    """All heights of a series that are numbers, with the ends of its intervals."""
    return finite([*series.y, *series.low, *series.high])


def _demand_positive(panel: Panel, axis: Axis, values: Floats) -> None:
    if axis.scale == "log" and len(values) and values.min() <= 0:
        raise DrawingError(f"panel {panel.title!r} has the value {values.min():g} on a logarithmic axis")


def _padded(values: Floats, logarithmic: bool, pad: float) -> AxisScale:
    if not len(values):
        return AxisScale(0.1, 1.0, True) if logarithmic else AxisScale(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if logarithmic:
        if high / low < 1 + 1e-9:
            return AxisScale(low / 2, high * 2, True)
        factor = (high / low) ** pad
        return AxisScale(low / factor, high * factor, True)
    room = pad * (high - low) if high - low > 1e-12 * max(abs(low), abs(high)) else max(0.1 * abs(high), 1e-3)
    return AxisScale(low - room, high + room)


def _ends(axis: Axis, scale: AxisScale) -> AxisScale:
    """The scale with the ends that the axis asks for.

    :raises DrawingError: if nothing lies between them.
    """
    low = scale.low if axis.low is None else axis.low
    high = scale.high if axis.high is None else axis.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high) or (scale.logarithmic and low <= 0):
        raise DrawingError(f"axis {axis.label!r} cannot go from {low:g} to {high:g}")
    beyond = tuple((name, value) for name, value in scale.beyond if value > high)
    return AxisScale(low, high, scale.logarithmic, beyond)
