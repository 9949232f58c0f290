"""Turns what routers answer into policies: checked, in normalised cost, with one interface for every kind of router.

A scoring router is swept exactly through its predictions; a policy router is asked at each weight of a fixed grid.
Everything else in the program (figures, frontiers, savings, audits, conformance, trained routers, submissions) asks
`Policy` alone: another kind of router needs its contract in `contracts`, and here a `Policy` and a branch in `ask`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Decisions, PolicyRouter, Prediction, Queries, Router, ScoringRouter
from mmr_core.errors import PluginError
from mmr_core.numerics.bootstrap import Operating, PointSet
from mmr_core.numerics.reweighting import Beside, Corners
from mmr_core.numerics.sweep import OperatingCurve, choose, lambda_events

Floats = NDArray[np.float64]

GRID = np.concatenate(([0.0], np.geomspace(1e-4, 1e4, 60), [np.inf]))
"""The trade-off weights (per unit of normalised cost) at which a policy router is asked."""

SUM_TOLERANCE = 1e-6
"""How far from 1 the probabilities of a decision may add up."""


class Policy(ABC):
    """A router's answers about n queries and K models, at every trade-off weight."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(n, K)."""

    @property
    @abstractmethod
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Every number it consists of; two policies of one class with equal arrays are the same policy."""

    @abstractmethod
    def operating(self, utility: Floats, cost: Floats) -> Operating:
        """The operating points on true outcomes [n, K]."""

    @abstractmethod
    def decisions_at(self, trade_off: float) -> Decisions:
        """What it decides for each query at one trade-off weight."""

    @abstractmethod
    def take(self, rows: NDArray[Any]) -> Policy:
        """The same answers for some of the queries."""

    def decisions_along(self, trade_offs: Floats) -> Iterator[Decisions]:
        """`decisions_at` each weight in turn."""
        for trade_off in trade_offs:
            yield self.decisions_at(float(trade_off))

    def curve(self, utility: Floats, cost: Floats) -> OperatingCurve:
        """The operating points on true outcomes [n, K] with their trade-off weights, ascending."""
        return self.operating(utility, cost).curve()

    def outcome(self, trade_off: float, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
        """[n] expected utility and [n] expected cost at one trade-off weight."""
        decisions = self.decisions_at(trade_off)
        return expected(decisions, utility), expected(decisions, cost)


@dataclass(frozen=True, eq=False)
class Scored(Policy):
    """The policy of a scoring router: predictions [n, K], cost divided by the training split's largest."""

    pred_utility: Floats
    pred_cost: Floats

    @property
    def shape(self) -> tuple[int, int]:
        n, models = self.pred_utility.shape
        return n, models

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        return self.pred_utility, self.pred_cost

    def operating(self, utility: Floats, cost: Floats) -> Operating:
        return lambda_events(self.pred_utility, self.pred_cost, utility, cost)

    def decisions_at(self, trade_off: float) -> Decisions:
        return Decisions(choice=choose(self.pred_utility, self.pred_cost, trade_off))

    def decisions_along(self, trade_offs: Floats) -> Iterator[Decisions]:
        """What `sweep.choose` chooses at each weight, with one sort for all of them.

        The models of each query are put in the order in which ties are broken; the first best score is the choice.
        """
        order = np.lexsort((-self.pred_utility, self.pred_cost), axis=1)  # [n, K]
        utility = np.take_along_axis(self.pred_utility, order, axis=1)
        cost = np.take_along_axis(self.pred_cost, order, axis=1)
        everyone = np.arange(len(order))
        for weight in trade_offs:
            score = weight * cost - utility if weight <= 1 else cost - utility / weight
            yield Decisions(choice=order[everyone, score.argmin(axis=1)])

    def take(self, rows: NDArray[Any]) -> Scored:
        return Scored(self.pred_utility[rows], self.pred_cost[rows])


@dataclass(frozen=True, eq=False)
class Decided(Policy):
    """The policy of a policy router: probabilities [n, K] at each weight of the grid, repeats left out.

    :param trade_off: [m] the weights from which each set of probabilities holds, ascending.
    """

    trade_off: Floats
    probabilities: tuple[Floats, ...]

    @property
    def shape(self) -> tuple[int, int]:
        n, models = self.probabilities[0].shape
        return n, models

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        return (self.trade_off, *self.probabilities)

    def operating(self, utility: Floats, cost: Floats) -> Operating:
        return PointSet(
            trade_off=self.trade_off,
            cost=np.stack([(p * cost).sum(axis=1) for p in self.probabilities]),
            utility=np.stack([(p * utility).sum(axis=1) for p in self.probabilities]),
        )

    def decisions_at(self, trade_off: float) -> Decisions:
        at = int(np.searchsorted(self.trade_off, trade_off, side="right")) - 1
        return Decisions(probabilities=self.probabilities[at])

    def take(self, rows: NDArray[Any]) -> Decided:
        return Decided(self.trade_off, tuple(p[rows] for p in self.probabilities))


@dataclass(frozen=True, eq=False)
class Pooled(Policy):
    """Several policies as one: every operating point that any of them reaches.

    Section 3.2 of the paper pools the points of k-means with several numbers of clusters so, and reads one frontier
    off them all. At one trade-off weight there are as many points as parts, so there is no single decision.
    """

    parts: tuple[Policy, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        return tuple(array for part in self.parts for array in part.arrays)

    def operating(self, utility: Floats, cost: Floats) -> Union:
        return Union(parts=tuple(part.operating(utility, cost) for part in self.parts))

    def decisions_at(self, trade_off: float) -> Decisions:
        """:raises TypeError: always."""
        raise TypeError("pooled policies have several outcomes at one trade-off weight")

    def take(self, rows: NDArray[Any]) -> Pooled:
        return Pooled(tuple(part.take(rows) for part in self.parts))


@dataclass(frozen=True, kw_only=True, eq=False)
class Union:
    """The operating points of several policies on the same n instances, one after another."""

    parts: tuple[Operating, ...]

    def points(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean utility, [m] each, of all parts."""
        return _joined([part.points(weights) for part in self.parts])

    def curve(self) -> OperatingCurve:
        """All points, by the trade-off weight of the part that each is of; not a path from cheap to dear."""
        curves = [part.curve() for part in self.parts]
        trade_off = np.concatenate([curve.trade_off for curve in curves])
        order = np.argsort(trade_off, kind="stable")
        return OperatingCurve(
            trade_off=trade_off[order],
            cost=np.concatenate([curve.cost for curve in curves])[order],
            utility=np.concatenate([curve.utility for curve in curves])[order],
        )

    def corners(self, weights: NDArray[Any], beside: Beside) -> Corners:
        """The concave envelope of all parts and of one more point, in each of B draws, from weights [B, n]."""
        return Corners.together([part.corners(weights, beside) for part in self.parts])


def expected(decisions: Decisions, outcomes: Floats) -> Floats:
    """[n] the outcome [n, K] that is expected of each decision."""
    if decisions.choice is not None:
        chosen: Floats = outcomes[np.arange(len(outcomes)), decisions.choice]
        return chosen
    means: Floats = (np.asarray(decisions.probabilities, dtype=np.float64) * outcomes).sum(axis=1)
    return means


def probabilities_of(decisions: Decisions, models: int) -> Floats:
    """[n, K] the probability with which each model is asked."""
    if decisions.choice is not None:
        certain: Floats = np.eye(models)[decisions.choice]
        return certain
    return np.asarray(decisions.probabilities, dtype=np.float64)


def ask(router: Router, queries: Queries, cost_scale: float, name: str, trade_offs: Floats = GRID) -> Policy:
    """Puts the queries to a fitted router.

    :param trade_offs: ascending; the only weights at which the policy will be read. A router that decides is asked at
        each of them.
    :raises PluginError: if what it answers breaks its contract.
    """
    shape = (len(queries), len(queries.pool))
    if isinstance(router, ScoringRouter):
        return scored(router.predict(queries), shape, cost_scale, name)
    if isinstance(router, PolicyRouter):
        return decided([router.decide(queries, float(weight)) for weight in trade_offs], shape, name, trade_offs)
    raise PluginError(
        f"router {name!r} has neither predict nor decide",
        fix="follow ScoringRouter or PolicyRouter of mmr_core.contracts",
    )


def kind_of(router: Router) -> str:
    """What kind of router it is, for people."""
    return "a scoring router" if predicts(router) else "a policy router"


def predicts(router: Router) -> TypeGuard[ScoringRouter]:
    """Whether a router predicts utility and cost of each model, so that a budget can be kept."""
    return isinstance(router, ScoringRouter)


def scored(prediction: object, shape: tuple[int, int], cost_scale: float, name: str) -> Scored:
    """A prediction as a policy.

    :param shape: (n, K).
    :raises PluginError: if it is no `Prediction` of that shape, or not finite.
    """
    if not isinstance(prediction, Prediction):
        raise PluginError(f"router {name!r} predicted {type(prediction).__name__}, not a Prediction")
    arrays = {}
    for what in ("utility", "cost"):
        array = np.array(getattr(prediction, what), dtype=np.float64)
        if array.shape != shape:
            raise PluginError(f"router {name!r} predicted {what} of shape {array.shape}, expected {shape}")
        if not np.isfinite(array).all():
            raise PluginError(f"router {name!r} predicted {what} that is not finite ({np.sum(~np.isfinite(array))}x)")
        arrays[what] = array
    return Scored(arrays["utility"], arrays["cost"] / cost_scale)


def decided(answers: Sequence[object], shape: tuple[int, int], name: str, trade_offs: Floats = GRID) -> Decided:
    """The decisions at each of some weights as a policy.

    :param answers: one per weight.
    :param shape: (n, K).
    :param trade_offs: ascending.
    :raises PluginError: if one is no `Decisions` for n instances and K models.
    """
    kept: list[Floats] = []
    weights: list[float] = []
    for weight, answer in zip(trade_offs, answers, strict=True):
        rows = _probabilities(answer, shape, name)
        if not kept or not np.array_equal(rows, kept[-1]):
            kept.append(rows)
            weights.append(float(weight))
    return Decided(np.array(weights), tuple(kept))


def _probabilities(answer: object, shape: tuple[int, int], name: str) -> Floats:
    if not isinstance(answer, Decisions) or (answer.choice is None) == (answer.probabilities is None):
        raise PluginError(f"router {name!r} must decide by choice or by probabilities, and by one of them")
    if answer.choice is not None:
        choice = np.asarray(answer.choice)
        whole = np.issubdtype(choice.dtype, np.integer)
        if choice.shape != shape[:1] or not whole or (choice < 0).any() or (choice >= shape[1]).any():
            raise PluginError(f"router {name!r} must choose one model index from 0 to {shape[1] - 1} per query")
        return np.eye(shape[1])[choice]
    rows = np.array(answer.probabilities, dtype=np.float64)
    if rows.shape != shape or not np.isfinite(rows).all() or (rows < 0).any():
        raise PluginError(f"router {name!r} must give probabilities of shape {shape}, finite and not negative")
    if (np.abs(rows.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise PluginError(f"router {name!r} gave probabilities that do not add up to 1")
    return rows


def _joined(points: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([cost for cost, _ in points]), np.concatenate([utility for _, utility in points])
