"""Whether what is published is what a fresh run gives: `mmr leaderboard run --check`.

Only what a run determines is compared: wall-clock figures, library versions, the way of isolation and commits may
differ. Figures must agree within 1e-3, costs within a thousandth of themselves, curves within 1e-3 in height at every
cost. Derived files must be exactly those that the published document gives.

Two runs whose figures agree within the tolerance may still swap nearly equal entries: then a pair changes its order,
or just becomes decided, and ranks follow. So pairs are compared first, each within what the tolerance of its figures
allows; if every pair agrees, ranks and ties must be the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import erfc, isclose, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from mmr_leaderboard.publish.choices import FILE as CHOICES
from mmr_leaderboard.publish.choices import Choices
from mmr_leaderboard.publish.publication import SITE
from mmr_leaderboard.ranking.ranks import LEVEL, holm
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.schema import Comparison, Entry, Leaderboard

TOLERANCE = 1e-3
"""How far apart two figures may be: in themselves, or in proportion where they are costs or larger than 1."""

COSTS = {"cost", "cost_low", "cost_high"}
FRONTIERS = {"frontier", "dataset_frontiers"}
CURVES = {*FRONTIERS, "points"}
"""Fields of (cost, utility) points, which are compared as curves, whatever their corners. Frontiers span the same costs
for every row, and that is compared too; where operating points end is not."""

UNDETERMINED: dict[str, Any] = {
    "entries": {
        "latency": True,
        "isolation": True,
        "commit": True,
        "rank": True,
        "rank_low": True,
        "rank_high": True,
        "ties": True,
        "checks": {"__all__": {"compared", "changed", "share"}},
    },
    "settings": {"versions": True},
}
"""Fields that a run does not determine, or that are compared by another rule. Which queries are asked again is drawn
anew in every run, so that no router can know them: what the checks counted differs, what they found must not."""

ABSENT = "nothing"
"""Stands for a field that one of the two documents lacks."""

Place = tuple[str, ...]


def differences(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """The differences between what is published and a fresh run, one line each; empty if they agree."""
    found: list[str] = []
    times = Counter(entry.slug for entry in published.entries)
    found += [f"entry {slug!r} is published {count} times" for slug, count in times.items() if count > 1]
    old, new = ({entry.slug: entry for entry in board.entries} for board in (published, fresh))
    found += [f"entry {slug!r} is not published" for slug in new.keys() - old.keys()]
    found += [f"entry {slug!r} is published and a fresh run has none" for slug in old.keys() - new.keys()]
    for slug in sorted(old.keys() & new.keys()):
        found += [f"entry {slug!r}, {line}" for line in _entry(old[slug], new[slug])]
    found += place_differences(published, fresh)
    for name in ("schema_version", "title", "table", "settings", "limits", "references", "refused"):
        parts = [_plain(getattr(board, name), UNDETERMINED.get(name, {})) for board in (published, fresh)]
        found += [_line((name, *place), *pair) for place, *pair in _unequal(parts[0], parts[1], ())]
    return sorted(found)


def stale_files(folder: Path, rendered: Mapping[str, bytes]) -> list[str]:
    """Published files that are missing, differ from what the document gives, or do not belong; one line each."""
    found = []
    for name, content in sorted(rendered.items()):
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is missing")
        elif file.read_bytes() != content:
            found.append(f"{name} is not what leaderboard.json gives")
    for file in sorted((folder / SITE).rglob("*")):
        name = file.relative_to(folder).as_posix()
        if name not in rendered and (file.is_symlink() or not file.is_dir()):
            found.append(f"{name} does not belong: leaderboard.json gives no such file")
    return found


def choice_differences(published: Choices | None, fresh: Choices) -> list[str]:
    """The differences between `choices.json` and a fresh run, one line each.

    One decision in a thousand may differ: near ties can turn out differently on another machine.
    """
    if published is None:
        return [f"{CHOICES} is missing, or cannot be read"]
    heads = [(each.table, each.split_digest, each.models) for each in (published, fresh)]
    if heads[0] != heads[1]:
        return [f"{CHOICES} is about another table, split or pool"]
    if published.earlier != fresh.earlier:
        return [f"{CHOICES}, the earlier versions are not those that a fresh run keeps"]
    slugs = sorted(published.entries.keys() | fresh.entries.keys())
    return [
        f"{CHOICES}, entry {slug!r} is not what a fresh run gives"
        for slug in slugs
        if not _same_choices(published, fresh, slug)
    ]


def _same_choices(published: Choices, fresh: Choices, slug: str) -> bool:
    old, new = published.entries.get(slug), fresh.entries.get(slug)
    if old is None or new is None or old.digest != new.digest:
        return False
    return all(_close(*pair) for pair in ((old.points, new.points), (old.superseded, new.superseded)))


def _close(old: Sequence[Sequence[int]], new: Sequence[Sequence[int]]) -> bool:
    """Whether the shapes agree, and at most one decision in a thousand differs."""
    if [len(point) for point in old] != [len(point) for point in new]:
        return False
    return all(
        sum(one != other for one, other in zip(*pair, strict=True)) <= TOLERANCE * len(pair[1])
        for pair in zip(old, new, strict=True)
    )


def verdict_differences(kept: Verdict, fresh: Verdict) -> list[str]:
    """The differences between a verdict that was kept and one that was computed anew, one line each."""
    old, new = (
        {
            **one.model_dump(mode="json", include={"figures", "flags", "statistics", "isolation", "router"}),
            "findings": [found.code for found in one.findings],
        }
        for one in (kept, fresh)
    )
    found = [_line(place, *pair) for place, *pair in _unequal(old, new, ())]
    return found if _close(kept.choices, fresh.choices) else [*found, "its choices are others"]


def _entry(published: Entry, fresh: Entry) -> list[str]:
    old, new = (_plain(entry, UNDETERMINED["entries"]) for entry in (published, fresh))
    return [_line(place, *pair) for place, *pair in _unequal(old, new, ())]


def _plain(part: Any, without: dict[str, Any]) -> Any:
    if isinstance(part, Sequence) and not isinstance(part, str):
        return [_plain(each, without) for each in part]
    return part.model_dump(mode="json", exclude=without) if hasattr(part, "model_dump") else part


def _unequal(old: Any, new: Any, place: Place) -> Iterator[tuple[Any, ...]]:
    """(place, published, fresh) of every leaf that differs."""
    if old and new and isinstance(old, list) and isinstance(new, list) and CURVES.intersection(place[-2:]):
        gap = _gap(old, new)
        ends = [(old[at][0], new[at][0]) for at in (0, -1)] if FRONTIERS.intersection(place[-2:]) else []
        if gap > TOLERANCE:
            yield place, "a curve", f"one that is {gap:.2g} away from it"
        elif not all(_alike(*pair, costs=True) for pair in ends):
            yield place, "a curve", "one over other costs"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _unequal(old.get(key, ABSENT), new.get(key, ABSENT), (*place, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from _unequal(*pair, (*place, str(at)))
    elif not _alike(old, new, costs=bool(COSTS.intersection(place))):
        yield place, old, new


def _gap(old: list[Any], new: list[Any]) -> float:
    """The greatest distance in height of two curves over the costs of both."""
    one, other = np.array(old, dtype=np.float64), np.array(new, dtype=np.float64)
    at = np.concatenate((one[:, 0], other[:, 0]))
    return float(np.abs(np.interp(at, *one.T) - np.interp(at, *other.T)).max())


def _alike(old: Any, new: Any, *, costs: bool) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (old, new))
    if numbers and (isinstance(old, float) or isinstance(new, float)):
        return isclose(old, new, rel_tol=TOLERANCE, abs_tol=1e-12 if costs else TOLERANCE)
    return bool(old == new)


def _line(place: Place, old: Any, new: Any) -> str:
    return f"{'.'.join(place)}: published {_short(old)}, a fresh run gives {_short(new)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


WIDTH = 2 * 1.959964
"""Standard deviations between the ends of a 95 % interval."""

Pair = frozenset[str]


def place_differences(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Entries whose published places differ from those of a fresh run, one line each."""
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
    """Pairs that only one document compares, among entries that both have, or that it compares repeatedly."""
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
    """The bounds of p while the difference stays within the tolerance."""
    spread = (fresh.high - fresh.low) / WIDTH
    if spread <= 0:
        return (fresh.p, fresh.p) if fresh.difference > TOLERANCE else (0.0, 1.0)
    least, most = max(0.0, fresh.difference - TOLERANCE), fresh.difference + TOLERANCE
    return min(fresh.p, erfc(most / spread / sqrt(2))), max(fresh.p, erfc(least / spread / sqrt(2)))


def _p_holm_bounds(fresh: list[Comparison]) -> tuple[dict[Pair, float], dict[Pair, float]]:
    """The same for p after Holm's correction, which never falls when a p rises."""
    bounds = [_p_bounds(each) for each in fresh]
    pairs = [_pair(each) for each in fresh]
    low, high = (dict(zip(pairs, holm([bound[side] for bound in bounds]), strict=True)) for side in (0, 1))
    return low, high


def _order(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Entries in reverse order, although a fresh run can tell them apart or ranks only one of them."""
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
    """Differences in rank; its ends are counted over draws and may differ by one place."""
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
    """Whether both are None, or both are numbers at most `room` apart; no limit if `room` is None."""
    if old is None or new is None:
        return old is new
    return room is None or abs(old - new) <= room


def _nauc(entry: Entry) -> float:
    value = entry.metrics["nauc"].value
    return 0.0 if value is None else value


def _named(pair: Pair) -> str:
    return " and ".join(repr(slug) for slug in sorted(pair))
