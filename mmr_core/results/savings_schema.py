"""What `savings.json` looks like: the versioned schema of a page on savings, as pydantic models.

Unknown fields are refused. As in `results.json`, an infinite figure is null and is named in the `infinite` list
beside it: a cost that is infinite is one at which the utility is never reached.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from mmr_core.results.schema import Count, DataDocument, EstimateDocument, FailureDocument, LeftOutDocument, Part

SAVINGS_SCHEMA_VERSION: Literal[1] = 1


class SingleDocument(Part):
    """One model used for every query."""

    name: str
    title: str
    utility: EstimateDocument
    gain: EstimateDocument = Field(description="utility minus that of the best single model")
    cost: EstimateDocument = Field(description="USD per 1,000 queries")
    ratio: EstimateDocument = Field(description="cost over that of the best single model; 1 - ratio is saved")


class ChosenDocument(Part):
    """A router at the trade-off weights chosen on validation, on the test instances."""

    trade_off: tuple[FiniteFloat, ...] = Field(description="per unit of normalised cost, one per seed; empty: none")
    utility: EstimateDocument
    gain: EstimateDocument = Field(description="utility minus that of the best single model")
    cost: EstimateDocument = Field(description="USD per 1,000 queries")
    ratio: EstimateDocument = Field(description="cost over that of the best single model; 1 - ratio is saved")
    validation_utility: FiniteFloat | None = Field(description="what was chosen by")
    validation_cost: FiniteFloat | None = Field(description="what was chosen by, USD per 1,000 queries")


class AgainstDocument(Part):
    """A frontier of test operating points read at one single model: the best case, with hindsight."""

    model: str
    cost: EstimateDocument = Field(description="USD per 1,000 queries at the model's utility; infinite: never reached")
    ratio: EstimateDocument = Field(description="that cost over the model's cost; 1 - ratio is saved")
    utility: EstimateDocument = Field(description="at the model's cost")
    gain: EstimateDocument = Field(description="that utility minus the model's")


class RowDocument(Part):
    """One router, or one reference."""

    name: str
    kind: Literal["router", "reference"]
    chosen: dict[Literal["cost", "quality"], ChosenDocument] = Field(
        description="cost: the cheapest point that reaches the mark on validation; quality: the most accurate there; "
        "empty for references"
    )
    against: tuple[AgainstDocument, ...] = Field(description="the best single model first")


class MarkDocument(Part):
    """What routers had to reach on validation: the single model that is most accurate on the training split."""

    model: str
    utility: FiniteFloat
    cost: FiniteFloat = Field(description="USD per 1,000 queries")
    instances: Count


class ColumnDocument(Part):
    """One dataset, or several pooled."""

    dataset: str
    title: str
    members: tuple[str, ...] = Field(description="the pooled datasets; empty for one dataset")
    train: Count
    validation: Count = Field(description="part of train")
    test: Count
    evaluated: Count = Field(description="test instances whose outcomes are complete")
    left_out: tuple[LeftOutDocument, ...]
    models_left_out: dict[str, str] = Field(description="models without any cost, or utility, with the reason")
    split_digest: str
    best: str = Field(description="the most accurate single model on the evaluated test instances")
    singles: tuple[SingleDocument, ...]
    mark: MarkDocument | None
    routers: tuple[RowDocument, ...]
    references: tuple[RowDocument, ...]
    recommended: str | None = Field(description="chosen on validation; null: use the mark's model")
    summary: tuple[str, ...] = Field(description="the same in sentences")
    draws: Count
    draws_left_out: Count
    failures: tuple[FailureDocument, ...]


class RouterDocument(Part):
    """How a router entered."""

    name: str
    canonical_id: str
    version: str
    parameters: dict[str, str] = Field(description="as Python writes them")
    fusion: str | None


class SavingsDocument(Part):
    """The whole file."""

    kind: Literal["savings"] = "savings"
    schema_version: Literal[1] = SAVINGS_SCHEMA_VERSION
    unit: Literal["USD per 1,000 queries"] = Field("USD per 1,000 queries", description="of every cost in the file")
    data: DataDocument
    columns: tuple[ColumnDocument, ...]
    routers: tuple[RouterDocument, ...]
    seeds: tuple[int, ...]
    draw_seed: int
    skipped_columns: dict[str, str]
    skipped_routers: dict[str, str]
    versions: dict[str, str]
