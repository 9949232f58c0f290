"""What `leaderboard.json` looks like: the versioned schema of a published leaderboard, as pydantic models.

Data only. Everything else that is published is made from this document and from nothing else. Unknown fields are
refused. Estimates, metrics and single models are those of `mmr_core.results`; an infinite figure is null in JSON and
named in the `infinite` list beside it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from mmr_core.results import Estimate, Metrics, OperatingPoint, SingleModel
from mmr_leaderboard.findings import Finding
from mmr_leaderboard.sandbox.contract import Method
from mmr_leaderboard.submission.manifest import Kind, Track

SCHEMA_VERSION: Literal[1] = 1

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Tier = Literal["reproduced", "self-reported", "unverified"]
Point = tuple[FiniteFloat, FiniteFloat]
"""Cost and utility."""


class StrictModel(BaseModel):
    """A part of a document that is published, or kept between runs: frozen, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedFinding(StrictModel):
    """A finding as a board states it: a `findings.Finding`, whose code may be one that only a later version knows."""

    code: str
    where: str
    message: str
    examples: tuple[str, ...] = ()
    count: int = 1

    @classmethod
    def of(cls, found: Finding) -> PublishedFinding:
        """A finding of this run."""
        return cls(**asdict(found))


class DatasetFacts(StrictModel):
    """One dataset of the board."""

    name: str
    title: str
    scenario: str
    test: Count = Field(description="test instances that are evaluated")
    models: tuple[SingleModel, ...] = Field((), description="single models on this dataset; empty where not recorded")


class TableFacts(StrictModel):
    """What is evaluated on, with the digests that submissions pin."""

    source: str
    synthetic: bool = Field(description="true: outcomes were generated, not observed; every page says so")
    column: str = Field(description="the dataset or mixture that is ranked on")
    title: str
    digest: str
    split: str
    split_digest: str
    pool_digest: str
    train: Count
    validation: Count
    test: Count
    datasets: tuple[DatasetFacts, ...]
    models: tuple[SingleModel, ...]
    cheapest: str
    dearest: str
    best: str
    cost_low: FiniteFloat = Field(description="c_min, USD per query; frontiers begin here")
    cost_high: FiniteFloat = Field(description="c_max; frontiers end here")


class Settings(StrictModel):
    """How everything was measured."""

    encoder: str
    draws: Count
    draw_seed: Count
    level: FiniteFloat
    pinned: bool = Field(description="true: this is the table that submissions pin; false: a trial on another one")
    versions: dict[str, str]


class CalibrationFit(StrictModel):
    """A built-in router that the runner fitted itself, from which the limits of this board follow."""

    router: str
    seed: int
    residual_share: FiniteFloat
    permutation_share: FiniteFloat


class LimitFacts(StrictModel):
    """The limits that audits were read against, and what they came from.

    The constants of the version were read off honest runs (docs/audit.md); the first two rise to the greatest share
    among `fits`. No submission takes part in them.
    """

    version: Count
    residual: FiniteFloat
    permutation: FiniteFloat
    placebo: FiniteFloat
    revision: FiniteFloat
    fits: tuple[CalibrationFit, ...] = ()


class SourceFacts(StrictModel):
    """Where an entry's code is."""

    url: str
    commit: str
    license: str
    open_source: bool


class RouterFacts(StrictModel):
    """What was run, with everything it was made with."""

    requirement: str
    name: str
    parameters: dict[str, JsonValue] = Field(
        description="defaults included, as the isolated process states them; those of the manifest where it does not"
    )
    seed: int
    fusion: str | None = Field(description="as the isolated process states it; null: none, or not stated")
    encoder: str | None


class Latency(StrictModel):
    """How long the router takes; wall-clock figures, which differ from machine to machine.

    The clock is read in the isolated process, where submitted code runs too: nothing that is ranked rests on it.
    """

    median_ms: Estimate = Field(description="one query asked by itself")
    p99_ms: Estimate
    queries_per_second: Estimate = Field(description="queries asked at once; over several batches")
    asked: Count = Field(description="how many queries were asked one by one")


class Check(StrictModel):
    """One behaviour check, by the name of its code."""

    code: str
    passed: bool
    compared: Count = Field(description="decisions that were compared")
    changed: Count = Field(description="decisions that were clearly different")
    share: Share = Field(description="changed / compared")


class Audit(StrictModel):
    """The statistical audits of one row; the documentation's page on audits says what each is read against.

    :ivar flags: names of codes that a maintainer has to look at.
    :ivar signed_off: those of them that a maintainer signed off, with the reason.
    """

    statistics: dict[str, FiniteFloat | None] = Field(description="by name; documented in docs/audit.md")
    flags: tuple[str, ...] = ()
    signed_off: dict[str, str] = Field(default_factory=dict)
    revision_of: str = Field("", description="slug and digest of the version that it seems to correct")


class Entry(StrictModel):
    """One row of the leaderboard."""

    slug: str
    display_name: str
    authors: tuple[str, ...]
    kind: Kind
    track: Track
    tier: Tier
    source: SourceFacts | None
    router: RouterFacts | None
    data_used: tuple[str, ...]
    selection_data: tuple[str, ...]
    external_calls: tuple[str, ...]
    notes: str
    digest: str = Field(description="of the whole submission; what a later version names in `supersedes`")
    commit: str = Field(description="of the repository, that brought this version in; empty where unknown")
    isolation: Method | None = Field(description="how it was run; null where nothing was run")
    rank: int | None = Field(
        description="its place by nAUC; those that cannot be told apart from the best of their group share "
        "its place; null: unranked"
    )
    rank_low: int | None = Field(
        description="lower end of the 95 % interval of its place among all ranked entries over the "
        "paired draws; entries that share a rank have places of their own, so rank may lie below it"
    )
    rank_high: int | None = Field(description="its upper end")
    ties: tuple[str, ...] = Field((), description="slugs that it cannot be told apart from (Holm, 5 %)")
    copy_of: str = Field("", description="slug of the entry that decided the same before; they share one place")
    unranked_because: str = Field("", description="why it has no rank")
    metrics: Metrics
    chosen: OperatingPoint | None = Field(description="null for decisions, which have no validation")
    datasets: dict[str, Metrics]
    scenarios: dict[str, Metrics] = Field(description="macro averages over the scenario's datasets")
    frontier: tuple[Point, ...] = Field(
        description="corners (cost, utility) of the frontier that nAUC is the area of, at most 200"
    )
    points: tuple[Point, ...] = Field(description="Pareto operating points (cost, utility), at most 200")
    dataset_frontiers: dict[str, tuple[Point, ...]]
    latency: Latency | None
    checks: tuple[Check, ...] = ()
    audit: Audit
    findings: tuple[PublishedFinding, ...] = ()


class Reference(StrictModel):
    """One reference row: always there, never ranked."""

    name: str
    title: str
    metrics: Metrics
    datasets: dict[str, Metrics]
    scenarios: dict[str, Metrics]
    frontier: tuple[Point, ...]
    dataset_frontiers: dict[str, tuple[Point, ...]]


class Refused(StrictModel):
    """A submission that has no row, and why."""

    slug: str
    display_name: str
    findings: tuple[PublishedFinding, ...]


class Comparison(StrictModel):
    """nAUC of the better of two ranked entries minus that of the other, on the same draws."""

    better: str
    worse: str
    difference: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    p: Share = Field(
        description="two-sided, from the difference over its standard deviation among the paired draws (normal)"
    )
    p_holm: Share = Field(description="after Holm's correction for all pairs of ranked entries")
    decided: bool = Field(description="p_holm below 0.05")


class Leaderboard(StrictModel):
    """The whole document."""

    schema_version: Literal[1] = SCHEMA_VERSION
    title: str
    table: TableFacts
    settings: Settings
    limits: LimitFacts | None = Field(None, description="null: rows are not audited, or were by an earlier version")
    entries: tuple[Entry, ...] = Field(description="ranked ones by nAUC, then the unranked")
    references: tuple[Reference, ...]
    refused: tuple[Refused, ...]
    comparisons: tuple[Comparison, ...]
