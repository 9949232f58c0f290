"""The audit of one row: every statistic, the limits it was read against, the gap closed, and the flags that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import FLAT, CostRange, Frontier, SingleModels, figure, frontier, nauc, skill
from mmr_core.runner.policies import Policy, Scored
from mmr_leaderboard.audit.excess import (
    LIMITS,
    PERMUTATIONS,
    AuditLimits,
    Excess,
    beyond,
    permutation_test,
    residual_test,
)
from mmr_leaderboard.audit.frame import AuditFrame, representative_points
from mmr_leaderboard.audit.placebo import PlaceboTest
from mmr_leaderboard.audit.revision import SignTest, matched_points, sign_test

Json = dict[str, Any]
"""What `json` can write: objects, strings, numbers, lists."""


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The audits of one row, in plain numbers.

    :param points: how many operating points represented the row.
    :param placebo: None for decision files, which cannot be refitted.
    :param revision: None without an earlier version.
    :param limits: those that the statistics were read against.
    :param flags: names of codes of `mmr_leaderboard.findings`.
    """

    points: int
    residual: Excess
    permutation: Excess
    gap: OracleGap
    placebo: PlaceboTest | None
    revision: SignTest | None
    limits: AuditLimits

    @property
    def flags(self) -> tuple[str, ...]:
        """The codes that a maintainer must look at, in the order of the list of codes."""
        return flags_of(self.residual, self.permutation, self.placebo, self.revision, self.limits)

    def statistics(self) -> dict[str, float | None]:
        """Every number by its name in docs/audit.md; None if it has no meaning for the row."""
        return dict(_leaves(asdict(self), ""))

    def as_json(self) -> Json:
        """The whole report, flags included."""
        return {**asdict(self), "flags": list(self.flags)}


def flags_of(
    residual: Excess, permutation: Excess, placebo: PlaceboTest | None, revision: SignTest | None, limits: AuditLimits
) -> tuple[str, ...]:
    """The codes that follow from statistics read against limits, in the order of the list of codes."""
    raised = {
        "excess-residual": beyond(residual, limits.residual),
        "excess-permutation": beyond(permutation, limits.permutation),
        "placebo-skill": placebo is not None and placebo.blocks,
        "suspicious-revision": revision is not None and revision.share_low > limits.revision,
    }
    return tuple(code for code, holds in raised.items() if holds)


def audit(
    policy: Policy,
    frame: AuditFrame,
    constant: Policy,
    *,
    placebo: PlaceboTest | None = None,
    previous: Policy | None = None,
    limits: AuditLimits = LIMITS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> AuditReport:
    """Audits one row.

    :param policy: the row's answers on the test queries, in the order of the frame.
    :param constant: the policy that predicts the training means for every query.
    :param placebo: of a plugin, from `placebo_test`.
    :param previous: the answers of the version that this one supersedes.
    :param seed: of the shuffles.
    :raises DegenerateError: if nothing can be measured on the frame.
    """
    utility, cost = frame.utility, frame.cost
    probabilities = representative_points(policy, utility, cost)
    unexplained = frame.unexplained(probabilities)
    revision = None
    if previous is not None:
        revision = sign_test(*matched_points(previous, policy, utility, cost), utility)
    return AuditReport(
        points=len(probabilities),
        residual=residual_test(unexplained, frame),
        permutation=permutation_test(unexplained, frame, permutations=permutations, seed=seed),
        gap=gap_closed(policy, constant, utility, cost, frame.cost_scale),
        placebo=placebo,
        revision=revision,
        limits=limits,
    )


def _leaves(facts: Json, prefix: str) -> Iterator[tuple[str, float | None]]:
    """The numbers of nested objects, named by their path; booleans are left to the flags."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}_")
        elif not isinstance(value, bool) and not (value is None and name in ("placebo", "revision")):
            yield f"{prefix}{name}", None if value is None else float(value)


Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OracleGap:
    """The share of the gap between the constant policy and the oracle that a row closes; None if there is no gap.

    :param overall: (nAUC - nAUC of constant) / (nAUC of the oracle - nAUC of constant), which is the skill.
    :param cost: USD per query, the mean cost of the most accurate single model.
    :param at_cost: at that cost, (utility - the constant policy's) / (the oracle's - the constant policy's), read off
        the three frontiers.
    """

    overall: float | None
    cost: float
    at_cost: float | None


def gap_closed(policy: Policy, constant: Policy, utility: Floats, cost: Floats, cost_scale: float) -> OracleGap:
    """The gap that a row closes.

    :param constant: the policy that predicts the training means for every query.
    :param utility, cost: [n, K] true test outcomes, cost in USD.
    """
    within = SingleModels.of(utility, cost).cost_range(utility, cost)
    lines = [_line(each, utility, cost, within) for each in (policy, constant, Scored(utility, cost / cost_scale))]
    areas = [nauc(line) for line in lines]
    heights = [float(np.interp(within.best_cost, line.cost, line.utility)) for line in lines]
    room = heights[2] - heights[1]
    return OracleGap(
        overall=figure(skill(*areas)),
        cost=within.best_cost,
        at_cost=None if room <= FLAT else (heights[0] - heights[1]) / room,
    )


def _line(policy: Policy, utility: Floats, cost: Floats, within: CostRange) -> Frontier:
    return frontier(*policy.operating(utility, cost).points(), within)
