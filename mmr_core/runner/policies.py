"""Turns what routers answer into policies that can be swept: checked, in normalised cost, with one interface.

A scoring router is swept exactly through its predictions; a policy router is asked at each weight of a fixed grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Decisions, PolicyRouter, Prediction, Queries, ScoringRouter
from mmr_core.errors import PluginError
from mmr_core.numerics.bootstrap import Operating, PointSet
from mmr_core.numerics.sweep import OperatingCurve, choose, lambda_events

Floats = NDArray[np.float64]

GRID = np.concatenate(([0.0], np.geomspace(1e-4, 1e4, 60), [np.inf]))
"""The trade-off weights (per unit of normalised cost) at which a policy router is asked."""

SUM_TOLERANCE = 1e-6
"""How far from 1 the probabilities of a decision may add up."""


class Policy(Protocol):
    """A router's answers for some queries, at every trade-off weight."""

    def operating(self, utility: Floats, cost: Floats) -> Operating:
        """The operating points on true outcomes [n, K]."""

    def curve(self, utility: Floats, cost: Floats) -> OperatingCurve:
        """The same points with their trade-off weights, ascending."""

    def outcome(self, trade_off: float, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
        """[n] expected utility and [n] expected cost at one trade-off weight."""

    def take(self, rows: NDArray[Any]) -> Policy:
        """The same answers for some of the queries."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The policy of a scoring router: predictions [n, K], cost divided by the training split's largest."""

    pred_utility: Floats
    pred_cost: Floats

    def operating(self, utility: Floats, cost: Floats) -> Operating:
        return lambda_events(self.pred_utility, self.pred_cost, utility, cost)

    def curve(self, utility: Floats, cost: Floats) -> OperatingCurve:
        return self.operating(utility, cost).curve()

    def outcome(self, trade_off: float, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
        chosen = choose(self.pred_utility, self.pred_cost, trade_off)
        everyone = np.arange(len(chosen))
        return utility[everyone, chosen], cost[everyone, chosen]

    def take(self, rows: NDArray[Any]) -> Scored:
        return Scored(self.pred_utility[rows], self.pred_cost[rows])


@dataclass(frozen=True, eq=False)
class Decided:
    """The policy of a policy router: probabilities [n, K] at each weight of the grid, repeats left out.

    :param trade_off: [m] the weights from which each set of probabilities holds, ascending.
    """

    trade_off: Floats
    probabilities: tuple[Floats, ...]

    def operating(self, utility: Floats, cost: Floats) -> Operating:
        return PointSet(
            trade_off=self.trade_off,
            cost=np.stack([(p * cost).sum(axis=1) for p in self.probabilities]),
            utility=np.stack([(p * utility).sum(axis=1) for p in self.probabilities]),
        )

    def curve(self, utility: Floats, cost: Floats) -> OperatingCurve:
        return self.operating(utility, cost).curve()

    def outcome(self, trade_off: float, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
        at = int(np.searchsorted(self.trade_off, trade_off, side="right")) - 1
        return (self.probabilities[at] * utility).sum(axis=1), (self.probabilities[at] * cost).sum(axis=1)

    def take(self, rows: NDArray[Any]) -> Decided:
        return Decided(self.trade_off, tuple(p[rows] for p in self.probabilities))


def ask(router: ScoringRouter | PolicyRouter, queries: Queries, cost_scale: float, name: str) -> Policy:
    """Puts the queries to a fitted router.

    :raises PluginError: if what it answers breaks its contract.
    """
    shape = (len(queries), len(queries.pool))
    if isinstance(router, ScoringRouter):
        return scored(router.predict(queries), shape, cost_scale, name)
    if isinstance(router, PolicyRouter):
        return decided([router.decide(queries, float(weight)) for weight in GRID], shape, name)
    raise PluginError(
        f"router {name!r} has neither predict nor decide",
        fix="follow ScoringRouter or PolicyRouter of mmr_core.contracts",
    )


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
            raise PluginError(f"router {name!r} predicted {what} of shape {array.shape} where {shape} is due")
        if not np.isfinite(array).all():
            raise PluginError(f"router {name!r} predicted {what} that is not finite ({np.sum(~np.isfinite(array))}x)")
        arrays[what] = array
    return Scored(arrays["utility"], arrays["cost"] / cost_scale)


def decided(answers: Sequence[object], shape: tuple[int, int], name: str) -> Decided:
    """The decisions at each weight of the grid as a policy.

    :param shape: (n, K).
    :raises PluginError: if one is no `Decisions` for n instances and K models.
    """
    kept: list[Floats] = []
    weights: list[float] = []
    for weight, answer in zip(GRID, answers, strict=True):
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
