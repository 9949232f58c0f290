"""What the run of one submission came to, in a form that is kept between runs."""

from __future__ import annotations

from pydantic import Field, FiniteFloat, JsonValue

from mmr_core.report.schema import Part
from mmr_leaderboard.isolation.terms import Method
from mmr_leaderboard.publishing.schema import Check, FindingDocument, Latency
from mmr_leaderboard.standing.measuring import Figures


class RouterRun(Part):
    """The router as it really ran."""

    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    fusion: str | None = None


class Verdict(Part):
    """Everything about one entry that takes time to find out.

    :ivar figures: None where the entry failed; `findings` then say why.
    :ivar statistics: those of the audit, by name.
    :ivar flags: codes that the audit raised.
    :ivar choices: the model chosen for each test instance at a few operating points, the audit's own.
    """

    figures: Figures | None
    findings: tuple[FindingDocument, ...] = ()
    checks: tuple[Check, ...] = ()
    latency: Latency | None = None
    isolation: Method | None = None
    router: RouterRun | None = None
    statistics: dict[str, FiniteFloat | None] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    choices: tuple[tuple[int, ...], ...] = ()
