"""What studies found: cells, which say what was run, and one record per measured policy, with figures and draws.

A cell holds names and numbers only, so that it can be written down, sent to another process and recognised again.
Every table and figure of a study is made from `Results`: averages over seeds and differences in pairs are taken draw
by draw, so each has an interval of its own. `records_parquet` keeps them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, FiniteFloat, InstanceOf
from pydantic.dataclasses import dataclass

from mmr_core.errors import UsageError
from mmr_core.features.aligned import Align, View
from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import CostRange
from mmr_core.results.estimates import (
    CONFIG,
    MEANINGS,
    ByName,
    Count,
    Draws,
    Estimate,
    FloatArray,
    RowKind,
    estimate,
)

Floats = NDArray[np.float64]

NOT_MEASURED = "not measured"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderPair:
    """Which encoders make the features; None stands for the run's own.

    :param align: what is done about unequal widths; None: what the run does.
    """

    text: str | None = None
    image: str | None = None
    align: Align | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One fit of one router, or the reference rows of one test split.

    :param test: the dataset or mixture on whose test split the router is measured.
    :param router: as the registry finds it; None measures the references (oracle, constant, single models) instead.
    :param learn_from: datasets or mixtures whose training splits are pooled for training; empty: `test` itself.
    :param parameters: the router's parameters besides the seed.
    :param pooled: parameters with several values each; the router is fitted with every combination, and the operating
        points of all fits make one frontier (as section 3.2 pools numbers of clusters).
    :param fusion: None: the router's own.
    :param modality: what it sees when it decides.
    :param train_modality: what it sees in training; None: the same.
    :param encoders: where the features come from.
    :param seed: the router's.
    :param train_share: the share of the training split used, in (0, 1]; smaller shares are subsets of larger ones.
    :param newcomer: a candidate model whose training outcomes are unknown except on `calibration` instances.
    :param calibration: how many, drawn from the training split in a frozen order; smaller sets are subsets of larger.
    :param keep_choices: whether to keep the choice for each test instance at each trade-off weight of the grid.

    :raises UsageError: if the share, the calibration or the pooled parameters make no sense.
    """

    test: str
    router: str | None = None
    learn_from: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pooled: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    fusion: str | None = None
    modality: View = "multimodal"
    train_modality: View | None = None
    encoders: EncoderPair = EncoderPair()
    seed: int = 0
    train_share: float = 1.0
    newcomer: str | None = None
    calibration: int = 0
    keep_choices: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.train_share <= 1:
            raise UsageError(f"cannot train on a share of {self.train_share!r}", fix="use a train_share in (0, 1]")
        if self.calibration < 0 or (self.calibration and self.newcomer is None):
            raise UsageError(
                f"{self.calibration!r} calibration instances for newcomer {self.newcomer!r}",
                fix="name a newcomer and 0 or more instances",
            )
        empty = [name for name, values in self.pooled.items() if not values]
        if empty:
            raise UsageError(f"no value of {empty[0]!r} to pool", fix="give at least one")

    @property
    def sources(self) -> tuple[str, ...]:
        """The datasets or mixtures to learn from."""
        return self.learn_from or (self.test,)

    @property
    def is_in_domain(self) -> bool:
        """Whether it learns from the whole training split of `test`, and from nothing else."""
        return self.sources == (self.test,) and self.train_share == 1 and self.newcomer is None

    @property
    def seen_in_training(self) -> View:
        """What the router sees in training."""
        return self.train_modality or self.modality


def _no_nan(figures: Mapping[str, float | None]) -> Mapping[str, float | None]:
    for metric, figure in figures.items():
        if figure is not None and math.isnan(figure):
            raise ValueError(f"{metric} is NaN; give None where there is no figure")
    return figures


@dataclass(frozen=True, kw_only=True, eq=False, config=CONFIG)
class Along:
    """A policy at every trade-off weight of the grid (`runner.policies.GRID`, g weights); pooled policies have none.

    :ivar cost: [g] mean cost in USD.
    :ivar utility: [g] mean utility.
    :ivar share: [g, K] of queries per model.
    :ivar choices: [g, n] the model index of each test instance; None unless the cell keeps them, or where the policy
        is random.
    """

    cost: FloatArray
    utility: FloatArray
    share: InstanceOf[NDArray[np.float64]]
    choices: InstanceOf[NDArray[np.int16]] | None = None

    def __post_init__(self) -> None:
        weights = len(self.cost)
        if len(self.utility) != weights or self.share.ndim != 2 or len(self.share) != weights:
            raise ValueError(f"expected utility and shares at {weights} weights")
        if self.choices is not None and (self.choices.ndim != 2 or len(self.choices) != weights):
            raise ValueError(f"expected choices at {weights} weights")


@dataclass(frozen=True, kw_only=True, eq=False, config=CONFIG)
class CellRecord:
    """One policy, measured on one test split.

    :ivar name: the router's, or that of a reference row.
    :ivar metrics: by name; None where one has no meaning, infinity where QNC is not reached.
    :ivar draws: [B] per metric, NaN where a draw has none.
    :ivar frontier_cost, frontier_utility, frontier_trade_off: the operating points on the Pareto front, ascending.
    :ivar within: the cost range of the test split, with the best single model.
    :ivar models: K names; `best_single` is one of them.
    :ivar instances: test instances; `learned_from`: training instances.
    :ivar fusion: the fusion it ran with, where it wants one.
    :ivar seconds: of fitting and predicting.
    """

    cell: InstanceOf[Cell]
    name: str
    kind: RowKind
    metrics: Annotated[Mapping[str, float | None], ByName(MEANINGS), AfterValidator(_no_nan)]
    draws: Draws
    frontier_cost: FloatArray
    frontier_utility: FloatArray
    frontier_trade_off: FloatArray
    within: InstanceOf[CostRange]
    best_single: str
    models: tuple[str, ...]
    instances: Count
    learned_from: Count
    along: Along | None = None
    fusion: str | None = None
    seconds: FiniteFloat = 0.0

    def __post_init__(self) -> None:
        lengths = {len(axis) for axis in (self.frontier_cost, self.frontier_utility, self.frontier_trade_off)}
        if len(lengths) > 1:
            raise ValueError(f"expected arrays of one length in a frontier, got {sorted(lengths)}")
        if (np.diff(self.frontier_cost) < 0).any():
            raise ValueError("the costs of a frontier must ascend")
        if not self.draws:
            raise ValueError("a record needs draws")
        if self.best_single not in self.models:
            raise ValueError(f"{self.best_single!r} is not one of the models")
        if self.along is not None and self.along.share.shape[1] != len(self.models):
            raise ValueError(f"expected shares of {len(self.models)} models, got {self.along.share.shape[1]}")

    def estimate(self, metric: str) -> Estimate:
        """One figure with its interval."""
        return estimate(self.metrics[metric], self.draws[metric], NOT_MEASURED)


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class CellFailure:
    """A cell that could not be measured; the others go on.

    :ivar details: the traceback.
    :ivar unavailable: whether an error of ours says that this table or this machine cannot give it; otherwise
        something broke, or the data need mending.
    """

    cell: InstanceOf[Cell]
    reason: str
    details: str = ""
    unavailable: bool = False


@dataclass(frozen=True, kw_only=True, eq=False, config=CONFIG)
class Results:
    """All records of a run of studies, and what failed.

    :ivar draws: bootstrap draws behind each interval.
    :ivar kept: how many cells an earlier run had finished; known to the run itself alone, and not stored.
    """

    records: tuple[CellRecord, ...]
    failures: tuple[CellFailure, ...] = ()
    synthetic: bool = False
    draws: Count = 1000
    kept: Count = 0

    def __iter__(self) -> Iterator[CellRecord]:
        return iter(self.records)

    def where(self, holds: Callable[[CellRecord], bool] | None = None, /, **conditions: object) -> list[CellRecord]:
        """The records whose cell (or whose `name`, `kind`, `fusion`) has these values.

        >>> results.where(test="full", router="knn", modality="text")  # doctest: +SKIP
        """
        return [
            record
            for record in self.records
            if (holds is None or holds(record))
            and all(_value(record, name) == wanted for name, wanted in conditions.items())
        ]

    def of(self, cells: Iterable[Cell]) -> list[CellRecord]:
        """The records of some cells, by `cell_key`."""
        wanted = {cell_key(cell) for cell in cells}
        return [record for record in self.records if cell_key(record.cell) in wanted]

    def reference(self, test: str, name: str) -> CellRecord:
        """A reference row of a test split, in-domain.

        :raises KeyError: if that split was not measured.
        """
        for record in self.records:
            cell = record.cell
            if record.name == name and cell.test == test and cell.router is None and cell.is_in_domain:
                return record
        raise KeyError(f"{name} on {test}")


def averaged(records: Sequence[CellRecord], metric: str) -> Estimate:
    """The mean of a figure over records (seeds, or datasets), with the interval of the mean's draws.

    Without a value where there is no record, or one has no figure; infinite where one is.
    """
    values = [record.metrics[metric] for record in records]
    known = [value for value in values if value is not None]
    if not records or len(known) < len(values):
        return Estimate(value=None, reason=NOT_MEASURED)
    return estimate(float(np.mean(known)), _mean_draws(records, metric))


def difference(first: Sequence[CellRecord], second: Sequence[CellRecord], metric: str) -> Estimate:
    """The mean of the first less that of the second, paired draw by draw.

    Records of one test split were drawn alike; those of several are averaged in the order given, so both sides must
    cover the same splits. Where both are infinite there is no difference.
    """
    one, other = averaged(first, metric), averaged(second, metric)
    if one.value is None or other.value is None or (np.isinf(one.value) and np.isinf(other.value)):
        return Estimate(value=None, reason=NOT_MEASURED)
    with np.errstate(invalid="ignore"):
        ends = interval(_mean_draws(first, metric) - _mean_draws(second, metric))
    value = one.value - other.value
    return Estimate(value=value) if ends is None else Estimate(value=value, low=ends[0], high=ends[1])


def _mean_draws(records: Sequence[CellRecord], metric: str) -> Floats:
    """[B] the draws of the mean over records."""
    means: Floats = np.mean([record.draws[metric] for record in records], axis=0)
    return means


def cell_key(cell: Cell) -> str:
    """A text that is the same for equal cells."""
    return json.dumps(asdict(cell), sort_keys=True, default=_as_json)


def _as_json(value: Any) -> Any:
    """A value that JSON has no type for: a numpy number as a number, any other collection as a list."""
    return value.item() if isinstance(value, np.generic) else list(value)


def _value(record: CellRecord, name: str) -> object:
    return getattr(record, name) if name in ("name", "kind", "fusion") else getattr(record.cell, name)
