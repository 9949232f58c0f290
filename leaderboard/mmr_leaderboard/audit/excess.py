"""The two tests of excess, and the limits that their statistics are read against.

*Chosen residual*: were the chosen models right against the odds more often than the row's habits explain? Both sides
are cross-fitted: r_ij, the surprise of model j being right on instance i, is what the auditor's features and the other
models' outcomes leave of its utility; d_ij is what the same features leave of the row's probability of choosing j. For
an honest row d and r are unrelated. The statistic is the mean of sum_j d_ij r_ij: a generalised covariance measure,
which errors of either regression enter only as their product.

*Permutation*: do a row's choices meet the oracle's more often than when they are shuffled among like instances? The
shuffle exchanges which instance got which choice, all operating points of an instance together, within strata of one
dataset and similar predicted difficulty, after subtracting what the features explain of the choices. The oracle takes
the best model, and the cheapest of several: hitting that one of K often is what copying recorded outcomes looks like,
and what knowledge of difficulty alone does not give.

Honest routers choose better than the auditor's features would, because their own may be richer: excess alone proves
nothing. The limits are the greatest values of honest calibration runs: a new run that is exchangeable with m of those
exceeds their maximum with probability at most 1 / (m + 1). A flag asks for more: the value must pass the limit by more
than chance at the 1 % level.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DegenerateError
from mmr_leaderboard.audit.frame import AuditFrame

Floats = NDArray[np.float64]

FLAT = 1e-12
"""The smallest excess of the oracle for which a share has a meaning."""

PERMUTATIONS = 999

SIGNIFICANT = 2.326
"""Standard errors by which an excess must exceed its limit: one-sided 1 % of the normal distribution."""

LEVEL = 0.01
"""The same level for exact tests and one-sided bounds."""


@dataclass(frozen=True, kw_only=True)
class Excess:
    """An excess over what chance gives.

    :param per_decision: in the unit of the statistic, per instance.
    :param share: the same over the excess of the oracle that takes the best model, the cheapest of several: 0 is none,
        1 the oracle's. A row with a fraction copied from the oracle has about that share.
    :param error: the standard error of `share`.
    :param z: excess over its standard deviation under no knowledge.
    :param p: one-sided p value of no excess.
    """

    per_decision: float
    share: float
    error: float
    z: float
    p: float


@dataclass(frozen=True, kw_only=True)
class AuditLimits:
    """What honest rows reach; a statistic is read against these.

    :param residual: excess of the chosen-residual test, as a share of the oracle's.
    :param permutation: excess of the permutation test, as a share of the oracle's.
    :param placebo: skill of a placebo above the best that dataset-level constants can do.
    :param revision: of the changed decisions whose utility changed, the share that got better.
    """

    residual: float
    permutation: float
    placebo: float
    revision: float


LIMITS = AuditLimits(residual=0.05, permutation=0.02, placebo=0.01, revision=0.75)
"""The greatest values of 390 honest calibration runs and 120 placebos on two tables, with a little room, as measured by

    python tests/benchmarks/audit_power.py --data TABLE --calibrate

which found 0.0458, 0.0178, 0.0036 and 0.744 (`docs/audit.md`).
"""

LIMITS_VERSION = 2
"""Published beside the limits; to be raised when they, or how a board raises them, change."""


def beyond(excess: Excess, limit: float) -> bool:
    """Whether an excess passes its limit by more than chance."""
    return excess.share - SIGNIFICANT * excess.error > limit


def residual_test(unexplained: Floats, frame: AuditFrame) -> Excess:
    """The test of one row.

    :param unexplained: [n, K] from `AuditFrame.unexplained`.
    :raises DegenerateError: if the oracle itself has no excess.
    """
    terms = (unexplained * frame.surprise).sum(axis=1)  # [n]
    mean = float(terms.mean())
    error = float(terms.std()) / sqrt(len(terms))
    z = mean / error if error > 0 else 0.0
    best = demand_room(float((frame.oracle_unexplained * frame.surprise).sum(axis=1).mean()))
    return Excess(per_decision=mean, share=mean / best, error=error / best, z=z, p=erfc(z / sqrt(2)) / 2)


def demand_room(best: float) -> float:
    """Returns the oracle's own excess, by which others are divided.

    :raises DegenerateError: if there is none.
    """
    if best <= FLAT:
        raise DegenerateError("the oracle's choices follow from the features, so no excess can be measured")
    return best


def permutation_test(
    unexplained: Floats, frame: AuditFrame, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> Excess:
    """The test of one row; the p value counts the row itself among its shuffles (add-one).

    The standard error is the exact standard deviation over all permutations, not over the drawn ones.

    :param unexplained: [n, K] from `AuditFrame.unexplained`.
    :raises DegenerateError: if the oracle itself has no excess.
    """
    n = len(frame)
    mean, variance = permutation_moments(unexplained, frame.oracle, frame.strata)
    best_mean, _ = permutation_moments(frame.oracle_unexplained, frame.oracle, frame.strata)
    best = demand_room(float((frame.oracle_unexplained * frame.oracle).sum() - best_mean) / n)
    observed = float((unexplained * frame.oracle).sum())
    drawn = permuted_sums(unexplained, frame.oracle, frame.strata, permutations=permutations, seed=seed)
    # Shuffles that only reorder equal rows add up in another order; a rounding error must not make them rare.
    reached = int((drawn >= observed - 1e-9 * max(1.0, abs(observed))).sum())
    deviation = float(np.sqrt(variance))
    return Excess(
        per_decision=(observed - mean) / n,
        share=(observed - mean) / n / best,
        error=deviation / n / best,
        z=(observed - mean) / deviation if deviation > 0 else 0.0,
        p=(1 + reached) / (1 + permutations),
    )


def permuted_sums(choices: Floats, target: Floats, strata: NDArray[np.intp], *, permutations: int, seed: int) -> Floats:
    """[B]: sum_i choices[s(i)] . target[i] for B shuffles s within strata.

    All products of two instances of a stratum are computed once, so that a shuffle only looks numbers up.

    :param choices, target: [n, K]; :param strata: int [n].
    """
    stream = np.random.default_rng(seed)
    sums = np.zeros(permutations)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        products = choices[rows] @ target[rows].T  # [m, m]
        shuffled = stream.random((permutations, len(rows))).argsort(axis=1)
        sums += products[shuffled, np.arange(len(rows))].sum(axis=1)
    return sums


def permutation_moments(choices: Floats, target: Floats, strata: NDArray[np.intp]) -> tuple[float, float]:
    """Mean and variance of the sum over all permutations within strata, exactly.

    Within a stratum of m the variance is the sum of all squared products of centred rows over m - 1, which is the
    trace of the product of two K x K matrices.
    """
    mean = variance = 0.0
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        own, other = choices[rows], target[rows]
        mean += float(own.sum(axis=0) @ other.sum(axis=0)) / len(rows)
        if len(rows) > 1:
            own, other = own - own.mean(axis=0), other - other.mean(axis=0)
            variance += float(((own.T @ own) * (other.T @ other)).sum()) / (len(rows) - 1)
    return mean, variance
