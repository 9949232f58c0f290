"""What the page of one entry says about it, as plain rows for the template."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mmr_core.render.numbers import finer, signed
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.publish.schema import Comparison, Entry, Leaderboard
from mmr_leaderboard.publish.words import TIER_MEANINGS, TIERS, TRACKS, code_meaning, joined, shown

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
    """Everything that an entry states and that was recorded about it, as pairs of a term and its value."""
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
    """Each behaviour check with how often a decision changed."""
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
    """The entry against every other ranked one, signs as seen from it."""
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
