"""The figures of one row of the board: metrics on all test instances, per dataset and per scenario, and latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import FiniteFloat

from mmr_core.errors import DegenerateError
from mmr_core.numerics.bootstrap import Operating, interval
from mmr_core.numerics.metrics import CostRange, frontier
from mmr_core.results import Estimate, Metrics, OperatingPoint, Row, SingleModel
from mmr_core.runner.measure import Answers, Yardstick
from mmr_core.runner.policies import Decided, Policy
from mmr_core.runner.prepare import Prepared
from mmr_core.runner.references import TestSet, parts_of, test_set
from mmr_core.runner.summary import averaged
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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Slice:
    name: str
    scenario: str
    rows: NDArray[np.intp]
    yardstick: Yardstick


class BoardScorer:
    """Scores rows of one board; what they are scored against is made once.

    :param column: the board's column.
    :param draws: bootstrap draws for every interval.
    :raises DegenerateError: if nothing can be measured on the column.
    """

    def __init__(self, column: Prepared, *, draws: int, draw_seed: int) -> None:
        self.tested: TestSet = test_set(column)
        self.whole = Yardstick.of(self.tested, draws=draws, draw_seed=draw_seed)
        self._parts: list[_Slice] = []
        kind, rows_of = parts_of(column)
        for name, rows in rows_of.items() if kind == "dataset" else ():
            try:
                yardstick = Yardstick.of(self.tested.take(rows, name, kind), draws=draws, draw_seed=draw_seed)
            except DegenerateError:
                continue  # one model is both cheapest and dearest there: the board as a whole still has figures
            spec = column.table.spec_of(name)
            self._parts.append(_Slice(name=name, scenario=spec.scenario, rows=rows, yardstick=yardstick))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that rows have figures for."""
        return tuple(part.name for part in self._parts)

    def models_of(self, dataset: str) -> tuple[SingleModel, ...]:
        """The single models on one of `datasets`; on the whole column if there are no parts."""
        yardstick = next((part.yardstick for part in self._parts if part.name == dataset), self.whole)
        return yardstick.models

    def entry(self, name: str, policy: Policy, trade_off: float | None, *, validated: bool) -> Figures:
        """The figures of an entry.

        :param policy: its answers on all complete test instances of the column.
        :param trade_off: the weight chosen on validation.
        :param validated: whether the entry can choose one at all; decision files cannot.
        """
        answers = Answers(name=name, policies=(policy,), trade_offs=(trade_off,))
        row = self.whole.router(answers)
        rows = [part.yardstick.router(answers.take(part.rows)) for part in self._parts]
        return self._figures(row, rows, policy, chosen=validated)

    def reference(self, name: str) -> Figures:
        """The figures of a reference row: one of the engine's, or `UNIFORM`."""
        if name == UNIFORM:
            n, models = self.tested.utility.shape
            return self.entry(UNIFORM, uniform_policy(n, models), None, validated=False)
        row = self.whole.reference(name)
        rows = [part.yardstick.reference(name) for part in self._parts if name in part.yardstick.references]
        return self._figures(row, rows, None, chosen=False)

    @property
    def references(self) -> tuple[str, ...]:
        """The names of all reference rows, in the order of display."""
        names = list(self.whole.references)
        first_model = next((i for i, name in enumerate(names) if ":" in name), len(names))
        return (*names[:first_model], UNIFORM, *names[first_model:])

    def _figures(self, row: Row, rows: Sequence[Row], policy: Policy | None, *, chosen: bool) -> Figures:
        by_scenario: dict[str, list[Row]] = {}
        for part, own in zip(self._parts, rows, strict=True):
            by_scenario.setdefault(part.scenario, []).append(own)
        return Figures(
            metrics=row.metrics,
            chosen=(row.chosen or None) if chosen else None,
            datasets={part.name: own.metrics for part, own in zip(self._parts, rows, strict=True)},
            scenarios={
                scenario: averaged([[own] for own in members])[0].metrics for scenario, members in by_scenario.items()
            },
            frontier=self._frontier(self.whole, row.name, policy),
            points=_thinned(row.curves[0].cost, row.curves[0].utility),
            dataset_frontiers={
                part.name: self._frontier(part.yardstick, row.name, None if policy is None else policy.take(part.rows))
                for part in self._parts
            },
            draws=tuple(None if np.isnan(figure) else float(figure) for figure in row.draws["nauc"]),
        )

    def _frontier(self, yardstick: Yardstick, name: str, policy: Policy | None) -> tuple[Point, ...]:
        own = yardstick.references[name] if policy is None else policy
        return corners(own.operating(yardstick.tested.utility, yardstick.tested.cost), yardstick.within)


def uniform_policy(n: int, models: int) -> Policy:
    """A model drawn uniformly for each of n queries, scored by exact expectation."""
    return Decided(np.zeros(1), (np.full((n, models), 1 / models),))


def corners(operating: Operating, within: CostRange) -> tuple[Point, ...]:
    """The corners (cost, utility) of a frontier from c_min to c_max; evenly thinned to at most `POINTS`."""
    line = frontier(*operating.points(), within)
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
