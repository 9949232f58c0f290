"""Whether two answers of one router about the same queries are the same, and what it means if they are not.

The rule of `tests/plugins/test_batch_independence.py`: numbers may differ by rounding; a decision that was clear and
is another now has changed. Decisions are read at a fixed set of trade-off weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.evaluate.policies import GRID, Decided, Policy, Scored
from mmr_core.sweep import choose
from mmr_leaderboard.findings import CODES, Finding, finding
from mmr_leaderboard.jobs.terms import BehaviourCheck

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

FLIP_SHARE = 0.25
"""The share of decisions that may flip with white space or with the encoding of images before it is flagged.

Of the built-in routers on `lite` embeddings, k-nn flips most with white space (3 % on the sample, 8 % on real data) and
mlp-mf and k-nn with images (10 and 9 %; 1 and 3 %); the others stay below 6 %. A table of hashes that knows every query
and falls back to training means flips 79 % on the sample and 94 % on real data, so one that knows a third is flagged.
"""

STRICT = ("not-deterministic", "ids-matter", "order-matters", "batch-matters", "subset-matters")
"""Any change is a finding. Each explains those behind it, so that only the first that is met is reported."""

FLIPS = ("whitespace-flips", "image-flips")

Pair = tuple[Policy, Policy]


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


def judge(pairs: Mapping[str, Sequence[Pair]], where: str) -> tuple[tuple[BehaviourCheck, ...], tuple[Finding, ...]]:
    """Every check that was made, and what was found.

    :param pairs: by the name of a code, answers that must be the same: what is the rule before what is the exception.
    :param where: the place that findings name.
    """
    checks = tuple(_check(code, pairs[code]) for code in (*STRICT, *FLIPS) if code in pairs)
    strict = [check for check in checks if check.code in STRICT and check.changed]
    if strict:
        return checks, (_found(strict[0], where),)
    flips = [check for check in checks if check.code in FLIPS and check.share > FLIP_SHARE]
    return checks, tuple(_found(check, where) for check in flips)


def _check(code: str, pairs: Sequence[Pair]) -> BehaviourCheck:
    total = sum((compare(*pair) for pair in pairs), Compared())
    return BehaviourCheck(code=code, compared=total.compared, changed=total.changed)


def _found(check: BehaviourCheck, where: str) -> Finding:
    meaning = CODES[check.code].meaning.removesuffix(".")
    return finding(check.code, where, f"{meaning}: {check.changed} of {check.compared} changed ({check.share:.1%})")


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
