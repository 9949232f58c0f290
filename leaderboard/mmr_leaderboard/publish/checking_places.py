"""Whether entries stand where a fresh run puts them, as far as it can tell them apart; for `checking`.

Two runs whose figures agree within the tolerance may still turn over what is nearly equal: then a pair changes its
order, or just becomes decided, and ranks follow. So pairs are compared first, each within what the tolerance of its
figures allows; where every pair agrees, ranks and ties must be the same.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import erfc, isclose, sqrt

from mmr_leaderboard.publish.schema import Comparison, Entry, Leaderboard
from mmr_leaderboard.ranking.ranking import LEVEL, holm

TOLERANCE = 1e-3
"""How far apart two figures may be."""

WIDTH = 2 * 1.959964
"""Standard deviations between the ends of a 95 % interval."""

Pair = frozenset[str]


def place_differences(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Entries that are published in other places than a fresh run gives them, one line each."""
    old, new = ({_pair(each): each for each in board.comparisons} for board in (published, fresh))
    found = _pairs(published, fresh)
    lowest, highest = _p_holm_bounds(list(new.values()))
    for pair in sorted(old.keys() & new.keys(), key=sorted):
        found += _comparison(old[pair], new[pair], lowest[pair], highest[pair])
    found += _order(published, fresh)
    turned = any(
        (old[pair].better, old[pair].decided) != (new[pair].better, new[pair].decided)
        for pair in old.keys() & new.keys()
    )
    known = {entry.slug: entry for entry in published.entries}
    for entry in fresh.entries:
        if entry.slug in known:
            found += _places(known[entry.slug], entry, exactly=old.keys() == new.keys() and not turned)
    return found


def _pair(comparison: Comparison) -> Pair:
    return frozenset((comparison.better, comparison.worse))


def _pairs(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Pairs that are compared in one document only, among entries that both have, or more than once."""
    shared = {entry.slug for entry in published.entries} & {entry.slug for entry in fresh.entries}
    old, new = (Counter(_pair(each) for each in board.comparisons) for board in (published, fresh))
    found = [f"comparison of {_named(pair)} is not published" for pair in new if pair not in old and pair <= shared]
    found += [f"comparison of {_named(pair)} is published {n} times" for pair, n in old.items() if n > 1]
    gone = {entry.slug for entry in published.entries} - shared
    found += [
        f"comparison of {_named(pair)} is published and a fresh run has none"
        for pair in old
        if pair not in new and not pair & gone
    ]
    return found


def _comparison(published: Comparison, fresh: Comparison, p_holm_low: float, p_holm_high: float) -> list[str]:
    sign = 1 if published.better == fresh.better else -1
    ends = (published.low, published.high)[::sign]
    pairs = {
        "difference": (sign * published.difference, fresh.difference),
        "low": (sign * ends[0], fresh.low),
        "high": (sign * ends[1], fresh.high),
    }
    wrong = [name for name, pair in pairs.items() if not isclose(*pair, rel_tol=0, abs_tol=TOLERANCE)]
    for name, bounds in (("p", _p_bounds(fresh)), ("p_holm", (p_holm_low, p_holm_high))):
        value, due = getattr(published, name), getattr(fresh, name)
        if not (isclose(value, due, rel_tol=0, abs_tol=TOLERANCE) or bounds[0] <= value <= bounds[1]):
            wrong.append(name)
    if published.decided != fresh.decided and published.decided != (published.p_holm < LEVEL):
        wrong.append("decided")
    return [
        f"comparison of {_named(_pair(fresh))}, {name}: published {getattr(published, name)}, a fresh run gives "
        f"{getattr(fresh, name)}"
        for name in wrong
    ]


def _p_bounds(fresh: Comparison) -> tuple[float, float]:
    """Between which p lies where the difference is within the tolerance."""
    spread = (fresh.high - fresh.low) / WIDTH
    if spread <= 0:
        return (fresh.p, fresh.p) if fresh.difference > TOLERANCE else (0.0, 1.0)
    least, most = max(0.0, fresh.difference - TOLERANCE), fresh.difference + TOLERANCE
    return min(fresh.p, erfc(most / spread / sqrt(2))), max(fresh.p, erfc(least / spread / sqrt(2)))


def _p_holm_bounds(fresh: list[Comparison]) -> tuple[dict[Pair, float], dict[Pair, float]]:
    """The same for p after Holm's correction, which falls nowhere when a p rises."""
    bounds = [_p_bounds(each) for each in fresh]
    pairs = [_pair(each) for each in fresh]
    low, high = (dict(zip(pairs, holm([bound[side] for bound in bounds]), strict=True)) for side in (0, 1))
    return low, high


def _order(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Entries that stand the other way round, though a fresh run can tell them apart or ranks only one of them."""
    place = {entry.slug: at for at, entry in enumerate(published.entries)}
    found = [
        f"entry {pair.worse!r} stands before {pair.better!r}, which is clearly better"
        for pair in fresh.comparisons
        if pair.decided and pair.better in place and pair.worse in place and place[pair.worse] < place[pair.better]
    ]
    there = [entry for entry in fresh.entries if entry.slug in place]
    last = max((place[entry.slug] for entry in there if entry.rank is not None), default=-1)
    unranked = sorted((entry for entry in there if entry.rank is None), key=lambda entry: place[entry.slug])
    found += [f"entry {entry.slug!r} stands among the ranked" for entry in unranked if place[entry.slug] < last]
    found += [
        f"entry {above.slug!r} stands before {below.slug!r}, which has the greater nAUC"
        for above, below in pairwise(unranked)
        if _nauc(below) - _nauc(above) > TOLERANCE
    ]
    return found


def _places(published: Entry, fresh: Entry, *, exactly: bool) -> list[str]:
    """A rank's ends are counted over draws, in which a place more or less is no difference."""
    wrong = [
        name
        for name, room in (("rank", 0), ("rank_low", 1), ("rank_high", 1))
        if not _near(getattr(published, name), getattr(fresh, name), room if exactly else None)
    ]
    if exactly and sorted(published.ties) != sorted(fresh.ties):
        wrong.append("ties")
    return [
        f"entry {fresh.slug!r}, {name}: published {getattr(published, name)}, a fresh run gives {getattr(fresh, name)}"
        for name in wrong
    ]


def _near(old: int | None, new: int | None, room: int | None) -> bool:
    """Whether both are absent, or both are there and no further apart than there is room; None is any room."""
    if old is None or new is None:
        return old is new
    return room is None or abs(old - new) <= room


def _nauc(entry: Entry) -> float:
    value = entry.metrics["nauc"].value
    return 0.0 if value is None else value


def _named(pair: Pair) -> str:
    return " and ".join(repr(slug) for slug in sorted(pair))
