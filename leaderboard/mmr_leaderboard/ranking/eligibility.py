"""Decides whether an entry is ranked.

An entry is ranked when the router was reproduced in isolation, it was not refused, and no audit code that blocks is
open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmr_leaderboard.findings import CODES
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.schema import Tier
from mmr_leaderboard.submission.manifest import Manifest

SELF_REPORTED = "self-reported decisions are shown and not ranked"
UNVERIFIED = "it was run without isolation"


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
