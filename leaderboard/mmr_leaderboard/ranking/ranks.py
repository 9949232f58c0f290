"""The order of entries and how certain it is: ranks, rank intervals, and which entries cannot be told apart.

Entries are compared in pairs on the same bootstrap draws, so that instances that all find hard cancel. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import erfc, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import interval

Floats = NDArray[np.float64]

LEVEL = 0.05
"""The chance, over all pairs together, that two equal entries are called different."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two entries, by position, the first with the higher figure.

    :param difference: of their figures on all instances.
    :param low, high: its 95 % interval over the paired draws.
    :param p: two-sided, from the difference over its standard deviation among the draws (normal approximation:
        counting draws could not go below 1 / draws, which no correction for many pairs survives).
    :param p_holm: p after Holm's correction for all pairs.
    """

    better: int
    worse: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float

    @property
    def decided(self) -> bool:
        """Whether the two are told apart."""
        return self.p_holm < LEVEL


@dataclass(frozen=True, kw_only=True)
class EntryRank:
    """The rank of one entry.

    :param rank: the place of its group by figure. A group is led by its best entry and holds those after it that
        cannot be told apart from the leader; all of them share the leader's place.
    :param low, high: the 95 % interval of its place among all entries over the draws, extended to include the rank.
    :param ties: positions of the entries that it cannot be told apart from.
    """

    rank: int
    low: int
    high: int
    ties: tuple[int, ...]


def compare_pairs(values: Sequence[float], draws: Floats) -> tuple[Pair, ...]:
    """Every pair of entries, with Holm's correction over all of them.

    :param values: E figures on all instances, higher is better.
    :param draws: [E, B] the figures of the same draws; NaN for a draw without one.
    """
    raw = [_compare(values, draws, i, j) for i, j in combinations(range(len(values)), 2)]
    corrected = holm([pair.p for pair in raw])
    return tuple(
        Pair(
            better=pair.better,
            worse=pair.worse,
            difference=pair.difference,
            low=pair.low,
            high=pair.high,
            p=pair.p,
            p_holm=p,
        )
        for pair, p in zip(raw, corrected, strict=True)
    )


def rank_entries(values: Sequence[float], draws: Floats, pairs: Sequence[Pair]) -> tuple[EntryRank, ...]:
    """The rank of each of E entries.

    :param values: E figures, and draws [E, B], as in `compare_pairs`.
    :param pairs: what `compare_pairs` gave for them.
    """
    ranks = _ranks(values, pairs)
    known = draws[:, ~np.isnan(draws).any(axis=0)]  # [E, B]
    places = 1 + (known[None, :, :] > known[:, None, :]).sum(axis=1)  # [E, B]
    return tuple(
        EntryRank(
            rank=ranks[entry],
            low=min(ranks[entry], _end(places[entry], 0)),
            high=max(ranks[entry], _end(places[entry], 1)),
            ties=tuple(
                pair.worse if pair.better == entry else pair.better
                for pair in pairs
                if entry in (pair.better, pair.worse) and not pair.decided
            ),
        )
        for entry in range(len(draws))
    )


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the smallest of m is multiplied by m, the next by m - 1, and none falls."""
    order = np.argsort(p, kind="stable")
    corrected = [0.0] * len(p)
    largest = 0.0
    for step, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - step) * p[at]))
        corrected[at] = largest
    return corrected


def _ranks(values: Sequence[float], pairs: Sequence[Pair]) -> list[int]:
    clearly_worse = {(pair.better, pair.worse) for pair in pairs if pair.decided}
    ranks = [0] * len(values)
    leader, place = -1, 0
    for at, entry in enumerate(sorted(range(len(values)), key=lambda i: -values[i]), start=1):
        if leader < 0 or (leader, entry) in clearly_worse:
            leader, place = entry, at
        ranks[entry] = place
    return ranks


def _compare(values: Sequence[float], draws: Floats, i: int, j: int) -> Pair:
    better, worse = (i, j) if values[i] >= values[j] else (j, i)
    difference = values[better] - values[worse]
    paired_draws = draws[better] - draws[worse]
    known = paired_draws[~np.isnan(paired_draws)]
    low, high = interval(known) or (difference, difference)
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    z = 0.0 if difference == 0 else difference / spread if spread > 0 else inf
    p = erfc(z / sqrt(2))
    return Pair(better=better, worse=worse, difference=difference, low=low, high=high, p=p, p_holm=p)


def _end(places: NDArray[np.intp], side: int) -> int:
    ends = interval(places.astype(np.float64))
    return int(ends[side]) if ends is not None else 1
