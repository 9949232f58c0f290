"""Whether two answers of one router about the same queries are the same.

Numbers may differ by rounding: sums over a batch of another size round otherwise. What counts is decisions, read at a
fixed set of trade-off weights: one that was clear and is another now has changed. The leaderboard judges what it runs
again by this rule, and `mmr_core.testing` what an author is building.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Decisions
from mmr_core.runner.policies import GRID, Policy, probabilities_of

MARGIN = 1e-6
"""A decision is clear if its score is better than the second best by more than this, relative to the score if that
is above 1: float32 sums differ by as much between batches."""

UNCLEAR_SHARE = 0.01
"""Decisions that are not clear and changed count once they are more than this share of all: rounding changes few of
them, and a router that hides a message in the last digits of its predictions changes many."""

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
    n, models = first.shape
    if type(first) is not type(second):
        everything = len(GRID) * n
        return Compared(compared=everything, changed=everything)
    if first.shape != second.shape:
        raise ValueError(f"answers of shapes {first.shape} and {second.shape} are about different queries")
    compared = changed = everything = unclear = 0
    for weight in first.compared_at:
        clear = first.margin_at(float(weight)) > MARGIN
        different = _different(first.decisions_at(float(weight)), second.decisions_at(float(weight)), models)
        everything += len(clear)
        compared += int(clear.sum())
        changed += int((clear & different).sum())
        unclear += int((~clear & different).sum())
    if unclear > UNCLEAR_SHARE * everything:
        compared, changed = compared + unclear, changed + unclear
    return Compared(compared=compared, changed=changed)


def identical(first: Policy, second: Policy) -> bool:
    """Whether two answers agree in every bit of every number."""
    one, other = first.arrays, second.arrays
    return type(first) is type(second) and len(one) == len(other) and all(map(np.array_equal, one, other))


def _different(first: Decisions, second: Decisions, models: int) -> NDArray[np.bool_]:
    """[n] whether each decision is another one."""
    if first.choice is not None and second.choice is not None:
        return np.not_equal(first.choice, second.choice)
    before, after = probabilities_of(first, models), probabilities_of(second, models)
    return np.asarray((np.abs(before - after) > PROBABILITY).any(axis=1), dtype=np.bool_)
