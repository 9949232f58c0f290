"""The metrics: `METRICS`, the one table of them, and the functions that read them off a frontier.

Every figure comes from the frontier p(c), the best utility that can be had at mean cost c, over the range between the
cheapest and the dearest single model (section 4.3 of the paper). Names, titles, formats, columns, help, schema and
sorting everywhere else derive from `METRICS`. Arrays in, arrays out; no knowledge of plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.envelope import concave_envelope, pareto_envelope

Floats = NDArray[np.float64]
Hull = Literal["concave", "pareto"]
HULLS: tuple[Hull, ...] = ("concave", "pareto")

REACHED = 1e-9
"""Mean utilities that differ by no more are equal: when models are ranked, and when QNC asks what has been reached."""

FLAT = 1e-12
"""Skill has no meaning where the oracle is better than the constant policy by no more than this."""


@dataclass(frozen=True, kw_only=True)
class CostRange:
    """What a frontier is measured against: means over the same instances.

    :param low: c_min, the mean cost of the cheapest single model.
    :param high: c_max, the mean cost of the dearest single model.
    :param floor: the mean utility of the cheapest single model, which anybody may always use.
    :param best_cost: c_best, the mean cost of the most accurate single model.
    :param best_utility: p_best, its mean utility.
    """

    low: float
    high: float
    floor: float
    best_cost: float
    best_utility: float


@dataclass(frozen=True, kw_only=True, eq=False)
class CostRanges:
    """Many cost ranges, [B] each; fields as in `CostRange`."""

    low: Floats
    high: Floats
    floor: Floats
    best_cost: Floats
    best_utility: Floats


@dataclass(frozen=True, kw_only=True)
class SingleModels:
    """Which single models bound the cost axis and set the mark, by index; fixed on the full test set."""

    cheapest: int
    dearest: int
    best: int

    @classmethod
    def of(cls, utility: Floats, cost: Floats) -> SingleModels:
        """Chosen by means over [n, K] outcomes; ties: the more accurate cheapest, the cheaper best, the lower index.

        Mean utilities that differ by at most 1e-9 are equal.

        :raises DegenerateError: with fewer than two models, no instance, or one cost for all models.
        :raises DataError: if an outcome is missing or infinite.
        """
        n, models = utility.shape
        if n == 0:
            raise DegenerateError("no complete instance to measure on")
        if models < 2:
            raise DegenerateError("one model leaves nothing to route", fix="give a table of two or more models")
        _demand_finite(utility=utility, cost=cost)
        mean_cost, mean_utility = cost.mean(axis=0), utility.mean(axis=0)
        dearest, every = int(np.argmax(mean_cost)), np.arange(models)
        cheapest = int(_as_good(every[mean_cost == mean_cost.min()], mean_utility)[0])
        good = _as_good(every, mean_utility)
        best = int(good[np.argmin(mean_cost[good])])
        if not mean_cost[dearest] > mean_cost[cheapest]:
            raise DegenerateError(f"all models cost the same on average ({mean_cost[cheapest]:g} USD)")
        return cls(cheapest=cheapest, dearest=dearest, best=best)

    def cost_range(self, utility: Floats, cost: Floats) -> CostRange:
        """The range on [n, K] outcomes."""
        return CostRange(
            low=float(cost[:, self.cheapest].mean()),
            high=float(cost[:, self.dearest].mean()),
            floor=float(utility[:, self.cheapest].mean()),
            best_cost=float(cost[:, self.best].mean()),
            best_utility=float(utility[:, self.best].mean()),
        )


def _as_good(models: NDArray[np.intp], mean_utility: Floats) -> NDArray[np.intp]:
    """Those of some models that are as accurate as the most accurate of them."""
    return np.asarray(models[mean_utility[models] >= mean_utility[models].max() - REACHED])


def _demand_finite(**arrays: Floats) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise DataError(
                f"{name}[{', '.join(map(str, place))}] is {array[place]}", fix="leave out incomplete instances"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Frontier:
    """p(c) on [c_min, c_max], one line [k] or many [..., k]: utility never falls along it.

    Where lines have different numbers of knots, the last knot is repeated; a piece without width adds nothing.

    :param cost: [..., k] ascending from c_min to c_max.
    :param utility: [..., k]
    """

    cost: Floats
    utility: Floats


def frontier(cost: Floats, utility: Floats, within: CostRange, *, hull: Hull = "concave") -> Frontier:
    """The frontier of operating points and of the cheapest single model, restricted to the cost range.

    Points outside the range count too, since a mixture of two policies reaches every point between them (Eq. 6). Right
    of its peak the frontier is constant. `hull="pareto"` joins the Pareto points by lines instead.

    >>> within = CostRange(low=1.0, high=9.0, floor=0.5, best_cost=9.0, best_utility=0.75)
    >>> line = frontier(np.array([9.0, 5.0, 3.5]), np.array([0.75, 1.0, 0.75]), within)
    >>> line.cost.tolist(), line.utility.tolist()
    ([1.0, 5.0, 9.0], [0.5, 1.0, 1.0])

    :param cost: [m] mean true costs of the operating points, in any order.
    :param utility: [m] their mean true utilities.
    :raises DegenerateError: if the range has no width.
    :raises DataError: if a point is not finite.
    """
    _demand_finite(cost=cost, utility=utility)
    if not within.high > within.low:
        raise DegenerateError(f"the cheapest and the dearest single model both cost {within.low:g} USD on average")
    envelope = concave_envelope if hull == "concave" else pareto_envelope
    corner_cost, corner_utility = envelope(np.append(cost, within.low), np.append(utility, within.floor))
    inside = (corner_cost > within.low) & (corner_cost < within.high)
    knots = np.concatenate(([within.low], corner_cost[inside], [within.high]))
    return Frontier(cost=knots, utility=np.interp(knots, corner_cost, corner_utility))


def frontiers(group: NDArray[np.intp], cost: Floats, utility: Floats, within: CostRanges) -> Frontier:
    """`frontier` of B concave envelopes at once, [B, k] knots.

    :param group: [m] the envelope of each corner, ascending; each has one at or left of `within.low`.
    :param cost: [m] of the corners, ascending within a group; :param utility: [m].
    :param within: B ranges.
    """
    lines = np.arange(len(within.low))
    ends = np.searchsorted(group, lines, side="right")

    def at_cost(at: Floats) -> Floats:
        """[B] p(c) at one cost per envelope."""
        left = np.searchsorted(group, lines) + np.bincount(group[cost <= at[group]], minlength=len(lines)) - 1
        right = np.minimum(left + 1, ends - 1)
        run = cost[right] - cost[left]
        share = np.where(right > left, (at - cost[left]) / np.where(right > left, run, 1.0), 0.0)
        return np.asarray(utility[left] + share * (utility[right] - utility[left]))

    inside = (cost > within.low[group]) & (cost < within.high[group])
    number = np.bincount(group[inside], minlength=len(lines))
    place = np.arange(np.count_nonzero(inside)) - np.repeat(np.cumsum(number) - number, number) + 1
    shape = len(lines), int(number.max(initial=0)) + 2
    knots = np.tile(within.high[:, None], shape[1]), np.tile(at_cost(within.high)[:, None], shape[1])
    knots[0][:, 0], knots[1][:, 0] = within.low, at_cost(within.low)
    knots[0][group[inside], place], knots[1][group[inside], place] = cost[inside], utility[inside]
    return Frontier(cost=knots[0], utility=knots[1])


def height(line: Frontier, cost: Any) -> Floats:
    """[...] p(c) at one cost per line; at the nearer end for a cost outside the range.

    >>> line = Frontier(cost=np.array([[1.0, 5.0, 9.0]]), utility=np.array([[0.5, 1.0, 1.0]]))
    >>> height(line, np.array([2.0]))
    array([0.625])
    """
    cost = np.clip(cost, line.cost[..., 0], line.cost[..., -1])
    at = np.clip((line.cost <= cost[..., None]).sum(axis=-1) - 1, 0, line.cost.shape[-1] - 2)[..., None]
    left, right, below, above = (
        np.take_along_axis(values, i, axis=-1)[..., 0] for values in (line.cost, line.utility) for i in (at, at + 1)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(right > left, (cost - left) / (right - left), 1.0)
    return np.asarray(below + share * (above - below))


def nauc(line: Frontier) -> Floats:
    """[...] the normalised area under the frontier, Eq. 7: the integral of p(c) dc over the width of the range."""
    area = (np.diff(line.cost) * (line.utility[..., 1:] + line.utility[..., :-1])).sum(axis=-1) / 2
    return np.asarray(area / (line.cost[..., -1] - line.cost[..., 0]))


def nauc_log(line: Frontier) -> Floats:
    """[...] Eq. 7 on a logarithmic cost axis: the integral of p(c) dc/c over ln(c_max / c_min); NaN where c_min is 0.

    On a piece [a, b] with x = (b - a) / a and L = log1p(x) the integral is p_a L + (p_b - p_a)(1 - L / x).
    """
    low, high = line.cost[..., 0], line.cost[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.diff(line.cost) / line.cost[..., :-1]
        log = np.log1p(x)
        slope = np.where(x > 0, 1 - log / x, 0.0)
        area = (line.utility[..., :-1] * log + np.diff(line.utility) * slope).sum(axis=-1)
        return np.asarray(np.where(low > 0, area / np.log(high / low), np.nan))


def peak(line: Frontier) -> Floats:
    """[...] the peak score P_s, Eq. 8: the greatest utility on the range."""
    return np.asarray(line.utility.max(axis=-1))


def qnc(line: Frontier, within: CostRange | CostRanges) -> Floats:
    """[...] quality-neutral cost, Eq. 9: the least cost at which p(c) reaches the best single model, over that cost.

    +infinity where the peak stays more than 1e-9 below the best single model. A corner of the frontier that is at most
    1e-9 below it reaches it; a ratio within 1e-9 of 1 is 1.
    """
    best_utility, best_cost = np.asarray(within.best_utility), np.asarray(within.best_cost)
    mark = np.minimum(best_utility, peak(line))
    at = np.argmax(line.utility >= mark[..., None] - REACHED, axis=-1)[..., None]
    before = np.maximum(at - 1, 0)
    cost, low = (np.take_along_axis(line.cost, i, axis=-1)[..., 0] for i in (at, before))
    utility, below = (np.take_along_axis(line.utility, i, axis=-1)[..., 0] for i in (at, before))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(utility > mark, (mark - below) / (utility - below), 1.0)
        cost = np.where(at[..., 0] > 0, low + share * (cost - low), cost)
        ratio = np.where(best_cost == 0, np.where(cost == 0, 1.0, np.inf), cost / best_cost)
    ratio = np.where(np.abs(ratio - 1) <= REACHED, 1.0, ratio)
    return np.where(peak(line) < best_utility - REACHED, np.inf, ratio)


def skill(own: Any, constant: Any, oracle: Any) -> Floats:
    """[...] (nAUC - nAUC of the constant policy) / (nAUC of the cost-aware oracle - nAUC of the constant policy).

    0 is no better than ignoring the query, 1 is the oracle, below 0 is harm. NaN where the denominator is <= 1e-12.
    """
    own, constant, oracle = np.asarray(own), np.asarray(constant), np.asarray(oracle)
    room = oracle - constant
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(room > FLAT, (own - constant) / room, np.nan)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric: all that the rest of the program knows about it.

    It is read off a frontier (`function`), or it places another metric of a row between the same metric of the
    constant policy and that of the oracle (`base` and `between`).

    :param name: in files and on the command line: a Python identifier.
    :param title: in tables and plots.
    :param meaning: one sentence for people who read a table, also the description in schemas.
    :param better: whether higher or lower figures are better.
    :param shown: with three "decimals", or with three "significant" digits, for ratios that may be tiny or large.
    :param paired: whether two routers can be compared by their difference; not where a figure may be infinite.
    :param function: from a frontier, one or many, and what it is measured against, to the figures: [...], NaN where
        there is none.
    :param base: the name of the metric that `between` works on.
    :param between: from the base metric of a row, of the constant policy and of the oracle, [...] each, to [...].
    :param reason: why there may be no figure.
    :param note: a few words below a table, where the figures do not explain themselves.
    """

    name: str
    title: str
    meaning: str
    better: Literal["higher", "lower"] = "higher"
    shown: Literal["decimals", "significant"] = "decimals"
    paired: bool = True
    function: Callable[[Frontier, CostRange | CostRanges], Floats] | None = None
    base: str = ""
    between: Callable[[Floats, Floats, Floats], Floats] | None = None
    reason: str = ""
    note: str = ""

    @property
    def heading(self) -> str:
        """The title where it begins a line."""
        return self.title.capitalize() if self.title.islower() else self.title


_ALL = (
    Metric(
        name="nauc",
        title="nAUC",
        meaning="Area under the frontier between the cheapest and the dearest single model, divided by its width "
        "(Eq. 7).",
        function=lambda line, within: nauc(line),
    ),
    Metric(
        name="skill",
        title="skill",
        meaning="0 is no better than ignoring the query, 1 is the oracle, below 0 is harm.",
        base="nauc",
        between=skill,
        reason="the oracle is no better than the constant policy",
        note="0 = ignoring the query, 1 = oracle, below 0 = harm.",
    ),
    Metric(
        name="nauc_log",
        title="nAUC log",
        meaning="The same area on a logarithmic cost axis, where cheap models matter.",
        function=lambda line, within: nauc_log(line),
        reason="the cheapest single model costs nothing, and a logarithmic cost axis has no place for 0",
    ),
    Metric(
        name="peak",
        title="peak",
        meaning="The greatest utility that the frontier reaches (Eq. 8).",
        function=lambda line, within: peak(line),
    ),
    Metric(
        name="qnc",
        title="QNC",
        meaning="The cost at which the best single model's utility is reached, over that model's cost (Eq. 9); "
        "∞ where it is never reached. Lower is better.",
        better="lower",
        shown="significant",
        paired=False,
        function=qnc,
        note="share of the best single model's cost at which its utility is reached, ∞ = never.",
    ),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""Every metric by name, in the order in which everything shows them; the first one ranks.

A new metric is one entry here (with its function above), one test and one paragraph in docs/metrics.md: tables, files,
schemas, `mmr compare`, studies and the leaderboard take it from here.
"""


def read_off(line: Frontier, within: CostRange | CostRanges) -> dict[str, Floats]:
    """Every metric that has a `function`, by name: [...] figures of one frontier or many, NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {m.name: np.asarray(m.function(line, within)) for m in METRICS.values() if m.function is not None}


def with_relative(own: Mapping[str, Any], constant: Mapping[str, Any], oracle: Mapping[str, Any]) -> dict[str, Floats]:
    """Every metric, [...] figures in the order of `METRICS`: what was read off, and what follows from it.

    :param own: [...] figures of a row, as `read_off` gives them; likewise of the constant policy and of the oracle.
    """
    return {
        m.name: np.asarray(
            own[m.name] if m.between is None else m.between(own[m.base], constant[m.base], oracle[m.base])
        )
        for m in METRICS.values()
    }


def measure(line: Frontier, within: CostRange) -> dict[str, float | None]:
    """As `read_off`, of one frontier, in Python's numbers: None marks what has no figure."""
    return {name: figure(value) for name, value in read_off(line, within).items()}


def figure(value: Any) -> float | None:
    """One number of an array as Python's; None for NaN."""
    number = float(value)
    return None if np.isnan(number) else number
