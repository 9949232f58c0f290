"""The permutation test: do a row's choices meet the oracle's more often than when shuffled among like instances?

Shuffled is which instance got which choice, all operating points of an instance together, within strata of one
dataset and like predicted difficulty, after what the features explain of the choices was taken away. The oracle
takes the best model and of several the cheapest, one of K: to hit it often is what copying from recorded outcomes
looks like, and what knowledge of difficulty alone does not give.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_leaderboard.audit.frame import AuditFrame
from mmr_leaderboard.audit.residuals import Excess, demand_room

Floats = NDArray[np.float64]

PERMUTATIONS = 999


def permutation_test(
    unexplained: Floats, frame: AuditFrame, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> Excess:
    """The test of one row; the p value counts the row itself among its shuffles (add-one).

    The standard error is the exact standard deviation over all permutations, not that of the drawn ones.

    :param unexplained: [n, K] from `AuditFrame.unexplained`.
    :raises DegenerateError: if the oracle itself has no excess.
    """
    n = len(frame)
    mean, variance = permutation_moments(unexplained, frame.oracle, frame.strata)
    best_mean, _ = permutation_moments(frame.oracle_unexplained, frame.oracle, frame.strata)
    best = demand_room(float((frame.oracle_unexplained * frame.oracle).sum() - best_mean) / n)
    observed = float((unexplained * frame.oracle).sum())
    drawn = permuted_sums(unexplained, frame.oracle, frame.strata, permutations=permutations, seed=seed)
    # Shuffles that only reorder equal rows add up in another order: a rounding error must not make them rare.
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

    All products of two instances of a stratum are taken once, so that a shuffle only looks numbers up.

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
