"""Whether what is published is what a fresh run gives: `mmr leaderboard run --check`.

Only what a run determines is compared: wall-clock figures, versions of libraries, the way of isolation and commits
may differ. Figures agree within 1e-3, costs within a thousandth of themselves, curves within 1e-3 of height at every
cost; the order of entries is compared outside ties. Derived files must be exactly those that the published document
gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np

from mmr_leaderboard.publishing.schema import Entry, Leaderboard

TOLERANCE = 1e-3
"""How far apart two figures may be: in themselves, or in proportion where they are costs or larger than 1."""

COSTS = {"cost", "cost_low", "cost_high"}
CURVES = {"frontier", "points", "dataset_frontiers"}
"""Fields of (cost, utility) points, which are compared as curves: a corner more or less is no difference."""

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

Place = tuple[str, ...]


def differences(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """What is published otherwise than a fresh run gives, one line each; empty where all agree."""
    found: list[str] = []
    old, new = ({entry.slug: entry for entry in board.entries} for board in (published, fresh))
    found += [f"entry {slug!r} is not published" for slug in new.keys() - old.keys()]
    found += [f"entry {slug!r} is published and a fresh run has none" for slug in old.keys() - new.keys()]
    for slug in sorted(old.keys() & new.keys()):
        found += [f"entry {slug!r}, {line}" for line in _entry(old[slug], new[slug])]
    found += _order(published, fresh)
    for name in ("schema_version", "title", "table", "settings", "references", "refused"):
        parts = [_plain(getattr(board, name), UNDETERMINED.get(name, {})) for board in (published, fresh)]
        found += [_line((name, *place), *pair) for place, *pair in _unequal(parts[0], parts[1], ())]
    return sorted(found)


def stale_files(folder: Path, rendered: Mapping[str, bytes]) -> list[str]:
    """The published files that are absent, or are not what the published document gives; one line each."""
    found = []
    for name, content in sorted(rendered.items()):
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is not there")
        elif file.read_bytes() != content:
            found.append(f"{name} is not what leaderboard.json gives")
    return found


def _entry(published: Entry, fresh: Entry) -> list[str]:
    old, new = (_plain(entry, UNDETERMINED["entries"]) for entry in (published, fresh))
    found = [_line(place, *pair) for place, *pair in _unequal(old, new, ())]
    if (published.rank is None) != (fresh.rank is None):
        found.append(_line(("rank",), published.rank, fresh.rank))
    return found


def _order(published: Leaderboard, fresh: Leaderboard) -> list[str]:
    """Entries that a fresh run puts the other way round, though it can tell them apart."""
    place = {entry.slug: at for at, entry in enumerate(published.entries)}
    return [
        f"entry {pair.worse!r} stands before {pair.better!r}, which is clearly better"
        for pair in fresh.comparisons
        if pair.decided and pair.better in place and pair.worse in place and place[pair.worse] < place[pair.better]
    ]


def _plain(part: Any, without: dict[str, Any]) -> Any:
    if isinstance(part, Sequence) and not isinstance(part, str):
        return [_plain(each, without) for each in part]
    return part.model_dump(mode="json", exclude=without) if hasattr(part, "model_dump") else part


def _unequal(old: Any, new: Any, place: Place) -> Iterator[tuple[Any, ...]]:
    """(place, published, fresh) of every leaf that differs."""
    if old and new and isinstance(old, list) and isinstance(new, list) and CURVES.intersection(place[-2:]):
        gap = _gap(old, new)
        if gap > TOLERANCE:
            yield place, "a curve", f"one that is {gap:.2g} away from it"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _unequal(old.get(key), new.get(key), (*place, str(key)))
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
