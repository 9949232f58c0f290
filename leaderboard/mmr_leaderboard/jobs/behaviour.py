"""Behaviour checks: what follows if two answers of one router about the same queries differ.

Whether they differ is the rule of `mmr_core.runner.agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmr_core.runner.agreement import Compared, compare
from mmr_core.runner.policies import Policy
from mmr_leaderboard.findings import CODES, Finding, finding

FLIP_SHARE = 0.25
"""The share of decisions that may flip with white space or with the encoding of images before it is flagged.

Of the built-in routers on `lite` embeddings, k-nn flips most with white space (3 % on the sample, 8 % on real data) and
mlp-mf and k-nn with images (10 and 9 %; 1 and 3 %); the others stay below 6 %. A table of hashes that knows every query
and falls back to training means flips 79 % on the sample and 94 % on real data, so one that knows a third is flagged.
"""

STRICT = ("not-deterministic", "ids-matter", "order-matters", "batch-matters", "subset-matters")
"""Any change is a finding. Each explains the later ones, so only the first that fails is reported."""

FLIPS = ("whitespace-flips", "image-flips")

Pair = tuple[Policy, Policy]


@dataclass(frozen=True, kw_only=True)
class BehaviourCheck:
    """How many decisions one behaviour check compared, and how many were clearly different.

    :param code: the name of its code in `mmr_leaderboard.findings`.
    """

    code: str
    compared: int
    changed: int

    @property
    def share(self) -> float:
        """The share of compared decisions that changed; 0 where nothing was compared."""
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
    total = sum((compare(*pair) for pair in pairs), Compared())
    return BehaviourCheck(code=code, compared=total.compared, changed=total.changed)


def _found(check: BehaviourCheck, where: str) -> Finding:
    meaning = CODES[check.code].meaning.removesuffix(".")
    return finding(check.code, where, f"{meaning}: {check.changed} of {check.compared} changed ({check.share:.1%})")
