"""What `leaderboard.json` looks like: the versioned schema of a published leaderboard, as pydantic models.

Data only. Everything else that is published is made from this document and from nothing else. Unknown fields are
refused. JSON knows no infinity: an infinite figure is null and named in the `infinite` list beside it, as in
`mmr_core.results.schema`, whose estimates and metrics are used here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, JsonValue

from mmr_core.results.schema import ChosenDocument, EstimateDocument, MetricsDocument, Part
from mmr_leaderboard.sandbox.contract import Method
from mmr_leaderboard.submission.manifest import Kind, Track

SCHEMA_VERSION: Literal[1] = 1

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Tier = Literal["reproduced", "self-reported", "unverified"]
Point = tuple[FiniteFloat, FiniteFloat]


class FindingDocument(Part):
    """A finding, as `mmr_leaderboard.findings.Finding`."""

    code: str
    where: str
    message: str
    examples: tuple[str, ...] = ()
    count: int = 1


class ModelFacts(Part):
    """One candidate model."""

    name: str
    title: str
    utility: FiniteFloat = Field(description="mean over the evaluated test instances")
    cost: FiniteFloat = Field(description="mean in USD per query")


class DatasetFacts(Part):
    """One dataset of the board."""

    name: str
    title: str
    scenario: str
    test: Count = Field(description="test instances that are evaluated")
    models: tuple[ModelFacts, ...] = Field((), description="single models on this dataset; empty where not recorded")


class TableFacts(Part):
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
    models: tuple[ModelFacts, ...]
    cheapest: str
    dearest: str
    best: str
    cost_low: FiniteFloat = Field(description="c_min, USD per query; frontiers begin here")
    cost_high: FiniteFloat = Field(description="c_max; frontiers end here")


class Settings(Part):
    """How everything was measured."""

    encoder: str
    draws: Count
    draw_seed: Count
    level: FiniteFloat
    pinned: bool = Field(description="true: this is the table that submissions pin; false: a trial on another one")
    versions: dict[str, str]


class SourceFacts(Part):
    """Where an entry's code is."""

    url: str
    commit: str
    license: str
    open_source: bool


class RouterFacts(Part):
    """What was run, with everything it was made with."""

    requirement: str
    name: str
    parameters: dict[str, JsonValue] = Field(
        description="defaults included, as the isolated process states them; those of the manifest where it does not"
    )
    seed: int
    fusion: str | None = Field(description="as the isolated process states it; null: none, or not stated")
    encoder: str | None


class Latency(Part):
    """How long the router takes; wall-clock figures, which differ from machine to machine.

    The clock is read in the isolated process, where submitted code runs too: nothing that is ranked rests on it.
    """

    median_ms: EstimateDocument = Field(description="one query asked by itself")
    p99_ms: EstimateDocument
    queries_per_second: EstimateDocument = Field(description="queries asked at once; over several batches")
    asked: Count = Field(description="how many queries were asked one by one")


class Check(Part):
    """One behaviour check, by the name of its code."""

    code: str
    passed: bool
    compared: Count = Field(description="decisions that were compared")
    changed: Count = Field(description="decisions that were clearly different")
    share: Share = Field(description="changed / compared")


class Audit(Part):
    """The statistical audits of one row; the documentation's page on audits says what each is read against.

    :ivar flags: names of codes that a maintainer has to look at.
    :ivar signed_off: those of them that a maintainer signed off, with the reason.
    """

    statistics: dict[str, FiniteFloat | None] = Field(description="by name; documented in docs/audit.md")
    flags: tuple[str, ...] = ()
    signed_off: dict[str, str] = Field(default_factory=dict)


class Entry(Part):
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
    unranked_because: str = Field("", description="why it has no rank")
    metrics: MetricsDocument
    chosen: ChosenDocument | None = Field(description="null for decisions, which have no validation")
    datasets: dict[str, MetricsDocument]
    scenarios: dict[str, MetricsDocument] = Field(description="macro averages over the scenario's datasets")
    frontier: tuple[Point, ...] = Field(
        description="corners (cost, utility) of the frontier that nAUC is the area of, at most 200"
    )
    points: tuple[Point, ...] = Field(description="Pareto operating points (cost, utility), at most 200")
    dataset_frontiers: dict[str, tuple[Point, ...]]
    latency: Latency | None
    checks: tuple[Check, ...] = ()
    audit: Audit
    findings: tuple[FindingDocument, ...] = ()


class Reference(Part):
    """One reference row: always there, never ranked."""

    name: str
    title: str
    metrics: MetricsDocument
    datasets: dict[str, MetricsDocument]
    scenarios: dict[str, MetricsDocument]
    frontier: tuple[Point, ...]
    dataset_frontiers: dict[str, tuple[Point, ...]]


class Refused(Part):
    """A submission that has no row, and why."""

    slug: str
    display_name: str
    findings: tuple[FindingDocument, ...]


class Comparison(Part):
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


class Leaderboard(Part):
    """The whole document."""

    schema_version: Literal[1] = SCHEMA_VERSION
    title: str
    table: TableFacts
    settings: Settings
    entries: tuple[Entry, ...] = Field(description="ranked ones by nAUC, then the unranked")
    references: tuple[Reference, ...]
    refused: tuple[Refused, ...]
    comparisons: tuple[Comparison, ...]
