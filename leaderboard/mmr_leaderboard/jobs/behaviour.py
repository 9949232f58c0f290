"""Behaviour checks: what follows if two answers of one router about the same queries differ, or costs are not in USD.

Whether answers differ is the rule of `mmr_core.runner.agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.runner.agreement import Compared, compare, flips
from mmr_core.runner.policies import Policy, Scored
from mmr_leaderboard.findings import CODES, Finding, finding

FLIP_SHARE = 0.25
"""The share of decisions that may flip with white space or with the encoding of images before it is flagged, at the
trade-off weight where most do.

Of the built-in routers on `lite` embeddings, k-nn flips most: 5 % with white space on the sample and 7 % on real data,
16 and 5 % with images. A table of hashes that knows every query and falls back to training means flips 82 % on the
table of the attack suite, so one that knows a third is flagged.
"""

COST_FACTOR = 1000.0
"""How far the mean predicted cost of a model may lie from its mean in training, as a factor. Costs are in USD."""

STRICT = ("not-deterministic", "ids-matter", "order-matters", "batch-matters", "subset-matters")
"""Any change is a finding. Each explains the later ones, so only the first that fails is reported."""

FLIPS = ("whitespace-flips", "image-flips")

Pair = tuple[Policy, Policy]


@dataclass(frozen=True, kw_only=True)
class BehaviourCheck:
    """How many queries one behaviour check compared, and for how many a decision changed.

    :param code: the name of its code in `mmr_leaderboard.findings`.
    :param changed: at any trade-off weight; for `FLIPS` at the one where most changed.
    """

    code: str
    compared: int
    changed: int

    @property
    def share(self) -> float:
        """The share of compared queries that changed; 0 where nothing was compared."""
        return self.changed / self.compared if self.compared else 0.0


def judge(pairs: Mapping[str, Sequence[Pair]], where: str) -> tuple[tuple[BehaviourCheck, ...], tuple[Finding, ...]]:
    """Every check that was made, and the findings.

    :param pairs: by code, pairs of answers that must agree: the rule first, then the exception.
    :param where: the place that findings name.
    """
    checks = tuple(_check(code, pairs[code]) for code in (*STRICT, *FLIPS) if code in pairs)
    strict = [check for check in checks if check.code in STRICT and check.changed]
    if strict:
        return checks, (_found(strict[0], where),)
    flips = [check for check in checks if check.code in FLIPS and check.share > FLIP_SHARE]
    return checks, tuple(_found(check, where) for check in flips)


def _check(code: str, pairs: Sequence[Pair]) -> BehaviourCheck:
    rule = flips if code in FLIPS else compare
    total = sum((rule(*pair) for pair in pairs), Compared())
    return BehaviourCheck(code=code, compared=total.compared, changed=total.changed)


def _found(check: BehaviourCheck, where: str) -> Finding:
    meaning = CODES[check.code].meaning.removesuffix(".")
    return finding(check.code, where, f"{meaning}: {check.changed} of {check.compared} changed ({check.share:.1%})")


def judge_costs(
    policy: Policy, training_cost: NDArray[np.float64], models: Sequence[str], where: str
) -> tuple[Finding, ...]:
    """The finding for predicted costs that are not in USD; none for a router that predicts none.

    A model is left out if all of its training costs are missing or 0.

    :param policy: the answers about the test queries.
    :param training_cost: [n, K] in the unit of the policy, NaN where missing.
    :param models: [K] their names.
    """
    if not isinstance(policy, Scored):
        return ()
    seen = np.isfinite(training_cost)
    learned = np.where(seen, training_cost, 0.0).sum(axis=0) / np.maximum(1, seen.sum(axis=0))
    predicted = policy.pred_cost.mean(axis=0)
    off = (learned > 0) & ~((predicted > learned / COST_FACTOR) & (predicted < learned * COST_FACTOR))
    if not off.any():
        return ()
    examples = tuple(f"{models[j]}: {predicted[j] / learned[j]:.3g} times" for j in np.flatnonzero(off).tolist())
    message = f"mean predicted cost is off the training mean by a factor of more than {COST_FACTOR:g}"
    return (finding("cost-not-in-usd", where, f"{message} for {len(examples)} of {len(models)} models", examples),)
