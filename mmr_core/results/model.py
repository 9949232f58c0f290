"""What an evaluation comes to: estimates with intervals, in rows, slices and columns.

Data only. `protocol` and `references` fill it, `report` prints and stores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import METRICS, CostRange
from mmr_core.numerics.sweep import OperatingCurve

METRIC_NAMES = tuple(METRICS)
"""The metrics of a row, in the order in which tables show them."""

Floats = NDArray[np.float64]

NO_DRAW = "no draw gave a figure"

RowKind = Literal["router", "reference"]
SliceKind = Literal["dataset", "mixture", "category"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval.

    :param value: the figure on all instances, averaged over seeds; infinity is a value (QNC); None has a `reason`.
    :param low: the lower end; None where no draw gave a figure.
    :param high: the upper end.
    :param reason: why there is no value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def estimate(value: float | None, draws: Floats, reason: str = "") -> Estimate:
    """A figure with the percentile interval of its draws."""
    if value is None:
        return Estimate(value=None, reason=reason)
    ends = interval(draws)
    if ends is None:
        return Estimate(value=value, reason=NO_DRAW)
    return Estimate(value=value, low=ends[0], high=ends[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One router, or one reference, on one slice.

    :param name: as a person types it, or the name of a reference.
    :param metrics: an estimate for each of `METRIC_NAMES`.
    :param pareto: the same metrics on Pareto points joined by lines, without interval.
    :param chosen: "utility", "cost" (USD) and "trade_off" at the trade-off weight chosen on validation, averaged over
        seeds; empty for references, which are not fitted.
    :param draws: [B] per metric, the figure of each bootstrap draw averaged over seeds; NaN where it has none.
    :param curves: one per seed: the operating points on the Pareto front; trade-off weights of normalised cost.
    """

    name: str
    kind: RowKind
    metrics: Mapping[str, Estimate]
    pareto: Mapping[str, float | None]
    draws: Mapping[str, NDArray[np.float64]]
    curves: tuple[OperatingCurve, ...]
    chosen: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SingleModel:
    """One model used for every query of a slice: means over the evaluated test instances, cost in USD."""

    name: str
    title: str
    utility: float
    cost: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """All rows on one set of test instances: a whole column, one dataset of a mixture, or one category.

    :param name: the dataset's name, or the category.
    :param instances: how many complete test instances were evaluated.
    :param draws: how many bootstrap draws its intervals rest on.
    :param draws_left_out: draws in which the cheapest model was not cheaper than the dearest.
    """

    name: str
    kind: SliceKind
    instances: int
    draws: int
    draws_left_out: int
    within: CostRange
    cheapest: str
    dearest: str
    best: str
    models: tuple[SingleModel, ...]
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of a router or reference by name."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Test instances of one dataset that were not evaluated because an outcome of a model is missing.

    :param models: for each model that misses outcomes, how many.
    """

    dataset: str
    instances: int
    of: int
    models: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class RouterFailure:
    """A router that raised or broke its contract; the other routers go on."""

    router: str
    dataset: str
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds one router took on one column, all seeds together."""

    router: str
    fit: float
    predict: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """Everything about one dataset, or one mixture: one fit per router and seed.

    :param whole: all test instances.
    :param slices: the datasets of a mixture, then the categories of a dataset.
    :param skipped: slices that could not be measured, with the reason.
    :param cost_scale: USD; the largest cost of the training split, which normalises costs (Eq. S1).
    """

    dataset: str
    title: str
    scenario: str
    members: tuple[str, ...]
    train: int
    validation: int
    test: int
    left_out: tuple[LeftOut, ...]
    split_digest: str
    cost_scale: float
    features: Mapping[str, Any]
    whole: Slice
    slices: tuple[Slice, ...]
    skipped: Mapping[str, str]
    failures: tuple[RouterFailure, ...]
    timings: tuple[Timing, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Macro:
    """Averages over datasets (or over scenarios) of one row.

    :param name: the scenario, or "all" for the mean over scenarios.
    :param parts: the datasets, or the scenarios, that are averaged.
    :param rows: router or reference name, its kind, and an estimate per metric.
    """

    name: str
    parts: tuple[str, ...]
    rows: tuple[MacroRow, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class MacroRow:
    """One router or reference in a `Macro`; draws as in `Row`."""

    name: str
    kind: RowKind
    metrics: Mapping[str, Estimate]
    draws: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of one router minus that of another, on the same draws.

    :param decided: whether the 95 % interval excludes 0.
    """

    slice: str
    metric: str
    first: str
    second: str
    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class FusionEntry:
    """The fusion that a router was given.

    :param transductive: whether it looks at all queries of a batch at once, which ranking refuses.
    """

    name: str
    canonical_id: str
    version: str
    parameters: Mapping[str, Any]
    transductive: bool


@dataclass(frozen=True, kw_only=True)
class LineupEntry:
    """How a router entered the run: everything that is needed to run it again."""

    name: str
    canonical_id: str
    distribution: str
    version: str
    parameters: Mapping[str, Any]
    fusion: FusionEntry | None


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Which table was evaluated."""

    source: str
    synthetic: bool
    digest: str
    instances: int
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    price_sheet: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """A whole run of the paper's protocol.

    :param skipped_columns: datasets that could not be evaluated, with the reason.
    :param skipped_routers: routers that were left out of "all", with the reason (a missing extra).
    """

    data: DataFacts
    lineup: tuple[LineupEntry, ...]
    seeds: tuple[int, ...]
    modality: str
    train_modality: str
    draws: int
    draw_seed: int
    columns: tuple[Column, ...]
    macros: tuple[Macro, ...]
    differences: tuple[Difference, ...]
    skipped_columns: Mapping[str, str]
    skipped_routers: Mapping[str, str]
    versions: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def headline(self) -> Column:
        """The column that speaks for the run: the last mixture, else the first dataset."""
        mixtures = [column for column in self.columns if column.members]
        return mixtures[-1] if mixtures else self.columns[0]

    @property
    def failures(self) -> tuple[RouterFailure, ...]:
        """Every router failure of every column."""
        return tuple(failure for column in self.columns for failure in column.failures)
