"""Two versions of an entry compared: an exact sign test on how many of the changed decisions turned right.

An honest improvement turns a few more decisions right than wrong. A version corrected with the published outcomes
turns almost all of them right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.runner.policies import Policy
from mmr_leaderboard.audit.excess import LEVEL
from mmr_leaderboard.audit.frame import representative_points

Floats = NDArray[np.float64]

SAME = 1e-9
"""Probabilities and utilities this close are equal."""

CANDIDATES = 25
"""How many operating points of an earlier version each point of the later one is matched against."""


def matched_points(before: Policy, after: Policy, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """Two arrays [m, n, K]: points of an earlier version, and the later version's representative points.

    Each point of the later version is set beside the one of 25 points of the earlier version with which it agrees
    most. A version corrected here and there is thereby compared with what it was made from, whatever the corrections
    cost.
    """
    own = representative_points(after, utility, cost)
    earlier = representative_points(before, utility, cost, CANDIDATES)
    agreement = own.reshape(len(own), -1) @ earlier.reshape(len(earlier), -1).T  # [m, candidates]
    return earlier[agreement.argmax(axis=1)], own


@dataclass(frozen=True, kw_only=True)
class SignTest:
    """What changed between two versions, counted by instance.

    :param changed: instances on which the choices differ at some operating point.
    :param better, worse: those whose utility, added up over the operating points, rose or fell.
    :param share: better / (better + worse); None where nothing rose or fell.
    :param share_low: its one-sided exact (Clopper-Pearson) 99 % lower bound; 0 where there is none.
    :param p: one-sided exact binomial, of rising and falling being as likely; 1 where there is none.
    """

    changed: int
    better: int
    worse: int
    share: float | None
    share_low: float
    p: float


def sign_test(before: Floats, after: Floats, utility: Floats, *, comparisons: int = 1) -> SignTest:
    """Compares two versions.

    An instance counts once, however many operating points it changed at: they are not independent.

    :param before, after: [m, n, K] choice probabilities at m operating points, from `matched_points`.
    :param utility: [n, K].
    :param comparisons: the number of such tests, by which the level of the lower bound is divided.
    """
    from scipy.stats import beta, binomtest  # type: ignore[import-untyped]

    difference = after - before
    changed = int((np.abs(difference) > SAME).any(axis=(0, 2)).sum())
    gain = (difference.sum(axis=0) * utility).sum(axis=1)  # [n]
    better, worse = int((gain > SAME).sum()), int((gain < -SAME).sum())
    if better + worse == 0:
        return SignTest(changed=changed, better=0, worse=0, share=None, share_low=0.0, p=1.0)
    low = float(beta.ppf(LEVEL / max(1, comparisons), better, worse + 1)) if better else 0.0
    p = float(binomtest(better, better + worse, 0.5, alternative="greater").pvalue)
    return SignTest(changed=changed, better=better, worse=worse, share=better / (better + worse), share_low=low, p=p)
