"""Measures policies on the slices of a column: figures, intervals, frontiers, the chosen operating point.

`Yardsticks` hold what all rows of a column are measured with, made once: the whole test split and its slices, each with
its cost range, its bootstrap draws and its references. A row then costs its own sweep and draws alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DegenerateError
from mmr_core.numerics.bootstrap import Draws, draw, metric_draws
from mmr_core.numerics.metrics import (
    HULLS,
    METRICS,
    CostRange,
    SingleModels,
    figure,
    frontier,
    read_off,
    with_relative,
)
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results import Estimate, Row, RowKind, SingleModel, Slice, estimate
from mmr_core.runner.policies import Policy
from mmr_core.runner.prepare import Parted
from mmr_core.runner.references import CONSTANT, SHORT_LIST, References, TestSet, parts_of, test_set
from mmr_core.specs import ORACLE

Floats = NDArray[np.float64]

NO_VALIDATION = "no complete validation instance"
CHOSEN_ONCE = "chosen once, before any draw; it has no interval"


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """One router's policies on all test instances of a column, one per seed, with the chosen trade-off weights."""

    name: str
    policies: tuple[Policy, ...]
    trade_offs: tuple[float | None, ...]

    def take(self, rows: NDArray[np.intp]) -> Answers:
        """The same answers for some of the test instances."""
        return replace(self, policies=tuple(policy.take(rows) for policy in self.policies))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What relative metrics are measured between: the figures of the constant policy and of the oracle, by metric.

    :param constant, oracle: on all instances; :param constant_draws, oracle_draws: [B] in each draw.
    """

    constant: Mapping[str, Floats]
    oracle: Mapping[str, Floats]
    constant_draws: Mapping[str, Floats]
    oracle_draws: Mapping[str, Floats]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Scale:
        """The scale that the reference rows of a slice give.

        :raises StopIteration: if the constant policy or the oracle is not among them.
        """
        constant, oracle = (next(row for row in rows if row.name == name) for name in (CONSTANT, ORACLE))
        values = [
            {name: np.asarray(np.nan if one.value is None else one.value) for name, one in row.metrics.items()}
            for row in (constant, oracle)
        ]
        return cls(constant=values[0], oracle=values[1], constant_draws=constant.draws, oracle_draws=oracle.draws)


@dataclass(frozen=True, kw_only=True, eq=False)
class Yardstick:
    """What every row of one slice is measured with: its cost range, its draws, its references.

    :param within: the cost range of the full test set.
    :param draws: how many bootstrap draws; :param draw_seed: their seed.
    :param known_scale: what skill is measured between, where that is known already.
    """

    tested: TestSet
    singles: SingleModels
    within: CostRange
    draws: int
    draw_seed: int
    known_scale: Scale | None = None

    @classmethod
    def of(cls, tested: TestSet, *, draws: int, draw_seed: int) -> Yardstick:
        """:raises DegenerateError: if the slice has nothing to measure against (see `SingleModels.of`)."""
        singles = SingleModels.of(tested.utility, tested.cost)
        within = singles.cost_range(tested.utility, tested.cost)
        return cls(tested=tested, singles=singles, within=within, draws=draws, draw_seed=draw_seed)

    @property
    def references(self) -> References:
        """The policy of every reference row, by name."""
        return References(self.tested, self.singles)

    @cached_property
    def sample(self) -> Draws:
        """The draws that all rows share."""
        tested = self.tested
        return draw(tested.utility, tested.cost, tested.datasets, self.singles, draws=self.draws, seed=self.draw_seed)

    @cached_property
    def scale(self) -> Scale:
        """What skill is measured between."""
        if self.known_scale is not None:
            return self.known_scale
        constant, oracle = (self._ends[name] for name in (CONSTANT, ORACLE))
        return Scale(
            constant=constant.figures["concave"][0],
            oracle=oracle.figures["concave"][0],
            constant_draws=constant.draws,
            oracle_draws=oracle.draws,
        )

    @cached_property
    def _ends(self) -> Mapping[str, _Measured]:
        """The two references that skill is measured between."""
        return {name: _Measured.of([self.references[name]], self) for name in (CONSTANT, ORACLE)}

    @property
    def models(self) -> tuple[SingleModel, ...]:
        """Each single model on this slice."""
        tested = self.tested
        mean_utility, mean_cost = tested.utility.mean(axis=0), tested.cost.mean(axis=0)
        return tuple(
            SingleModel(name=model.name, title=model.title, utility=float(u), cost=float(c))
            for model, u, c in zip(tested.models, mean_utility, mean_cost, strict=True)
        )

    def scaled(self, scale: Scale) -> Yardstick:
        """The same with what skill is measured between, known; draws that were made are kept."""
        made = replace(self, known_scale=scale)
        if "sample" in vars(self):
            vars(made)["sample"] = self.sample
        return made

    def router(self, answers: Answers) -> Row:
        """The row of a router's answers about this slice."""
        return self._row(answers.name, "router", _Measured.of(answers.policies, self), _chosen(answers, self))

    def reference(self, name: str, policy: Policy | None = None) -> Row:
        """The row of a reference by its name; of another policy than this slice's own, where one is given."""
        if policy is not None:
            measured = _Measured.of([policy], self)
        elif self.known_scale is None and name in (CONSTANT, ORACLE):
            measured = self._ends[name]
        else:
            measured = _Measured.of([self.references[name]], self)
        return self._row(name, "reference", measured, {})

    def reference_rows(self, *, every_model: bool) -> tuple[Row, ...]:
        """The reference rows in the order in which tables show them.

        :param every_model: whether each single model has one.
        """
        return tuple(self.reference(name) for name in self.references if every_model or name in SHORT_LIST)

    def slice(self, rows: Sequence[Row], draws_left_out: int | None = None) -> Slice:
        """The rows with what they were measured against.

        :param draws_left_out: draws without a cost range, where that is known without drawing.
        """
        names = [model.name for model in self.tested.models]
        return Slice(
            name=self.tested.name,
            kind=self.tested.kind,
            instances=len(self.tested.utility),
            draws=self.draws,
            draws_left_out=self.sample.left_out if draws_left_out is None else draws_left_out,
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

    def _row(self, name: str, kind: RowKind, measured: _Measured, chosen: Mapping[str, Estimate]) -> Row:
        scale = self.scale
        draws = with_relative(measured.draws, scale.constant_draws, scale.oracle_draws)
        values, pareto = (
            [with_relative(figures, scale.constant, scale.oracle) for figures in measured.figures[hull]]
            for hull in HULLS
        )
        return Row(
            name=name,
            kind=kind,
            metrics={
                name: estimate(_mean([one[name] for one in values]), draws[name], metric.reason)
                for name, metric in METRICS.items()
            },
            pareto={name: _mean([one[name] for one in pareto]) for name in METRICS},
            draws=draws,
            curves=measured.curves,
            chosen=chosen,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Yardsticks:
    """What all rows of a column are measured with.

    :param whole: all test instances.
    :param parts: the datasets of a mixture, or the categories of a dataset: the test instances of each, and what is
        measured there with.
    :param skipped: slices on which nothing can be measured, with the reason.
    """

    whole: Yardstick
    parts: tuple[tuple[NDArray[np.intp], Yardstick], ...]
    skipped: Mapping[str, str]

    @classmethod
    def of(cls, column: Parted, *, draws: int, category_draws: int, draw_seed: int) -> Yardsticks:
        """Those of a column and of its slices.

        :param category_draws: bootstrap draws for each category.
        :raises DegenerateError: if there is nothing to measure against on the whole column.
        """
        whole = cls.of_whole(column, draws=draws, draw_seed=draw_seed).whole
        kind, rows_of = parts_of(column)
        parts, skipped = [], {}
        for name, rows in rows_of.items():
            per_part = draws if kind == "dataset" else category_draws
            try:
                part = Yardstick.of(whole.tested.take(rows, name, kind), draws=per_part, draw_seed=draw_seed)
            except DegenerateError as error:
                skipped[name] = str(error)
            else:
                parts.append((rows, part))
        return cls(whole=whole, parts=tuple(parts), skipped=skipped)

    @classmethod
    def of_whole(cls, column: Parted, *, draws: int, draw_seed: int) -> Yardsticks:
        """Those of a column that is looked at as a whole.

        :raises DegenerateError: if there is nothing to measure against.
        """
        return cls(whole=Yardstick.of(test_set(column), draws=draws, draw_seed=draw_seed), parts=(), skipped={})

    def __iter__(self) -> Iterator[Yardstick]:
        """The whole column's, then those of its parts."""
        yield self.whole
        yield from (yardstick for _, yardstick in self.parts)

    def scaled(self, scales: Sequence[Scale]) -> Yardsticks:
        """The same with what skill is measured between, in the order of the slices."""
        whole, *rest = (each.scaled(scale) for each, scale in zip(self, scales, strict=True))
        rows = [rows for rows, _ in self.parts]
        return replace(self, whole=whole, parts=tuple(zip(rows, rest, strict=True)))

    def router(self, answers: Answers) -> tuple[Row, ...]:
        """The rows of a router's answers: on the whole column, then on each part."""
        parts = (yardstick.router(answers.take(rows)) for rows, yardstick in self.parts)
        return self.whole.router(answers), *parts


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    """All that is read off the frontiers of a row; relative metrics need the figures of two references besides.

    :param figures: by hull, by seed, by metric.
    :param draws: [B] by metric, averaged over seeds within each draw.
    :param curves: for each seed, the operating points on the Pareto front.
    """

    figures: Mapping[str, Sequence[Mapping[str, Floats]]]
    draws: Mapping[str, Floats]
    curves: tuple[OperatingCurve, ...]

    @classmethod
    def of(cls, policies: Sequence[Policy], yardstick: Yardstick) -> _Measured:
        tested, within = yardstick.tested, yardstick.within
        operating = [policy.operating(tested.utility, tested.cost) for policy in policies]
        curves = [one.curve() for one in operating]
        return cls(
            figures={
                hull: [read_off(frontier(one.cost, one.utility, within, hull=hull), within) for one in curves]
                for hull in HULLS
            },
            draws=metric_draws(operating, yardstick.sample),
            curves=tuple(curve.pareto() for curve in curves),
        )


def _chosen(answers: Answers, yardstick: Yardstick) -> dict[str, Estimate]:
    """Utility and cost at the trade-off weight chosen on validation, averaged over seeds."""
    tested, sample = yardstick.tested, yardstick.sample
    pairs = zip(answers.policies, answers.trade_offs, strict=True)
    known = [(policy, weight) for policy, weight in pairs if weight is not None]
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
