"""What honest rows reach, and the rule by which a statistic is read against it.

Honest routers choose better than the auditor's features would, since theirs may be richer: excess alone is no sign.
The limits are the greatest values of honest calibration runs: a new run that is exchangeable with m of those passes
their greatest value with probability 1 / (m + 1) at most. A flag asks for more: that the value passes the limit by
more than chance at the 1 % level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmr_leaderboard.audit.residuals import Excess

SIGNIFICANT = 2.326
"""Standard errors by which an excess must pass its limit: one-sided 1 % of the normal distribution."""

LEVEL = 0.01
"""The same level for exact tests and one-sided bounds."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The greatest honest values.

    :param residual: excess of the chosen-residual test, as a share of the oracle's.
    :param permutation: excess of the permutation test, as a share of the oracle's.
    :param placebo: skill of a placebo above the best that dataset-level constants can do.
    :param revision: of the changed decisions whose utility changed, the share that got better.
    """

    residual: float
    permutation: float
    placebo: float
    revision: float


LIMITS = Limits(residual=0.05, permutation=0.02, placebo=0.01, revision=0.75)
"""The greatest values of 390 honest calibration runs and 120 placebos on two tables, with a little room, as measured by

    python tests/benchmarks/audit_power.py --data TABLE --calibrate

which found 0.0458, 0.0178, 0.0036 and 0.744 (`docs/audit.md`).
"""


def beyond(excess: Excess, limit: float) -> bool:
    """Whether an excess passes its limit by more than chance."""
    return excess.share - SIGNIFICANT * excess.error > limit
