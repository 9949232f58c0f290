"""The chosen-residual test: were the chosen models right against the odds more often than the row's habits explain?

Both sides are cross-fitted: r_ij, the surprise of model j being right on instance i, is what the auditor's features
and the other models' outcomes leave of its utility; d_ij is what the same features leave of the row's probability of
choosing j. For an honest row d and r have no reason to meet. The statistic is the mean of sum_j d_ij r_ij: a
generalised covariance measure, to which errors of either regression enter only as their product.
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
"""The least excess of the oracle over which a share has a meaning."""


@dataclass(frozen=True, kw_only=True)
class Excess:
    """An excess over what chance gives.

    :param per_decision: in the unit of the statistic, per instance.
    :param share: the same over the excess of the oracle that takes the best model, and the cheapest of those: 0 is
        none, 1 the oracle's. A row of which a fraction was copied from the oracle has about that share.
    :param error: the standard error of `share`.
    :param z: excess over its standard deviation without any knowledge.
    :param p: one-sided, of no excess.
    """

    per_decision: float
    share: float
    error: float
    z: float
    p: float


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
    """The oracle's own excess, by which others are divided.

    :raises DegenerateError: if there is none.
    """
    if best <= FLAT:
        raise DegenerateError("the oracle's choices follow from the features, so that nothing can stand out")
    return best
