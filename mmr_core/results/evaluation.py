"""What an evaluation found: rows of estimates in slices, columns and averages.

`runner` fills these classes, `run_result` puts them together, `render` shows them. The fields are those of
`results.json`, in its order; draws and curves are kept in the Parquet files beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, PlainSerializer, WithJsonSchema
from pydantic.dataclasses import dataclass

from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import METRICS, CostRange
from mmr_core.results.estimates import (
    MEANINGS,
    ByName,
    Count,
    Draws,
    Estimate,
    Facts,
    Front,
    Metrics,
    RowKind,
    Stored,
)

SliceKind = Literal["dataset", "mixture", "category"]

PAIRED_METRICS = tuple(metric.name for metric in METRICS.values() if metric.paired)
"""The metrics that rows are compared on in pairs: those that are never infinite."""


def reached(qnc: float | None) -> bool | None:
    """Whether a quality-neutral cost is reached: False where it is infinite, None where it has no figure."""
    return None if qnc is None else math.isfinite(qnc)


def _pareto_from_file(stored: Any) -> Any:
    """Puts infinity where a file says that QNC is not reached."""
    if not isinstance(stored, dict) or "qnc_reached" not in stored:
        return stored
    figures = {metric: figure for metric, figure in stored.items() if metric != "qnc_reached"}
    if (figures.get("qnc") is not None) != (stored["qnc_reached"] is True):
        raise ValueError("pareto.qnc and pareto.qnc_reached disagree")
    return {**figures, "qnc": math.inf} if stored["qnc_reached"] is False else figures


def _demand_figures(figures: Mapping[str, float | None]) -> Mapping[str, float | None]:
    for metric, figure in figures.items():
        if figure is not None and not math.isfinite(figure) and (metric, figure) != ("qnc", math.inf):
            raise ValueError(f"{metric} is {figure}; only qnc can be infinite")
    return figures


def _pareto_for_file(figures: Mapping[str, float | None]) -> dict[str, float | bool | None]:
    return {
        **figures,
        "qnc": figures["qnc"] if reached(figures["qnc"]) else None,
        "qnc_reached": reached(figures["qnc"]),
    }


_NUMBER, _FLAG = ({"anyOf": [{"type": kind}, {"type": "null"}]} for kind in ("number", "boolean"))
QNC_REACHED = "false: QNC is +infinity; null: it has no figure"

Pareto = Annotated[
    Mapping[str, float | None],
    BeforeValidator(_pareto_from_file),
    ByName(MEANINGS),
    AfterValidator(_demand_figures),
    PlainSerializer(_pareto_for_file, when_used="json"),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                **{metric: {**_NUMBER, "description": meaning} for metric, meaning in MEANINGS.items()},
                "qnc_reached": {**_FLAG, "description": QNC_REACHED},
            },
            "required": [*MEANINGS, "qnc_reached"],
            "additionalProperties": False,
        },
        mode="serialization",
    ),
]
"""The metrics on Pareto points joined by lines, without intervals."""

OperatingPoint = Annotated[
    Mapping[str, Estimate],
    ByName(
        {
            "trade_off": "weight per unit of normalised cost",
            "utility": "mean over the test instances",
            "cost": "mean in USD per query",
        }
    ),
    PlainSerializer(
        lambda point: {name: point[name] for name in ("utility", "cost", "trade_off")},
        return_type=dict[str, Estimate],
        when_used="json",
    ),
]
"""The operating point chosen on validation, averaged over seeds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MacroRow(Stored):
    """One router, or one reference: its figures, averaged over datasets or over scenarios.

    :ivar name: as a person types it, or the name of a reference.
    :ivar draws: [B] per metric, the figure of each bootstrap draw averaged over seeds, NaN where it has none; empty
        where a file was read without its draws.
    """

    name: str
    kind: RowKind
    metrics: Metrics
    qnc_reached: bool | None = Field(init=False, description=QNC_REACHED)
    draws: Draws = Field(default_factory=dict, exclude=True, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "qnc_reached", reached(self.metrics["qnc"].value))


@dataclass(frozen=True, kw_only=True, eq=False)
class Row(MacroRow):
    """One router, or one reference, on one slice.

    :ivar curves: one per seed, the operating points on the Pareto front, with trade-off weights of normalised cost;
        empty where a file was read without its curves.
    """

    pareto: Pareto = Field(description="the metrics on Pareto points joined by lines, without intervals")
    chosen: Annotated[
        OperatingPoint | Annotated[dict[str, Estimate], Field(max_length=0)],
        BeforeValidator(lambda stored: {} if stored is None else stored),
        PlainSerializer(lambda chosen: chosen or None, return_type=OperatingPoint | None, when_used="json"),
    ] = Field(default_factory=dict, description="null for references, which are not fitted")
    curves: tuple[Front, ...] = Field(default=(), exclude=True, repr=False)


@dataclass(frozen=True, kw_only=True)
class SingleModel(Stored):
    """One model used for every query of a slice."""

    name: str
    title: str
    utility: FiniteFloat = Field(description="mean over the evaluated test instances")
    cost: FiniteFloat = Field(description="mean in USD per query")


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice(Stored):
    """All rows on one set of test instances: a whole column, one dataset of a mixture, or one category."""

    name: str = Field(description="of the dataset or mixture, or the category")
    kind: SliceKind
    instances: Count = Field(description="complete test instances that were evaluated")
    draws: int = Field(ge=1, description="bootstrap draws behind its intervals")
    draws_left_out: Count = Field(description="draws in which the cheapest model was not cheaper than the dearest")
    cheapest: str
    dearest: str
    best: str = Field(description="the most accurate single model; ties: the cheaper")
    c_min: FiniteFloat = Field(description="mean cost of the cheapest single model, USD per query")
    c_max: FiniteFloat = Field(description="mean cost of the dearest single model, USD per query")
    floor_utility: FiniteFloat = Field(description="mean utility of the cheapest single model")
    best_cost: FiniteFloat = Field(description="mean cost of the best single model, USD per query")
    best_utility: FiniteFloat = Field(description="mean utility of the best single model")
    models: tuple[SingleModel, ...]
    rows: tuple[Row, ...] = Field(min_length=1)

    def __post_init__(self) -> None:
        if self.c_min >= self.c_max:
            raise ValueError(f"slice {self.name!r}: expected c_min below c_max, got {self.c_min} and {self.c_max}")
        if absent := {self.cheapest, self.dearest, self.best} - {model.name for model in self.models}:
            raise ValueError(f"slice {self.name!r}: {min(absent)!r} is not one of its models")
        _demand_unique(self.rows, f"slice {self.name!r}")
        for row in self.rows:
            for drawn in row.draws.values():
                if len(drawn) != self.draws:
                    expected = f"expected {self.draws} draws of row {row.name!r}"
                    raise ValueError(f"slice {self.name!r}: {expected}, got {len(drawn)}")

    @property
    def within(self) -> CostRange:
        """The cost range that frontiers are measured on, with the best single model."""
        return CostRange(
            low=self.c_min,
            high=self.c_max,
            floor=self.floor_utility,
            best_cost=self.best_cost,
            best_utility=self.best_utility,
        )

    def row(self, name: str) -> Row:
        """The row of a router or reference by name."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True, kw_only=True)
class LeftOut(Stored):
    """Test instances of one dataset that were not evaluated, because an outcome of a model is missing."""

    dataset: str
    instances: Count
    of: Count = Field(description="test instances of the dataset")
    models: Mapping[str, Count] = Field(description="missing outcomes per model")


@dataclass(frozen=True, kw_only=True)
class RouterFailure(Stored):
    """A router that raised or broke its contract; the others went on."""

    router: str
    dataset: str
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Timing(Stored):
    """Seconds one router took on one column, all seeds together."""

    router: str
    fit: FiniteFloat
    predict: FiniteFloat


@dataclass(frozen=True, kw_only=True, eq=False)
class Column(Stored):
    """Everything about one dataset, or one mixture: one fit per router and seed."""

    dataset: str
    title: str
    scenario: str
    members: tuple[str, ...] = Field(description="datasets of a mixture that are present; empty for a dataset")
    train: Count = Field(description="instances in the training split, the validation part included")
    validation: Count
    test: Count = Field(description="instances in the test split, before incomplete ones are left out")
    left_out: tuple[LeftOut, ...]
    split_digest: str
    cost_scale: FiniteFloat = Field(description="USD; the largest training cost, which normalises costs (Eq. S1)")
    features: Facts
    whole: Slice
    slices: tuple[Slice, ...] = Field(description="the datasets of a mixture, or the categories of a dataset")
    skipped: Mapping[str, str] = Field(description="slices that could not be measured, with the reason")
    failures: tuple[RouterFailure, ...]
    timings: tuple[Timing, ...]

    def __post_init__(self) -> None:
        places = [(part.kind, part.name) for part in (self.whole, *self.slices)]
        if twice := [name for kind, name in places if places.count((kind, name)) > 1]:
            raise ValueError(f"column {self.dataset!r} has two slices {twice[0]!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Macro(Stored):
    """Averages over the datasets of a scenario, or over scenarios ("all")."""

    name: str
    parts: tuple[str, ...] = Field(description="the datasets, or the scenarios, that are averaged")
    rows: tuple[MacroRow, ...]

    def __post_init__(self) -> None:
        _demand_unique(self.rows, f"average {self.name!r}")


@dataclass(frozen=True, kw_only=True)
class Difference(Stored):
    """One metric of one router minus that of another, on the same draws."""

    slice: str
    metric: str
    first: str
    second: str
    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    decided: bool = Field(init=False, description="whether the interval excludes 0")

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"the interval ends before it begins: [{self.low}, {self.high}]")
        object.__setattr__(self, "decided", self.low > 0 or self.high < 0)


def difference_of(
    name: str,
    metric: str,
    first: str,
    second: str,
    value: float,
    first_draws: NDArray[np.float64],
    second_draws: NDArray[np.float64],
) -> Difference | None:
    """The difference of two rows with the interval of their paired draws; None where no draw gives one.

    :param name: the slice's.
    :param value: the figure of the first row minus that of the second.
    :param first_draws: [B] of the first row, NaN where a draw has no figure; likewise of the second.
    """
    ends = interval(first_draws - second_draws)
    if ends is None:
        return None
    return Difference(slice=name, metric=metric, first=first, second=second, value=value, low=ends[0], high=ends[1])


def _demand_unique(rows: Sequence[MacroRow], where: str) -> None:
    names = [(row.kind, row.name) for row in rows]
    twice = [name for kind, name in names if names.count((kind, name)) > 1]
    if twice:
        raise ValueError(f"{where} has two rows {twice[0]!r}")
