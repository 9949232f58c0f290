"""Whether what is published is what a fresh run gives: `mmr leaderboard run --check`.

Only what a run determines is compared: wall-clock figures, versions of libraries, the way of isolation and commits
may differ. Figures agree within 1e-3, costs within a thousandth of themselves, curves within 1e-3 of height at every
cost; the order of entries is compared outside ties (`checking_places`). Derived files must be exactly those that the
published document gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np

from mmr_leaderboard.publish.checking_places import place_differences
from mmr_leaderboard.publish.choices import FILE as CHOICES
from mmr_leaderboard.publish.choices import Choices
from mmr_leaderboard.publish.files import SITE
from mmr_leaderboard.publish.schema import Entry, Leaderboard

TOLERANCE = 1e-3
"""How far apart two figures may be: in themselves, or in proportion where they are costs or larger than 1."""

COSTS = {"cost", "cost_low", "cost_high"}
FRONTIERS = {"frontier", "dataset_frontiers"}
CURVES = {*FRONTIERS, "points"}
"""Fields of (cost, utility) points, which are compared as curves: a corner more or less is no difference. Frontiers
span the same costs for every row, and that is compared too; where operating points end is not."""

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
"""Stands for a field that one of two documents has not."""

Place = tuple[str, ...]


def differences(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """What is published otherwise than a fresh run gives, one line each; empty where all agree."""
    found: list[str] = []
    times = Counter(entry.slug for entry in published.entries)
    found += [f"entry {slug!r} is published {count} times" for slug, count in times.items() if count > 1]
    old, new = ({entry.slug: entry for entry in board.entries} for board in (published, fresh))
    found += [f"entry {slug!r} is not published" for slug in new.keys() - old.keys()]
    found += [f"entry {slug!r} is published and a fresh run has none" for slug in old.keys() - new.keys()]
    for slug in sorted(old.keys() & new.keys()):
        found += [f"entry {slug!r}, {line}" for line in _entry(old[slug], new[slug])]
    found += place_differences(published, fresh)
    for name in ("schema_version", "title", "table", "settings", "references", "refused"):
        parts = [_plain(getattr(board, name), UNDETERMINED.get(name, {})) for board in (published, fresh)]
        found += [_line((name, *place), *pair) for place, *pair in _unequal(parts[0], parts[1], ())]
    return sorted(found)


def stale_files(folder: Path, rendered: Mapping[str, bytes]) -> list[str]:
    """The published files that are absent, are not what the published document gives, or stand in its site though it
    gives no such file; one line each."""
    found = []
    for name, content in sorted(rendered.items()):
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is not there")
        elif file.read_bytes() != content:
            found.append(f"{name} is not what leaderboard.json gives")
    for file in sorted((folder / SITE).rglob("*")):
        name = file.relative_to(folder).as_posix()
        if name not in rendered and (file.is_symlink() or not file.is_dir()):
            found.append(f"{name} is there and leaderboard.json gives no such file")
    return found


def choice_differences(published: Choices | None, fresh: Choices) -> list[str]:
    """What `choices.json` holds otherwise than a fresh run gives, one line each.

    As many as one decision in a thousand may differ: what nearly ties can turn over on another machine.
    """
    if published is None:
        return [f"{CHOICES} is not there, or cannot be read"]
    heads = [(each.table, each.split_digest, each.models) for each in (published, fresh)]
    if heads[0] != heads[1]:
        return [f"{CHOICES} is about another table, split or pool"]
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
    """Whether points are as many, each about as many instances, and at most one decision in a thousand differs."""
    if [len(point) for point in old] != [len(point) for point in new]:
        return False
    return all(
        sum(one != other for one, other in zip(*pair, strict=True)) <= TOLERANCE * len(pair[1])
        for pair in zip(old, new, strict=True)
    )


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
