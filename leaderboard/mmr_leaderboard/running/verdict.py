"""What the run of one submission came to, in a form that is kept between runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, FiniteFloat, JsonValue

from mmr_leaderboard.documents import StrictModel
from mmr_leaderboard.publish.schema import Check, Latency, PublishedFinding
from mmr_leaderboard.ranking.measuring import Figures
from mmr_leaderboard.sandbox.contract import Method

LONGEST = 10_000
"""Bytes that a router may state its parameters in."""


class RouterRun(StrictModel):
    """The router as it ran, in the words of the isolated process: a statement, which nothing rests on."""

    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    fusion: str | None = None

    @classmethod
    def stated(cls, words: Mapping[str, Any]) -> RouterRun | None:
        """The statement as far as it is one; None where it is not, or is longer than one would be.

        What JSON has no word for is none, so that what is kept and published reads back as it was.
        """
        try:
            told = cls(parameters=words.get("parameters", {}), fusion=words.get("fusion"))
            text = json.dumps(told.model_dump(), allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        return told if len(text) <= LONGEST else None


class Verdict(StrictModel):
    """Everything about one entry that takes time to find out.

    :ivar figures: None where the entry failed; `findings` then say why.
    :ivar statistics: those of the audit, by name.
    :ivar flags: codes that the audit raised.
    :ivar choices: the model chosen for each test instance at a few operating points, the audit's own.
    """

    figures: Figures | None
    findings: tuple[PublishedFinding, ...] = ()
    checks: tuple[Check, ...] = ()
    latency: Latency | None = None
    isolation: Method | None = None
    router: RouterRun | None = None
    statistics: dict[str, FiniteFloat | None] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
