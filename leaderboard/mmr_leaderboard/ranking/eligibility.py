"""Decides whether an entry is ranked.

An entry is ranked when the router was reproduced in isolation, it was not refused, and no audit code that blocks is
open. Excess audits are read against the constants of `mmr_leaderboard.audit` and against what the honest entries of
this very board reach: the built-in routers that were reproduced here are honest by construction. Where features say
more than those that the limits were calibrated on, the built-in routers show it, and the limits rise to what they
reach; they never fall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmr_leaderboard.audit.excess import SIGNIFICANT
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.schema import Tier
from mmr_leaderboard.submission.manifest import Manifest

SELF_REPORTED = "self-reported decisions are shown and not ranked"
UNVERIFIED = "it was run without isolation"

EXCESSES = {"excess-residual": "residual", "excess-permutation": "permutation"}
"""Flags that are read against the range of honest entries, with the statistic that each looks at."""


@dataclass(frozen=True, kw_only=True)
class JudgedSubmission:
    """A submission with its verdict.

    :param digest: of the whole submission.
    :param commit: that brought this version into the repository; empty where unknown.
    :param signed_off: code to reason, for what a maintainer signed off for this version.
    """

    slug: str
    manifest: Manifest
    digest: str
    commit: str
    verdict: Verdict
    signed_off: Mapping[str, str]


def unranked_because(one: JudgedSubmission) -> str:
    """Why an entry with figures has no rank; empty if it is ranked."""
    if one.manifest.kind == "decisions":
        return SELF_REPORTED
    if one.verdict.isolation == "unsafe":
        return UNVERIFIED
    blocking = [code for code in one.verdict.flags if CODES[code].weight == "refused" and code not in one.signed_off]
    return f"{blocking[0]}: {CODES[blocking[0]].meaning}" if blocking else ""


def tier_of(one: JudgedSubmission) -> Tier:
    """How far an entry's figures can be trusted; only "reproduced" ones are ranked."""
    if one.manifest.kind == "decisions":
        return "self-reported"
    return "unverified" if one.verdict.isolation == "unsafe" else "reproduced"


def read_against_honest(verdict: Verdict, honest: Sequence[Verdict]) -> Verdict:
    """The verdict with its limits raised to the range of honest entries, and the flags that remain.

    :param honest: verdicts on built-in routers, without the one being read; those that a placebo blocks do not count.
    """
    statistics, flags = dict(verdict.statistics), list(verdict.flags)
    for code, name in EXCESSES.items():
        limit, share, error = (statistics.get(key) for key in (f"limits_{name}", f"{name}_share", f"{name}_error"))
        if limit is None or share is None or error is None:
            continue
        reached = [one.statistics.get(f"{name}_share") for one in honest if "placebo-skill" not in one.flags]
        raised = max([limit, *(value for value in reached if value is not None)])
        statistics[f"limits_{name}"] = raised
        if code in flags and share - SIGNIFICANT * error <= raised:
            flags.remove(code)
    return verdict.model_copy(update={"statistics": statistics, "flags": tuple(flags)})
