"""The tidy result table of a study: one row per measured policy, with its conditions, figures and draws.

Every table and figure is made of it, and `results.parquet` holds it whole: averages over seeds and differences in
pairs are taken draw by draw, so each has an interval of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import CostRange
from mmr_core.results.cells import Cell
from mmr_core.results.estimates import Estimate, RowKind, estimate

Floats = NDArray[np.float64]

NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True, eq=False)
class Along:
    """A policy at every trade-off weight of the grid (`runner.policies.GRID`); pooled policies have none.

    :param cost: [g] mean cost in USD; :param utility: [g] mean utility; :param share: [g, K] of queries per model.
    :param choices: [g, n] the model index of each test instance; None unless the cell keeps them, or where
        the policy draws lots.
    """

    cost: Floats
    utility: Floats
    share: Floats
    choices: NDArray[np.int16] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """One row of the result table: one policy, measured on one test split.

    :param cell: what was run.
    :param name: the router's, or that of a reference row.
    :param metrics: by name; None where one has no meaning, infinity where QNC is not reached.
    :param draws: [B] per metric, NaN where a draw has none.
    :param frontier_cost, frontier_utility, frontier_trade_off: the operating points on the Pareto front, ascending.
    :param within: the cost range of the test split, with the best single model.
    :param best_single: its name.
    :param models: K names.
    :param fusion: the fusion it ran with, where it wants one.
    :param instances: test instances; :param learned_from: training instances.
    :param seconds: of fitting and predicting.
    """

    cell: Cell
    name: str
    kind: RowKind
    metrics: Mapping[str, float | None]
    draws: Mapping[str, Floats]
    frontier_cost: Floats
    frontier_utility: Floats
    frontier_trade_off: Floats
    within: CostRange
    best_single: str
    models: tuple[str, ...]
    instances: int
    learned_from: int
    along: Along | None = None
    fusion: str | None = None
    seconds: float = 0.0

    def estimate(self, metric: str) -> Estimate:
        """One figure with its interval."""
        return estimate(self.metrics[metric], self.draws[metric], NOT_MEASURED)


@dataclass(frozen=True, kw_only=True)
class CellFailure:
    """A cell that could not be measured; the others go on.

    :param details: the traceback.
    :param unavailable: whether it cannot be had of this table or on this machine, as an error of ours says; otherwise
        something broke, or the data are to be mended.
    """

    cell: Cell
    reason: str
    details: str = ""
    unavailable: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """All records of a run of studies, and what failed.

    :param draws: bootstrap draws behind each interval.
    :param kept: how many cells had been finished before; known only to the run itself.
    """

    records: tuple[Record, ...]
    failures: tuple[CellFailure, ...] = ()
    synthetic: bool = False
    draws: int = 1000
    kept: int = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def where(self, holds: Callable[[Record], bool] | None = None, /, **conditions: object) -> list[Record]:
        """The records whose cell (or whose `name`, `kind`, `fusion`) has these values.

        >>> results.where(test="full", router="knn", modality="text")  # doctest: +SKIP
        """
        return [
            record
            for record in self.records
            if (holds is None or holds(record))
            and all(_value(record, name) == wanted for name, wanted in conditions.items())
        ]

    def of(self, cells: Iterable[Cell]) -> list[Record]:
        """The records of some cells, recognised by what they say."""
        wanted = {cell_key(cell) for cell in cells}
        return [record for record in self.records if cell_key(record.cell) in wanted]

    def reference(self, test: str, name: str) -> Record:
        """A reference row of a test split, in-domain.

        :raises KeyError: if that split was not measured.
        """
        for record in self.records:
            cell = record.cell
            if record.name == name and cell.test == test and cell.router is None and cell.is_in_domain:
                return record
        raise KeyError(f"{name} on {test}")


def averaged(records: Sequence[Record], metric: str) -> Estimate:
    """The mean of a figure over records (seeds, or datasets) with the interval of the mean's draws.

    None where there is no record, or one has no figure; infinite where one is.
    """
    values = [record.metrics[metric] for record in records]
    known = [value for value in values if value is not None]
    if not records or len(known) < len(values):
        return Estimate(value=None, reason=NOT_MEASURED)
    return estimate(float(np.mean(known)), mean_draws(records, metric))


def difference(first: Sequence[Record], second: Sequence[Record], metric: str) -> Estimate:
    """The mean of the first less that of the second, paired draw by draw.

    Records of one test split were drawn alike; those of several are averaged in the order given, so both sides must
    cover the same splits. Where both are infinite there is no difference.
    """
    one, other = averaged(first, metric), averaged(second, metric)
    if one.value is None or other.value is None or (np.isinf(one.value) and np.isinf(other.value)):
        return Estimate(value=None, reason=NOT_MEASURED)
    with np.errstate(invalid="ignore"):
        ends = interval(mean_draws(first, metric) - mean_draws(second, metric))
    value = one.value - other.value
    return Estimate(value=value) if ends is None else Estimate(value=value, low=ends[0], high=ends[1])


def mean_draws(records: Sequence[Record], metric: str) -> Floats:
    """[B] the draws of the mean over records."""
    means: Floats = np.mean([record.draws[metric] for record in records], axis=0)
    return means


def cell_key(cell: Cell) -> str:
    """A text that is the same for cells that say the same."""
    return json.dumps(asdict(cell), sort_keys=True, default=_as_json)


def _as_json(value: Any) -> Any:
    """What JSON has no type for: a numpy number as a number, any other collection as a list."""
    return value.item() if isinstance(value, np.generic) else list(value)


def _value(record: Record, name: str) -> object:
    return getattr(record, name) if name in ("name", "kind", "fusion") else getattr(record.cell, name)
