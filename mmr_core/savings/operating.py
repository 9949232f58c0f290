"""Where a router is operated: points chosen on validation alone, the cheapest that reaches the mark, and the best.

The mark is the validation utility of the single model that is most accurate on the training split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.results import Aim, Mark
from mmr_core.runner.fit import (
    VALIDATION_TIE,
    Answer,
    HeldOut,
    best_trade_off,
    middle_of_interval,
    validation_rows,
)
from mmr_core.runner.policies import Policy
from mmr_core.runner.prepare import Prepared

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point chosen on validation: its weight per unit of normalised cost, and its means there (cost in USD)."""

    trade_off: float
    utility: float
    cost: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """What one router with one seed does on the test queries, and the points chosen for it; None where none serves."""

    policy: Policy
    points: Mapping[Aim, Point | None]

    @classmethod
    def of(cls, answer: Answer, mark: Mark | None) -> Asked:
        """An answer with the points that are chosen on what was held out."""
        held = answer.held_out
        if held is None or mark is None:
            return cls(policy=answer.policy, points={"cost": None, "quality": None})
        outcomes = held.policy, held.utility, held.cost
        cheapest, best = cheapest_trade_off(*outcomes, mark.utility), best_trade_off(*outcomes)
        return cls(policy=answer.policy, points={"cost": _point(held, cheapest), "quality": _point(held, best)})


def mark_of(column: Prepared) -> Mark | None:
    """What routers have to reach on validation; None where no point can be chosen there."""
    rows = validation_rows(column)
    known = column.train & column.table.complete
    if rows is None or not known.any():
        return None
    utility, cost = column.table.utility, column.table.cost
    best = int(np.lexsort((cost[known].mean(axis=0), -utility[known].mean(axis=0)))[0])
    held_out = rows[1]
    return Mark(
        model=column.table.models[best].name,
        utility=float(utility[held_out, best].mean()),
        cost=float(cost[held_out, best].mean()),
        instances=int(held_out.sum()),
    )


def cheapest_trade_off(policy: Policy, utility: Floats, cost: Floats, mark: float) -> float | None:
    """The weight of the cheapest point whose mean utility on true outcomes [n, K] reaches a mark; None if none does.

    Of equally cheap points the most accurate.
    """
    curve = policy.curve(utility, cost)
    reaching = np.flatnonzero(curve.utility >= mark - VALIDATION_TIE)
    if not len(reaching):
        return None
    order = np.lexsort((-curve.utility[reaching], curve.cost[reaching]))
    return middle_of_interval(curve.trade_off, int(reaching[order[0]]))


def _point(held: HeldOut, trade_off: float | None) -> Point | None:
    if trade_off is None:
        return None
    there = held.policy.outcome(trade_off, held.utility, held.cost)
    return Point(trade_off=trade_off, utility=float(there[0].mean()), cost=float(there[1].mean()))
