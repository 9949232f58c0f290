"""The exact sign test on two versions of an entry: decisions that changed, and how many of them turned right.

Honest improvement turns a little more decisions right than wrong. A version that was corrected by the published
outcomes turns almost all of them right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_leaderboard.audit.limits import LEVEL

Floats = NDArray[np.float64]

SAME = 1e-9
"""Probabilities and utilities this close are equal."""


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


def sign_test(before: Floats, after: Floats, utility: Floats) -> SignTest:
    """Compares two versions.

    An instance counts once, however many operating points it changed at: they are not independent.

    :param before, after: [m, n, K] choice probabilities at m operating points, from `points.matched_points`.
    :param utility: [n, K].
    """
    from scipy.stats import beta, binomtest  # type: ignore[import-untyped]

    difference = after - before
    changed = int((np.abs(difference) > SAME).any(axis=(0, 2)).sum())
    gain = (difference.sum(axis=0) * utility).sum(axis=1)  # [n]
    better, worse = int((gain > SAME).sum()), int((gain < -SAME).sum())
    if better + worse == 0:
        return SignTest(changed=changed, better=0, worse=0, share=None, share_low=0.0, p=1.0)
    low = float(beta.ppf(LEVEL, better, worse + 1)) if better else 0.0
    p = float(binomtest(better, better + worse, 0.5, alternative="greater").pvalue)
    return SignTest(changed=changed, better=better, worse=worse, share=better / (better + worse), share_low=low, p=p)
