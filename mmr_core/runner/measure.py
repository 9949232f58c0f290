"""Measures policies on a slice of test instances: figures, intervals, frontiers, the chosen operating point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import Draws, draw, metric_draws
from mmr_core.numerics.metrics import (
    HULLS,
    METRICS,
    CostRange,
    Frontier,
    SingleModels,
    figure,
    frontier,
    read_off,
    with_relative,
)
from mmr_core.results import Estimate, Row, RowKind, SingleModel, Slice, SliceKind, estimate
from mmr_core.runner.policies import Policy
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, ORACLE, ORACLE_UNAWARE, reference_policies
from mmr_core.specs import ModelSpec

Floats = NDArray[np.float64]

NO_VALIDATION = "no complete validation instance"
CHOSEN_ONCE = "chosen once, before any draw; it has no interval"
SHORT_LIST = (ORACLE, ORACLE_UNAWARE, CONSTANT, BEST_SINGLE)
"""The references that every slice has; single models have rows on whole columns only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """One router's policies on all test instances of a column, one per seed, with the chosen trade-off weights."""

    name: str
    policies: tuple[Policy, ...]
    trade_offs: tuple[float | None, ...]

    def take(self, rows: NDArray[np.intp]) -> Answers:
        """The same answers for some of the test instances."""
        return Answers(
            name=self.name, policies=tuple(policy.take(rows) for policy in self.policies), trade_offs=self.trade_offs
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TestSet:
    """The complete test instances of a slice, with what references are made of.

    :param datasets: n names of the instances' own datasets; draws are stratified by them.
    :param training_means: [K] utility and [K] cost over the column's training split.
    """

    name: str
    kind: SliceKind
    utility: Floats
    cost: Floats
    datasets: tuple[str, ...]
    training_means: tuple[Floats, Floats]
    cost_scale: float
    models: tuple[ModelSpec, ...]

    def take(self, rows: NDArray[np.intp], name: str, kind: SliceKind) -> TestSet:
        """A slice of this slice."""
        return TestSet(
            name=name,
            kind=kind,
            utility=self.utility[rows],
            cost=self.cost[rows],
            datasets=tuple(self.datasets[i] for i in rows),
            training_means=self.training_means,
            cost_scale=self.cost_scale,
            models=self.models,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What relative metrics are measured between: the figures of the constant policy and of the oracle, by metric.

    :param constant, oracle: on all instances; :param constant_draws, oracle_draws: [B] in each draw.
    """

    constant: Mapping[str, Floats]
    oracle: Mapping[str, Floats]
    constant_draws: Mapping[str, Floats]
    oracle_draws: Mapping[str, Floats]

    def figures(self, line: Frontier, within: CostRange) -> dict[str, Floats]:
        """Every metric of one frontier."""
        return with_relative(read_off(line, within), self.constant, self.oracle)


@dataclass(frozen=True, kw_only=True, eq=False)
class Yardstick:
    """What every row of one slice is measured with: its cost range, its draws, its references.

    Made once per slice; each row then costs its own sweep and draws alone.

    :param within: the cost range of the full test set.
    :param references: the policy of every reference row, by name.
    :param draws: how many bootstrap draws; :param draw_seed: their seed.
    """

    tested: TestSet
    singles: SingleModels
    within: CostRange
    references: Mapping[str, Policy]
    draws: int
    draw_seed: int

    @classmethod
    def of(cls, tested: TestSet, *, draws: int, draw_seed: int) -> Yardstick:
        """:raises DegenerateError: if the slice has nothing to measure against (see `SingleModels.of`)."""
        singles = SingleModels.of(tested.utility, tested.cost)
        references = reference_policies(
            tested.utility,
            tested.cost,
            tested.training_means,
            tested.cost_scale,
            singles,
            tuple(model.name for model in tested.models),
        )
        return cls(
            tested=tested,
            singles=singles,
            within=singles.cost_range(tested.utility, tested.cost),
            references=references,
            draws=draws,
            draw_seed=draw_seed,
        )

    @cached_property
    def sample(self) -> Draws:
        """The draws that all rows share."""
        return draw(
            self.tested.utility,
            self.tested.cost,
            self.tested.datasets,
            self.singles,
            draws=self.draws,
            seed=self.draw_seed,
        )

    @cached_property
    def scale(self) -> Scale:
        """What skill is measured between."""
        return _scale(self.tested, self.references, self.within, self.sample)

    @property
    def models(self) -> tuple[SingleModel, ...]:
        """Each single model on this slice."""
        tested = self.tested
        mean_utility, mean_cost = tested.utility.mean(axis=0), tested.cost.mean(axis=0)
        return tuple(
            SingleModel(name=model.name, title=model.title, utility=float(u), cost=float(c))
            for model, u, c in zip(tested.models, mean_utility, mean_cost, strict=True)
        )

    def router(self, answers: Answers) -> Row:
        """The row of a router's answers about this slice."""
        return _row(answers.name, "router", answers.policies, self, answers.trade_offs)

    def reference(self, name: str, policy: Policy | None = None) -> Row:
        """The row of a reference by its name; of another policy than this slice's own, where one is given."""
        return _row(name, "reference", (policy or self.references[name],), self, ())

    def slice(self, rows: Sequence[Row]) -> Slice:
        """The rows with what they were measured against."""
        names = [model.name for model in self.tested.models]
        return Slice(
            name=self.tested.name,
            kind=self.tested.kind,
            instances=len(self.tested.utility),
            draws=self.draws,
            draws_left_out=self.sample.left_out,
            cheapest=names[self.singles.cheapest],
            dearest=names[self.singles.dearest],
            best=names[self.singles.best],
            c_min=self.within.low,
            c_max=self.within.high,
            floor_utility=self.within.floor,
            best_cost=self.within.best_cost,
            best_utility=self.within.best_utility,
            models=self.models,
            rows=tuple(rows),
        )


def measure_slice(
    tested: TestSet, answers: Sequence[Answers], *, draws: int, draw_seed: int, every_model: bool
) -> Slice:
    """All rows of a slice.

    :param every_model: whether each single model has a row.
    :raises DegenerateError: if the slice has nothing to measure against (see `SingleModels.of`).
    """
    yardstick = Yardstick.of(tested, draws=draws, draw_seed=draw_seed)
    shown = [name for name in yardstick.references if every_model or name in SHORT_LIST]
    return yardstick.slice([*(yardstick.router(a) for a in answers), *(yardstick.reference(name) for name in shown)])


def _scale(tested: TestSet, references: Mapping[str, Policy], within: CostRange, sample: Draws) -> Scale:
    values, draws = {}, {}
    for name in (CONSTANT, ORACLE):
        operating = references[name].operating(tested.utility, tested.cost)
        values[name] = read_off(frontier(*operating.points(), within), within)
        draws[name] = metric_draws([operating], sample)
    return Scale(
        constant=values[CONSTANT],
        oracle=values[ORACLE],
        constant_draws=draws[CONSTANT],
        oracle_draws=draws[ORACLE],
    )


def _row(
    name: str,
    kind: RowKind,
    policies: Sequence[Policy],
    yardstick: Yardstick,
    trade_offs: Sequence[float | None],
) -> Row:
    tested, within, sample, scale = yardstick.tested, yardstick.within, yardstick.sample, yardstick.scale
    operating = [policy.operating(tested.utility, tested.cost) for policy in policies]
    curves = [one.curve() for one in operating]
    values, pareto = (
        [scale.figures(frontier(one.cost, one.utility, within, hull=hull), within) for one in curves] for hull in HULLS
    )
    draws = with_relative(metric_draws(operating, sample), scale.constant_draws, scale.oracle_draws)
    return Row(
        name=name,
        kind=kind,
        metrics={
            name: estimate(_mean([one[name] for one in values]), draws[name], metric.reason)
            for name, metric in METRICS.items()
        },
        pareto={name: _mean([one[name] for one in pareto]) for name in METRICS},
        draws=draws,
        curves=tuple(curve.pareto() for curve in curves),
        chosen=_chosen(policies, trade_offs, tested, sample) if kind == "router" else {},
    )


def _chosen(
    policies: Sequence[Policy], trade_offs: Sequence[float | None], tested: TestSet, sample: Draws
) -> dict[str, Estimate]:
    """Utility and cost at the trade-off weight chosen on validation, averaged over seeds."""
    known = [(policy, weight) for policy, weight in zip(policies, trade_offs, strict=True) if weight is not None]
    if not known:
        nothing = Estimate(value=None, reason=NO_VALIDATION)
        return {"utility": nothing, "cost": nothing, "trade_off": nothing}
    outcomes = [policy.outcome(weight, tested.utility, tested.cost) for policy, weight in known]
    result = {"trade_off": Estimate(value=float(np.mean([weight for _, weight in known])), reason=CHOSEN_ONCE)}
    for i, name in enumerate(("utility", "cost")):
        per_instance = np.mean([outcome[i] for outcome in outcomes], axis=0)  # [n]
        weights = sample.weights
        drawn = weights @ per_instance / weights.sum(axis=1, dtype=np.float64)  # [B]
        result[name] = estimate(float(per_instance.mean()), drawn)
    return result


def _mean(values: Sequence[Floats]) -> float | None:
    """The mean over seeds; infinite if one is, None if one has no figure."""
    return figure(np.mean(values))
