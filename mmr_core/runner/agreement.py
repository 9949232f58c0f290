"""Whether two answers of one router about the same queries are the same.

Numbers may differ by rounding: sums over a batch of another size round otherwise. What counts is decisions, read at a
fixed set of trade-off weights: one that was clear and is another now has changed. The leaderboard judges what it runs
again by this rule, and `mmr_core.testing` what an author is building.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.sweep import choose
from mmr_core.runner.policies import GRID, Decided, Policy, Scored

TRADE_OFFS = np.geomspace(1e-4, 1e4, 33)
"""Per unit of normalised cost."""

MARGIN = 1e-6
"""A decision is clear if its score is better than the second best by more than this, relative to the score if that
is above 1: float32 sums differ by as much between batches."""

UNCLEAR_SHARE = 0.01
"""Decisions that are not clear and changed count once they are more than this share of all: rounding changes few of
them, and whoever writes a message into the last digits of its predictions changes many."""

PROBABILITY = 1e-5
"""How far the probabilities of a policy router may move."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How many decisions were compared, and how many changed."""

    compared: int = 0
    changed: int = 0

    def __add__(self, other: Compared) -> Compared:
        return Compared(compared=self.compared + other.compared, changed=self.changed + other.changed)


def compare(first: Policy, second: Policy) -> Compared:
    """Compares two answers about the same queries in the same order, at every weight.

    A router that predicts in one answer and decides in the other has changed every decision.

    :raises ValueError: if they are about different numbers of queries.
    """
    if type(first) is not type(second):
        everything = len(GRID) * _queries(first)
        return Compared(compared=everything, changed=everything)
    compared = changed = everything = unclear = 0
    for clear, different in _decisions(first, second):
        everything += len(clear)
        compared += int(clear.sum())
        changed += int((clear & different).sum())
        unclear += int((~clear & different).sum())
    if unclear > UNCLEAR_SHARE * everything:
        compared, changed = compared + unclear, changed + unclear
    return Compared(compared=compared, changed=changed)


def identical(first: Policy, second: Policy) -> bool:
    """Whether two answers agree in every bit of every number."""
    if isinstance(first, Scored) and isinstance(second, Scored):
        return np.array_equal(first.pred_utility, second.pred_utility) and np.array_equal(
            first.pred_cost, second.pred_cost
        )
    if isinstance(first, Decided) and isinstance(second, Decided):
        return np.array_equal(first.trade_off, second.trade_off) and all(
            map(np.array_equal, first.probabilities, second.probabilities)
        )
    return False


def _decisions(first: Policy, second: Policy) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """At each weight: [n] whether the first decision is clear, [n] whether the second is another."""
    if isinstance(first, Scored) and isinstance(second, Scored):
        _demand_alike(first.pred_utility, second.pred_utility)
        for weight in TRADE_OFFS:
            chosen = [choose(scored.pred_utility, scored.pred_cost, weight) for scored in (first, second)]
            yield _clear(first, weight), np.not_equal(*chosen)
    elif isinstance(first, Decided) and isinstance(second, Decided):
        for weight in GRID:
            before, after = _at(first, weight), _at(second, weight)
            _demand_alike(before, after)
            yield np.ones(len(before), dtype=np.bool_), np.any(np.abs(before - after) > PROBABILITY, axis=1)
    else:
        raise TypeError(f"nothing is known of {type(first).__name__}")


def _clear(scored: Scored, weight: float) -> NDArray[np.bool_]:
    score = scored.pred_utility - weight * scored.pred_cost
    if score.shape[1] == 1:
        return np.ones(len(score), dtype=np.bool_)
    top = np.sort(score, axis=1)
    clear: NDArray[np.bool_] = top[:, -1] - top[:, -2] > MARGIN * np.maximum(1.0, np.abs(top[:, -1]))
    return clear


def _queries(policy: Policy) -> int:
    if isinstance(policy, Scored):
        return len(policy.pred_utility)
    if isinstance(policy, Decided):
        return len(policy.probabilities[0])
    raise TypeError(f"nothing is known of {type(policy).__name__}")


def _at(decided: Decided, weight: float) -> NDArray[np.float64]:
    return decided.probabilities[int(np.searchsorted(decided.trade_off, weight, side="right")) - 1]


def _demand_alike(one: NDArray[Any], other: NDArray[Any]) -> None:
    if one.shape != other.shape:
        raise ValueError(f"answers of shapes {one.shape} and {other.shape} are about different queries")
