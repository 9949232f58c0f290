"""The audit statistics of an entry in words, grouped by the test that they belong to, as docs/audit.md has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmr_leaderboard.publish.words import shown

_TESTS = {
    "residual": (
        "Chosen residual",
        "Whether models were chosen where they turned out right against the odds. 0 is no excess, 1 the oracle's.",
    ),
    "permutation": (
        "Permutation",
        "How often choices meet the oracle's beyond what they do when shuffled among like instances.",
    ),
    "placebo": (
        "Placebo",
        "What skill remains when the router is fitted on permuted outcomes: anything above 0 was carried in.",
    ),
    "revision": ("Revision", "Whether the decisions that changed since the last version turned right too often."),
    "gap": ("Gap to the oracle", "How much of what routing could gain the entry does gain."),
}
_OTHER = ("Other", "")

_EXCESS = {
    "share": "excess, as a share of the oracle's",
    "error": "its standard error",
    "z": "excess over its standard deviation",
    "p": "one-sided p of no excess",
    "per_decision": "excess per instance",
}
_WORDS = {
    "points": "operating points that stood for the entry",
    **{f"{test}_{name}": said for test in ("residual", "permutation") for name, said in _EXCESS.items()},
    **{f"placebo_excess_{name}": f"permutation test: {said}" for name, said in _EXCESS.items()},
    "placebo_skill": "skill above the best constants per dataset",
    "placebo_low": "lower end of its 95 % interval",
    "placebo_high": "upper end of its 95 % interval",
    "revision_changed": "instances whose choices changed",
    "revision_better": "of those, utility rose",
    "revision_worse": "of those, utility fell",
    "revision_share": "share that rose",
    "revision_share_low": "its exact one-sided 99 % lower bound",
    "revision_p": "exact binomial p",
    "gap_overall": "skill: the gap between constant policy and oracle that is closed",
    "gap_cost": "mean cost of the most accurate single model, USD per query",
    "gap_at_cost": "the gap in utility that is closed at that cost",
    **{f"limits_{test}": "limit that it is read against" for test in _TESTS},
}


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One number by its name in the data, and in words."""

    name: str
    said: str
    value: str


@dataclass(frozen=True, kw_only=True)
class AuditTest:
    """The statistics of one test."""

    title: str
    meaning: str
    statistics: tuple[Statistic, ...]


def audit_tests(statistics: Mapping[str, float | None]) -> list[AuditTest]:
    """Every statistic of an entry, those of a test together; names that this version does not know come last."""
    groups: dict[str, list[Statistic]] = {test: [] for test in (*_TESTS, "")}
    for name, value in statistics.items():
        first, _, rest = name.partition("_")
        test = rest if first == "limits" else first
        statistic = Statistic(
            name=shown(name),
            said=_WORDS.get(name, shown(name).replace("_", " ")),
            value="no figure" if value is None else _exact(value),
        )
        groups[test if test in _TESTS and name in _WORDS else ""].append(statistic)
    return [
        AuditTest(title=title, meaning=meaning, statistics=tuple(found))
        for test, found in groups.items()
        for title, meaning in [_TESTS.get(test, _OTHER)]
        if found
    ]


def is_known(name: str) -> bool:
    """Whether there are words for a statistic."""
    return name in _WORDS


def _exact(value: float) -> str:
    """Four significant digits; tiny ones in powers of ten, as p values are read."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
