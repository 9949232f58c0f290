"""The scopes that a reader can choose (the ranked column, each dataset, each scenario), and their cells.

A cell is formatted once, for the page and for the script that exchanges it, so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import NOTHING
from mmr_core.render.table import TableCell, metric
from mmr_core.results import Metrics, SingleModel
from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_leaderboard.schema import Entry, Leaderboard, Point, Reference
from mmr_leaderboard.wording import scenario_title, scenarios, shown

Row = Entry | Reference


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A set of test instances with its own figures.

    :param key: "board", "dataset/<name>" or "scenario/<name>".
    :param members: for a scenario, the keys of its datasets.
    """

    key: str
    name: str
    title: str
    kind: Literal["board", "dataset", "scenario"]
    test: int
    models: tuple[SingleModel, ...]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bars:
    """The common scale of the small interval bars of one scope.

    :param mark: nAUC of the constant policy: skill 0.
    """

    low: float
    high: float
    mark: float | None

    def place(self, value: float) -> float:
        """The position of a value, 0 to 1; clipped to the scale."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def scopes(board: Leaderboard) -> list[Scope]:
    """The ranked column first, then scenarios, then datasets; a column of one dataset appears once."""
    table = board.table
    found = [
        Scope(
            key="board", name=table.column, title=shown(table.title), kind="board", test=table.test, models=table.models
        )
    ]
    datasets = [dataset for dataset in table.datasets if dataset.name != table.column]
    if not datasets:
        return found
    for scenario in scenarios(board):
        members = [dataset for dataset in datasets if dataset.scenario == scenario]
        found.append(
            Scope(
                key=f"scenario/{scenario}",
                name=scenario,
                title=scenario_title(scenario),
                kind="scenario",
                test=sum(dataset.test for dataset in members),
                models=(),
                members=tuple(f"dataset/{dataset.name}" for dataset in members),
            )
        )
    for dataset in datasets:
        found.append(
            Scope(
                key=f"dataset/{dataset.name}",
                name=dataset.name,
                title=shown(dataset.title),
                kind="dataset",
                test=dataset.test,
                models=dataset.models,
            )
        )
    return found


def metrics_on(row: Row, scope: Scope) -> Metrics | None:
    """A row's metrics on a scope; None if it has none."""
    if scope.kind == "board":
        return row.metrics
    return (row.datasets if scope.kind == "dataset" else row.scenarios).get(scope.name)


def frontier_on(row: Row, scope: Scope) -> tuple[Point, ...]:
    """A row's frontier on a scope; empty for scenarios, which are averages of areas and have none."""
    if scope.kind == "board":
        return row.frontier
    return row.dataset_frontiers.get(scope.name, ()) if scope.kind == "dataset" else ()


def cells(row: Row, scope: Scope) -> dict[str, TableCell]:
    """A cell for each metric."""
    found = metrics_on(row, scope)
    if found is None:
        return {name: TableCell(text=NOTHING, figure=True) for name in METRICS}
    return {name: metric(name, found[name]) for name in METRICS}


def bars(board: Leaderboard, scope: Scope) -> Bars:
    """A scale for the intervals of all entries, the constant policy and the best single model.

    Oracles and weak single models lie beyond its ends, because they would squash everything else.
    """
    rows: list[Row] = [*board.entries, *(row for row in board.references if row.name in (CONSTANT, BEST_SINGLE))]
    ends = [
        end
        for row in rows
        for nauc in [cells(row, scope)["nauc"]]
        for end in (nauc.value, nauc.low, nauc.high)
        if end is not None
    ]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    mark = next((cells(row, scope)["nauc"].value for row in board.references if row.name == CONSTANT), None)
    return Bars(low=low, high=high if high > low else low + 1e-6, mark=mark)


def packed(found: TableCell) -> list[Any]:
    """A cell for the script: value (null: none, "Infinity"), text, interval, low, high."""
    value: float | str | None = found.value
    if value == float("inf"):
        value = "Infinity"
    ends = [end if end is not None and abs(end) != float("inf") else None for end in (found.low, found.high)]
    return [value, found.text, found.interval, *ends]


def sortable(found: TableCell) -> str:
    """The value of a cell as the script sorts it; infinity is larger than everything, "" is none."""
    return "" if found.value is None else repr(float(found.value)).replace("inf", "Infinity")
