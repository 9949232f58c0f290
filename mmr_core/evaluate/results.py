"""What an evaluation comes to: estimates with intervals, in rows, slices and columns.

Data only. `protocol` and `references` fill it, `report` prints and stores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.metrics import CostRange
from mmr_core.sweep import OperatingCurve

METRIC_NAMES = ("nauc", "skill", "nauc_log", "peak", "qnc")
"""The metrics of a row, in the order in which tables show them."""

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
