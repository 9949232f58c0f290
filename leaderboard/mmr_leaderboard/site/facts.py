"""What the page of one entry says about it, as plain rows for the template: facts, checks, comparisons, audits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mmr_core.render.numbers import finer, signed
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.schema import Comparison, Entry, Leaderboard
from mmr_leaderboard.wording import TIER_MEANINGS, TIERS, TRACKS, code_meaning, joined, shown

ISOLATION = {
    "bubblewrap": "bubblewrap: namespaces of its own, without network",
    "landlock": "Landlock and an empty network namespace",
    "unsafe": "none; it ran with --unsafe",
}


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One behaviour check in words."""

    code: str
    question: str
    verdict: str
    good: bool
    changed: str
    rate: str


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """The entry against another one."""

    slug: str
    name: str
    difference: str
    interval: str
    p: str
    verdict: str


_QUESTIONS = {
    "not-deterministic": "Does the same seed decide the same twice?",
    "order-matters": "Does the order of the queries change nothing?",
    "batch-matters": "Is a query alone decided as among others?",
    "subset-matters": "Does leaving other queries out change nothing?",
    "ids-matter": "Do fresh ids change nothing?",
    "whitespace-flips": "Does white space in the question change nothing?",
    "image-flips": "Does encoding images anew change nothing?",
}


def entry_facts(entry: Entry) -> dict[str, str]:
    """Everything that an entry states and that was recorded about it, as term and value."""
    facts = {
        "Slug": entry.slug,
        "Authors": joined(entry.authors),
        "Kind": "a router, run by the benchmark" if entry.kind == "plugin" else "decisions, made elsewhere",
        "Track": TRACKS[entry.track],
        "Tier": f"{TIERS[entry.tier]}: {TIER_MEANINGS[entry.tier]}",
        "Isolation": "nothing was run" if entry.isolation is None else ISOLATION[entry.isolation],
        "Fitted on": joined(entry.data_used),
        "Parameters chosen on": joined(entry.selection_data),
        "External calls": joined(entry.external_calls, "none"),
    }
    if entry.router is not None:
        router = entry.router
        facts |= {
            "Requirement": shown(router.requirement),
            "Router": shown(router.name),
            "Parameters": shown(json.dumps(router.parameters, ensure_ascii=False, sort_keys=True)),
            "Seed": str(router.seed),
            "Fusion": "its own default" if router.fusion is None else shown(router.fusion),
            "Encoder": "the board's" if router.encoder is None else shown(router.encoder),
        }
    facts["Digest"] = shown(entry.digest)
    facts["Came in with"] = f"commit {shown(entry.commit)}" if entry.commit else "an unknown commit"
    return facts


def check_rows(entry: Entry) -> list[CheckRow]:
    """Each behaviour check, with how often a decision changed."""
    rows = []
    for check in entry.checks:
        flagged = check.code in CODES and CODES[check.code].weight == "flagged"
        verdict = "passed" if check.passed else "flagged" if flagged else "failed"
        rows.append(
            CheckRow(
                code=shown(check.code),
                question=_QUESTIONS.get(check.code, code_meaning(check.code)),
                verdict=verdict,
                good=check.passed,
                changed=f"{check.changed:,} of {check.compared:,}",
                rate=f"{check.share:.2%}",
            )
        )
    return rows


def comparisons(board: Leaderboard, entry: Entry) -> list[ComparisonRow]:
    """The entry against every other ranked one, with signs from its point of view."""
    names = {other.slug: shown(other.display_name) for other in board.entries}
    return [
        _comparison(comparison, entry.slug, names)
        for comparison in board.comparisons
        if entry.slug in (comparison.better, comparison.worse)
    ]


def _comparison(comparison: Comparison, slug: str, names: dict[str, str]) -> ComparisonRow:
    ahead = comparison.better == slug
    other = comparison.worse if ahead else comparison.better
    sign = 1.0 if ahead else -1.0
    low, high = sorted((sign * comparison.low, sign * comparison.high))
    better = sign * comparison.difference > 0
    verdict = "clearly better" if better else "clearly worse"
    return ComparisonRow(
        slug=other,
        name=names.get(other, shown(other)),
        difference=signed(sign * comparison.difference),
        interval=f"[{signed(low)}, {signed(high)}]",
        p="< 0.0001" if comparison.p_holm < 0.0001 else finer(comparison.p_holm),
        verdict=verdict if comparison.decided else "a tie",
    )


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
    """One number, with its name in the data and in words."""

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
    """Every statistic of an entry, grouped by test; unknown names come last."""
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


def _exact(value: float) -> str:
    """Four significant digits; tiny values in powers of ten, as p values are read."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
