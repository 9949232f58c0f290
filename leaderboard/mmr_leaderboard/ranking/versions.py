"""Who decided what first: the history of a board, entries that copy another, and revisions followed across names.

A name proves nothing: a router can be submitted under many, and a withdrawn entry can return as somebody else's. So
entries are compared by their decisions, with every version that the record knows, in the order of the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_leaderboard.audit.revision import SignTest, sign_test
from mmr_leaderboard.publish.choices import Choices, EarlierVersion
from mmr_leaderboard.publish.log import Log
from mmr_leaderboard.ranking.verdicts import Verdict

COPIED = 0.95
"""The share of decisions, at each operating point, from which on two entries hold one router.

Different built-in routers agree on at most two thirds at any but the cheapest point; one router with other seeds or
with a few of its decisions exchanged agrees on more than this."""

RELATED = 0.25
"""The greatest share of instances whose utility may differ between an entry and what it is a revision of.

An entry that changes more is another router; the tests of excess look at it for itself."""

REVISION = "suspicious-revision"

Indices = NDArray[np.intp]
Key = tuple[str, str]
"""Slug and digest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Version:
    """One version of an entry.

    :param points: [m, n] the model chosen at m operating points, cheapest first.
    """

    slug: str
    digest: str
    points: Indices


def history(log: Log, before: Choices | None, standing: Mapping[Key, Sequence[Sequence[int]]]) -> tuple[Version, ...]:
    """Every version whose decisions are known, in the order in which the record names them; new ones last, by slug.

    :param before: the choices that are published now, if they are about this board.
    :param standing: the choices of the entries of this run.
    """
    known: dict[Key, Sequence[Sequence[int]]] = {}
    if before is not None:
        replaced = {(event.slug, event.digest): event.replaces for event in log.events if event.replaces}
        for slug, entry in before.entries.items():
            if entry.superseded and (slug, entry.digest) in replaced:
                known[slug, replaced[slug, entry.digest]] = entry.superseded
        known |= {(each.slug, each.digest): each.points for each in before.earlier}
        known |= {(slug, entry.digest): entry.points for slug, entry in before.entries.items()}
    known |= standing
    recorded = dict.fromkeys(
        (event.slug, event.digest) for event in log.events if event.event in ("added", "superseded")
    )
    order = [key for key in recorded if key in known] + sorted(key for key in known if key not in recorded)
    versions = [
        Version(slug=slug, digest=digest, points=np.array(known[slug, digest], dtype=np.intp)) for slug, digest in order
    ]
    return tuple(version for version in versions if version.points.ndim == 2 and version.points.size)


def forgotten(log: Log, versions: Sequence[Version]) -> int:
    """How many recorded versions have no known decisions, so that nothing can be compared with them."""
    recorded = {(event.slug, event.digest) for event in log.events if event.event in ("added", "superseded")}
    return len(recorded - {(version.slug, version.digest) for version in versions})


def earlier_versions(versions: Sequence[Version], standing: Mapping[Key, object]) -> tuple[EarlierVersion, ...]:
    """The versions that no longer stand, to be published beside those that do."""
    return tuple(
        EarlierVersion(slug=each.slug, digest=each.digest, points=tuple(map(tuple, each.points.tolist())))
        for each in versions
        if (each.slug, each.digest) not in standing
    )


def agreement(one: Indices, other: Indices) -> float:
    """The share of equal decisions at the operating point where two versions agree least.

    Each point of one is set beside the point of the other with which it agrees most.
    """
    if one.shape[1:] != other.shape[1:]:
        return 0.0
    shares = (one[:, None, :] == other[None, :, :]).mean(axis=2)  # [m, m']
    return float(min(shares.max(axis=0).min(), shares.max(axis=1).min()))


def copies(versions: Sequence[Version], ranked: Sequence[Key], others: Sequence[Key]) -> dict[str, str]:
    """By slug of a copy, the slug of the entry that it copies: the one that decided like this first.

    Entries that changed since keep their seniority as long as they decide the same.

    :param others: entries without a rank, of which no ranked entry is called a copy.
    """
    now = {(each.slug, each.digest): each.points for each in versions}
    originals: list[Key] = []
    found: dict[str, str] = {}
    for keys in (ranked, others):
        for key in sorted((key for key in keys if key in now), key=lambda key: _since(key[0], now[key], versions)):
            shares = [agreement(now[key], now[other]) for other in originals]
            if max(shares, default=0.0) >= COPIED:
                found[key[0]] = originals[int(np.argmax(shares))][0]
            else:
                originals.append(key)
    return found


def _since(slug: str, points: Indices, versions: Sequence[Version]) -> int:
    """The place in the history of the first version of an entry that decided the same."""
    return next(
        at for at, each in enumerate(versions) if each.slug == slug and agreement(each.points, points) >= COPIED
    )


def revised(verdict: Verdict, key: Key, versions: Sequence[Version], utility: NDArray[np.float64]) -> Verdict:
    """The verdict, flagged if the entry is an earlier version of any entry, corrected by the outcomes.

    The entry is compared with every version that was there before it, under whatever name, withdrawn or not. So many
    small steps are seen as the one that they add up to.

    :param utility: [n, K] of the test instances.
    """
    at = next((i for i, each in enumerate(versions) if (each.slug, each.digest) == key), None)
    if at is None:
        return verdict
    own, limit = versions[at].points, verdict.statistics.get("limits_revision")
    before = [each for each in versions[:at] if each.points.shape[1] == own.shape[1]]
    if limit is None or own.shape[1] != len(utility):
        return verdict
    tests = [(compared(each.points, own, utility, len(before)), each) for each in before]
    related = [(test, each) for test, each in tests if test.better + test.worse <= RELATED * len(utility)]
    worst, of = max(related, key=lambda pair: pair[0].share_low, default=(None, None))
    if worst is None or of is None or worst.share_low <= limit:
        return verdict
    statistics = {
        "revision_changed": float(worst.changed),
        "revision_better": float(worst.better),
        "revision_worse": float(worst.worse),
        "revision_share": worst.share,
        "revision_share_low": worst.share_low,
        "revision_p": worst.p,
    }
    return verdict.model_copy(
        update={
            "statistics": {**verdict.statistics, **statistics},
            "flags": tuple(dict.fromkeys((*verdict.flags, REVISION))),
            "revision_of": f"{of.slug} {of.digest}",
        }
    )


def compared(before: Indices, after: Indices, utility: NDArray[np.float64], comparisons: int) -> SignTest:
    """The sign test of two versions, each point of the later beside the earlier one with which it agrees most.

    :param before, after: [m, n] model indices.
    :param comparisons: how many such tests are made, for which the level is corrected (Bonferroni).
    """
    nearest = (after[:, None, :] == before[None, :, :]).sum(axis=2).argmax(axis=1)  # [m]
    models = np.eye(utility.shape[1])
    return sign_test(models[before[nearest]], models[after], utility, comparisons=comparisons)
