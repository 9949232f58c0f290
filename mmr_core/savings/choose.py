"""Fits a router twice: without the validation part, to choose where to operate it, and on all of training, to ask it.

Two points are chosen, both on validation alone: the cheapest at which the mark is reached, and the most accurate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.registry import Registry
from mmr_core.results import Aim, Mark
from mmr_core.runner.fit import VALIDATION_TIE, best_trade_off, fit_and_ask, middle_of_interval, validation_rows
from mmr_core.runner.options import Entrant, Options
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


def ask_router(
    column: Prepared, entrant: Entrant, seed: int, registry: Registry, options: Options, mark: Mark | None
) -> Asked:
    """Chooses the points on validation, refits on all of train, and predicts the test split."""
    points: dict[Aim, Point | None] = {"cost": None, "quality": None}
    rows = validation_rows(column)
    if rows is not None and mark is not None:
        rest, held_out = rows
        policy, _, _ = fit_and_ask(column, entrant, seed, registry, options, fit_on=rest, ask_about=held_out)
        outcomes = column.table.utility[held_out], column.table.cost[held_out]
        weights = {
            "cost": cheapest_trade_off(policy, *outcomes, mark.utility),
            "quality": best_trade_off(policy, *outcomes),
        }
        points = {aim: _point(policy, weights[aim], *outcomes) for aim in points}
    policy, _, _ = fit_and_ask(column, entrant, seed, registry, options, fit_on=column.train, ask_about=column.test)
    return Asked(policy=policy, points=points)


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


def _point(policy: Policy, trade_off: float | None, utility: Floats, cost: Floats) -> Point | None:
    if trade_off is None:
        return None
    there = policy.outcome(trade_off, utility, cost)
    return Point(trade_off=trade_off, utility=float(there[0].mean()), cost=float(there[1].mean()))
