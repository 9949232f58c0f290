"""What `mmr savings` found: routers beside single models, at points chosen on validation and along the frontier.

Costs are in USD per query here and in USD per 1,000 queries in `savings.json`, which people read. `savings` fills
these classes, `render` shows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, FiniteFloat, PlainSerializer, TypeAdapter, ValidationError, ValidationInfo
from pydantic.dataclasses import dataclass

from mmr_core.errors import DataError
from mmr_core.numerics.metrics import CostRange
from mmr_core.results.estimates import Count, Curve, Estimate, RowKind, Stored
from mmr_core.results.evaluation import LeftOut, RouterFailure
from mmr_core.results.run_result import DataFacts, LineupEntry, breach, stored_json

SAVINGS_SCHEMA_VERSION: Literal[1] = 1
QUERIES = 1000
DOCUMENT = "savings.json"
AGAIN = "run 'mmr savings --out' again"

Aim = Literal["cost", "quality"]

AIMS: tuple[Aim, ...] = ("cost", "quality")
"""What an operating point is chosen for on validation: the least cost at which the mark is reached, or the greatest
utility. The mark is the utility, on validation, of the single model that is most accurate on the training split."""


def per_thousand(cost: Estimate) -> Estimate:
    """A cost per query as one of 1,000 queries."""
    return _each(cost, lambda end: end * QUERIES)


def _each(cost: Estimate, scaled: Callable[[float], float]) -> Estimate:
    value, low, high = (None if end is None else scaled(end) for end in (cost.value, cost.low, cost.high))
    return replace(cost, value=value, low=low, high=high)


def _per_query(cost: float) -> float:
    """The cost per query that times 1,000 gives exactly this, if there is one; else the nearest."""
    near = cost / QUERIES
    candidates = (near, math.nextafter(near, 0), math.nextafter(near, math.inf))
    return next((candidate for candidate in candidates if candidate * QUERIES == cost), near)


def _estimate_from_file(cost: Estimate, info: ValidationInfo) -> Estimate:
    return _each(cost, _per_query) if info.mode == "json" else cost


def _number_from_file(cost: float, info: ValidationInfo) -> float:
    return _per_query(cost) if info.mode == "json" else cost


Cost = Annotated[
    Estimate,
    AfterValidator(_estimate_from_file),
    PlainSerializer(per_thousand, return_type=Estimate, when_used="json"),
]
"""USD per query; per 1,000 queries in JSON."""

MeanCost = Annotated[
    FiniteFloat,
    AfterValidator(_number_from_file),
    PlainSerializer(lambda cost: cost * QUERIES, return_type=float, when_used="json"),
]
"""As `Cost`, without interval."""

PER_THOUSAND = "USD per 1,000 queries"
GAIN = "utility minus that of the best single model"
RATIO = "cost over that of the best single model; 1 - ratio is saved"


@dataclass(frozen=True, kw_only=True)
class Single(Stored):
    """One model used for every query, on the test instances."""

    name: str
    title: str
    utility: Estimate
    gain: Estimate = Field(description=GAIN)
    cost: Cost = Field(description=PER_THOUSAND)
    ratio: Estimate = Field(description=RATIO)


@dataclass(frozen=True, kw_only=True)
class Chosen(Stored):
    """A router at the trade-off weights chosen on validation, on the test instances, averaged over seeds."""

    trade_off: tuple[FiniteFloat, ...] = Field(description="per unit of normalised cost, one per seed; empty: none")
    utility: Estimate
    gain: Estimate = Field(description=GAIN)
    cost: Cost = Field(description=PER_THOUSAND)
    ratio: Estimate = Field(description=RATIO)
    validation_utility: FiniteFloat | None = Field(description="what was chosen by")
    validation_cost: MeanCost | None = Field(description="what was chosen by, USD per 1,000 queries")


@dataclass(frozen=True, kw_only=True)
class Against(Stored):
    """A frontier of test operating points read at one single model: the best case, with hindsight."""

    model: str
    cost: Cost = Field(description="USD per 1,000 queries at the model's utility; infinite: never reached")
    ratio: Estimate = Field(description="that cost over the model's cost; 1 - ratio is saved; QNC for the best model")
    utility: Estimate = Field(description="at the model's cost")
    gain: Estimate = Field(description="that utility minus the model's")


@dataclass(frozen=True, kw_only=True, eq=False)
class RouterSavings(Stored):
    """One router, or one reference.

    :ivar curve: the operating points of the first seed; None where a file was read, which has none.
    """

    name: str
    kind: RowKind
    chosen: Mapping[Aim, Chosen] = Field(
        description="cost: the cheapest point that reaches the mark on validation; quality: the most accurate there; "
        "empty for references"
    )
    against: tuple[Against, ...] = Field(description="the best single model first")
    curve: Curve | None = Field(default=None, exclude=True, repr=False)


@dataclass(frozen=True, kw_only=True)
class Mark(Stored):
    """What routers had to reach on validation: the single model that is most accurate on the training split.

    Of models that are equally accurate it is the cheaper one.
    """

    model: str
    utility: FiniteFloat = Field(description="mean over the validation instances")
    cost: MeanCost = Field(description=PER_THOUSAND)
    instances: Count = Field(description="complete validation instances")


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnSavings(Stored):
    """One dataset, or several pooled.

    :ivar within: the cost range of the single models, in USD per query; None where a file was read, which has none.
    """

    dataset: str
    title: str
    members: tuple[str, ...] = Field(description="the pooled datasets; empty for one dataset")
    train: Count
    validation: Count = Field(description="part of train")
    test: Count
    evaluated: Count = Field(description="test instances whose outcomes are complete")
    left_out: tuple[LeftOut, ...]
    models_left_out: Mapping[str, str] = Field(description="models without any cost, or utility, with the reason")
    split_digest: str
    within: CostRange | None = Field(default=None, exclude=True)
    best: str = Field(description="the most accurate single model on the evaluated test instances; ties: the cheaper")
    singles: tuple[Single, ...] = Field(description="from the most accurate down")
    mark: Mark | None = Field(description="null: no validation instance is complete")
    routers: tuple[RouterSavings, ...]
    references: tuple[RouterSavings, ...]
    recommended: str | None = Field(description="chosen on validation; null: use the mark's model")
    summary: tuple[str, ...] = Field(default=(), description="the same in sentences")
    draws: Count
    draws_left_out: Count = Field(description="draws without a range of costs")
    failures: tuple[RouterFailure, ...]

    def __post_init__(self) -> None:
        if self.best not in {single.name for single in self.singles}:
            raise ValueError(f"column {self.dataset!r}: {self.best!r} is not one of its single models")
        if self.recommended is not None and self.recommended not in {router.name for router in self.routers}:
            raise ValueError(f"column {self.dataset!r}: {self.recommended!r} is recommended and not one of its routers")
        for router in self.routers:
            if set(router.chosen) != set(AIMS):
                raise ValueError(f"column {self.dataset!r}: expected a point of router {router.name!r} for each aim")

    def single(self, name: str) -> Single:
        """The single model of this name."""
        return next(single for single in self.singles if single.name == name)

    def router(self, name: str) -> RouterSavings:
        """The router of this name."""
        return next(router for router in self.routers if router.name == name)


@dataclass(frozen=True, kw_only=True)
class SavingsRouter(Stored):
    """How a router entered, as far as the page tells."""

    name: str
    canonical_id: str
    version: str
    parameters: Mapping[str, str] = Field(description="as Python writes them")
    fusion: str | None

    @classmethod
    def of(cls, entry: LineupEntry) -> SavingsRouter:
        """That of an entry of a line-up."""
        return cls(
            name=entry.name,
            canonical_id=entry.canonical_id,
            version=entry.version,
            parameters={key: repr(value) for key, value in entry.parameters.items()},
            fusion=None if entry.fusion is None else entry.fusion.name,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Savings(Stored):
    """Everything that one call of `mmr savings` found."""

    kind: Literal["savings"] = "savings"
    schema_version: Literal[1] = SAVINGS_SCHEMA_VERSION
    unit: Literal["USD per 1,000 queries"] = Field(
        default="USD per 1,000 queries", description="of every cost in the file"
    )
    data: DataFacts
    columns: tuple[ColumnSavings, ...] = Field(description="in the order asked for")
    routers: tuple[SavingsRouter, ...]
    seeds: tuple[int, ...]
    draw_seed: int
    skipped_columns: Mapping[str, str]
    skipped_routers: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def failures(self) -> tuple[RouterFailure, ...]:
        """Every router failure of every column."""
        return tuple(failure for column in self.columns for failure in column.failures)

    def to_dict(self) -> dict[str, Any]:
        """What `savings.json` holds, as plain data."""
        plain: dict[str, Any] = _SAVINGS.dump_python(self, mode="json")
        return plain

    def to_json(self) -> str:
        """The text of `savings.json`."""
        return _SAVINGS.dump_json(self, indent=2).decode() + "\n"

    @classmethod
    def from_disk(cls, path: Path) -> Savings:
        """Reads `savings.json`, given by its own path or by that of the folder it lies in.

        :raises DataError: if there is none, or it is not such a file, or not of this schema version.
        """
        file = path / DOCUMENT if path.is_dir() else path
        where = str(file)
        content = stored_json(file, missing="name a folder that 'mmr savings --out' wrote", again=AGAIN)
        if not isinstance(content, dict) or content.get("kind") != "savings":
            raise DataError("is not a file of 'mmr savings'", where=where)
        if content.get("schema_version") != SAVINGS_SCHEMA_VERSION:
            raise DataError(
                f"has schema version {content.get('schema_version')!r}, "
                f"and this program reads version {SAVINGS_SCHEMA_VERSION}",
                where=where,
                fix="read it with the version of mmr-bench that wrote it, or run again",
            )
        try:
            return _SAVINGS.validate_json(file.read_bytes())
        except ValidationError as error:
            raise breach(error, SAVINGS_SCHEMA_VERSION, where=where, again=AGAIN) from error


_SAVINGS = TypeAdapter(Savings)


def savings_json_schema() -> dict[str, Any]:
    """The JSON Schema of `savings.json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_SAVINGS.json_schema(mode="serialization")}
