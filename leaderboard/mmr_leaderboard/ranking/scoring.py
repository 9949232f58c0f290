"""The figures of one row of the board: metrics on all test instances, per dataset and per scenario, and latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import FiniteFloat
from threadpoolctl import threadpool_limits

from mmr_core.contracts import Progress, no_progress
from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import CostRange, frontier
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.registry import Registry
from mmr_core.results import Estimate, Metrics, OperatingPoint, Row, SingleModel
from mmr_core.runner.executor import Parcel
from mmr_core.runner.fit import Answer
from mmr_core.runner.measure import Answers, Yardstick, Yardsticks
from mmr_core.runner.policies import Decided, Policy
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.references import SHORT_LIST, TestSet
from mmr_core.runner.summary import averaged
from mmr_core.runner.tasks import runner
from mmr_core.specs import UNIFORM
from mmr_leaderboard.schema import Latency, Point, StrictModel

Floats = NDArray[np.float64]
POINTS = 200
"""The most operating points, and the most corners of a frontier, that are published per row."""

LATENCY_DRAWS, LATENCY_SEED = 1000, 0


class Figures(StrictModel):
    """All figures of one row; a pydantic model, because it is kept between runs.

    :ivar chosen: None for rows that cannot choose an operating point on validation.
    :ivar datasets: by dataset of a mixture, without those on which nothing can be measured.
    :ivar scenarios: macro averages over the datasets of a scenario.
    :ivar frontier: corners (cost, utility) of the frontier on all test instances, at most `POINTS`.
    :ivar points: Pareto operating points, at most `POINTS`.
    :ivar draws: B nAUCs, one per draw; None for a draw without one.
    """

    metrics: Metrics
    chosen: OperatingPoint | None
    datasets: dict[str, Metrics]
    scenarios: dict[str, Metrics]
    frontier: tuple[Point, ...]
    points: tuple[Point, ...]
    dataset_frontiers: dict[str, tuple[Point, ...]]
    draws: tuple[FiniteFloat | None, ...]


@dataclass(frozen=True, kw_only=True)
class BoardReading:
    """Reads one reference row on every slice of a board; `UNIFORM` is among them."""

    name: str
    validates: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return self.name

    def of_router(self, name: str, answers: Sequence[Answer], column: Prepared, yardsticks: Yardsticks) -> None:
        """:raises TypeError: always; routers are fitted in isolation, and their answers go to `BoardScorer.entry`."""
        raise TypeError("the leaderboard fits no router in this process")

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> tuple[Row, ...]:
        """The row on the whole column, then on each slice."""
        shapes = (each.tested.utility.shape for each in yardsticks)
        own = [uniform_policy(*shape) if self.name == UNIFORM else None for shape in shapes]
        return tuple(each.reference(self.name, policy) for each, policy in zip(yardsticks, own, strict=True))


class BoardScorer:
    """Scores rows of one board by the runner's path; what they are scored against is made once.

    Routers are fitted in isolation, so this differs from `mmr run` in where answers come from, and in nothing else. No
    entry is scored against anything that was kept: the scale of skill is measured in each run that needs it.

    :param column: the board's column.
    :param draws: bootstrap draws for every interval.
    :raises DegenerateError: if nothing can be measured on the column.
    """

    def __init__(self, column: Prepared, *, draws: int, draw_seed: int) -> None:
        self._column = column.without_features()
        if column.spec.members:
            self._yardsticks = Yardsticks.of(column, draws=draws, category_draws=draws, draw_seed=draw_seed)
        else:
            self._yardsticks = Yardsticks.of_whole(column, draws=draws, draw_seed=draw_seed)
        self._scenarios = [column.table.spec_of(name).scenario for name in self.datasets]

    @property
    def whole(self) -> Yardstick:
        """What rows are measured with on all test instances."""
        return self._yardsticks.whole

    @property
    def tested(self) -> TestSet:
        """All complete test instances of the column."""
        return self.whole.tested

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that rows have figures for; one where all models cost the same is left out."""
        return tuple(part.tested.name for _, part in self._yardsticks.parts)

    def models_of(self, dataset: str) -> tuple[SingleModel, ...]:
        """The single models on one of `datasets`; on the whole column if there are no parts."""
        return next(
            (part.models for _, part in self._yardsticks.parts if part.tested.name == dataset), self.whole.models
        )

    def entry(self, name: str, policy: Policy, trade_off: float | None, *, validated: bool) -> Figures:
        """The figures of an entry.

        :param policy: its answers on all complete test instances of the column.
        :param trade_off: the weight chosen on validation.
        :param validated: whether the entry can choose one at all; decision files cannot.
        """
        answers = Answers(name=name, policies=(policy,), trade_offs=(trade_off,))
        with threadpool_limits(limits=1):  # as in `runner.tasks`: sums have one order
            rows = self._yardsticks.router(answers)
        return self._figures(rows, chosen=validated)

    def reference(self, name: str) -> Figures:
        """The figures of a reference row, measured now: one of the engine's, or `UNIFORM`."""
        with threadpool_limits(limits=1):
            return self._figures(BoardReading(name=name).of_references(self._column, self._yardsticks))

    def known_references(
        self, registry: Registry, cache: Path, *, fresh: bool = False, progress: Progress = no_progress
    ) -> dict[str, Figures]:
        """The figures of every reference row, by name, in the order of display.

        :param cache: a folder for finished rows; what it has is not measured again.
        :param fresh: measure all of them, and keep them.
        :raises MMRError: if the cache cannot be read or written.
        """
        asked = [BoardReading(name=name) for name in self.references]
        with runner(registry, {}, cache=cache, fresh=fresh) as running:
            bench = running.bench(Parcel(self._column), Parcel(self._yardsticks))
            found = running.references(bench, asked, progress, "measuring references")
        return {name: self._figures(rows) for name, rows in zip(self.references, found, strict=True)}

    @property
    def references(self) -> tuple[str, ...]:
        """The names of all reference rows, in the order of display."""
        names = tuple(self.whole.references)
        return (*SHORT_LIST, UNIFORM, *names[len(SHORT_LIST) :])

    def _figures(self, rows: Sequence[Row], *, chosen: bool = False) -> Figures:
        whole, *parts = rows
        own = dict(zip(self.datasets, parts, strict=True))
        by_scenario: dict[str, list[list[Row]]] = {}
        for scenario, row in zip(self._scenarios, parts, strict=True):
            by_scenario.setdefault(scenario, []).append([row])
        lines = [corners(row.curves[0], each.within) for row, each in zip(rows, self._yardsticks, strict=True)]
        return Figures(
            metrics=whole.metrics,
            chosen=whole.chosen if chosen else None,
            datasets={name: row.metrics for name, row in own.items()},
            scenarios={scenario: averaged(members)[0].metrics for scenario, members in by_scenario.items()},
            frontier=lines[0],
            points=_thinned(whole.curves[0].cost, whole.curves[0].utility),
            dataset_frontiers=dict(zip(own, lines[1:], strict=True)),
            draws=tuple(None if np.isnan(figure) else float(figure) for figure in whole.draws["nauc"]),
        )


def uniform_policy(n: int, models: int) -> Policy:
    """A model drawn uniformly for each of n queries, scored by exact expectation."""
    return Decided(np.zeros(1), (np.full((n, models), 1 / models),))


def corners(curve: OperatingCurve, within: CostRange) -> tuple[Point, ...]:
    """The corners (cost, utility) of a frontier from c_min to c_max; evenly thinned to at most `POINTS`."""
    line = frontier(curve.cost, curve.utility, within)
    return _thinned(line.cost, line.utility)


def _thinned(cost: Floats, utility: Floats) -> tuple[Point, ...]:
    kept = np.unique(np.linspace(0, len(cost) - 1, min(POINTS, len(cost))).round().astype(np.intp))
    return tuple((float(cost[i]), float(utility[i])) for i in kept)


def latency(single_seconds: Floats, batch_rates: Floats) -> Latency | None:
    """Median and 99th percentile of single queries, and throughput; None if nothing was timed.

    Intervals are percentiles over bootstrap draws, of the queries asked one by one and of the batches asked at once.

    :param single_seconds: [m] seconds for each query asked alone.
    :param batch_rates: [b] queries per second of each batch.
    """
    known, rates = (times[np.isfinite(times)] for times in (single_seconds, batch_rates))
    if len(known) == 0 or len(rates) == 0:
        return None
    drawn, drawn_rates = (_drawn(times) for times in (known, rates))
    ends = interval(np.median(drawn_rates, axis=1))
    low, high = ends or (None, None)
    return Latency(
        median_ms=_milliseconds(known, drawn, 0.5),
        p99_ms=_milliseconds(known, drawn, 0.99),
        queries_per_second=Estimate(value=float(np.median(rates)), low=low, high=high),
        asked=len(known),
    )


def _drawn(times: Floats) -> Floats:
    """[B, m] bootstrap draws of [m] figures."""
    return times[np.random.default_rng(LATENCY_SEED).integers(0, len(times), (LATENCY_DRAWS, len(times)))]


def _milliseconds(known: Floats, drawn: Floats, share: float) -> Estimate:
    ends = interval(np.quantile(drawn, share, axis=1, method="inverted_cdf") * 1000)
    value = float(np.quantile(known, share, method="inverted_cdf")) * 1000
    return Estimate(value=value, low=ends[0] if ends else None, high=ends[1] if ends else None)
