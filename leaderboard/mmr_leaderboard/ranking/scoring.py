"""The figures of one row of the board: metrics on all test instances, per dataset and per scenario, and latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from mmr_core.runner.evaluate import ReferenceRows, RowReading, measured_references
from mmr_core.runner.executor import Parcel
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
class BoardReading(RowReading):
    """Reads the reference rows of a board: on every slice the single models and the uniform draw are among them."""

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> ReferenceRows:
        """The reference rows of one slice, in the order of display."""
        yardstick = list(yardsticks)[self.place]
        rows = list(yardstick.reference_rows(every_model=True))
        rows.insert(len(SHORT_LIST), yardstick.reference(UNIFORM, uniform_policy(*yardstick.tested.utility.shape)))
        return ReferenceRows(rows=tuple(rows), draws_left_out=yardstick.sample.left_out)


class BoardScorer:
    """Scores rows of one board by the runner's path; the reference rows are measured when it is made, or known.

    Routers are fitted in isolation, so this differs from `mmr run` in where answers come from, and in nothing else.

    Attributes: `references` are the figures of every reference row, by name, in the order of display.

    :param column: the board's column.
    :param draws: bootstrap draws for every interval.
    :param cache: a folder for finished reference rows; None measures them anew.
    :raises DegenerateError: if nothing can be measured on the column.
    """

    def __init__(
        self,
        column: Prepared,
        registry: Registry,
        *,
        draws: int,
        draw_seed: int,
        cache: Path | None = None,
        progress: Progress = no_progress,
    ) -> None:
        if column.spec.members:
            made = Yardsticks.of(column, draws=draws, category_draws=draws, draw_seed=draw_seed)
        else:
            made = Yardsticks.of_whole(column, draws=draws, draw_seed=draw_seed)
        with runner(registry, {}, cache=cache) as running:
            bench = running.bench(Parcel(column.without_features()), Parcel(made))
            known, self._yardsticks = measured_references(
                running, bench, made, progress, "measuring references", reading=BoardReading
            )
        self._scenarios = [column.table.spec_of(name).scenario for name in self.datasets]
        by_name = zip(*(each.rows for each in known), strict=True)
        self.references: dict[str, Figures] = {rows[0].name: self._figures(rows) for rows in by_name}

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
