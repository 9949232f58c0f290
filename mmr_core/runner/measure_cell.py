"""Measures one cell: fits what it says on the rows of its situation, asks about the test rows, and reads the figures.

Studies choose no operating point, so there is one fit on all that is learned from and none without its validation
part. Test outcomes meet the answers only here, after the router has given them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from threadpoolctl import threadpool_limits

from mmr_core.errors import DataError, MMRError, PluginError, UsageError
from mmr_core.numerics.means import training_means
from mmr_core.registry import Registry
from mmr_core.results import Cell, CellFailure, Record, Row
from mmr_core.runner.along import along_grid
from mmr_core.runner.fit import fit_and_ask, fusion_name
from mmr_core.runner.measure import Answers, Yardstick
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Policy
from mmr_core.runner.pooling import Pooled
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.protocol import reason_of, traceback_of
from mmr_core.runner.references import CONSTANT, constant_policy, is_reference


def attempt(
    cell: Cell, column: Parted, yardstick: Yardstick, registry: Registry, options: Options
) -> tuple[Record, ...] | CellFailure:
    """The records of a cell; whatever it raises is a failure of this cell alone."""
    try:
        return measure(cell, column, yardstick, registry, options)
    except (Exception, SystemExit) as error:
        return failure(cell, error)


def failure(cell: Cell, error: BaseException) -> CellFailure:
    """Why a cell could not be measured."""
    return CellFailure(
        cell=cell,
        reason=reason_of(error),
        details=traceback_of(error),
        unavailable=isinstance(error, MMRError) and not isinstance(error, PluginError | DataError),
    )


def measure(
    cell: Cell, column: Parted, yardstick: Yardstick, registry: Registry, options: Options
) -> tuple[Record, ...]:
    """The record of a router, or one of each reference row.

    :param column: the rows of the cell's situation.
    :param yardstick: of the whole test split.
    :param options: of which `fusion_parameters` count.
    :raises Exception: whatever a router raises.
    """
    if cell.router is None:
        return tuple(_references(cell, column, yardstick))
    if is_reference(cell.router):
        raise UsageError(f"{cell.router!r} is the name of a reference row", fix="use the router's whole name")
    assert isinstance(column, Prepared)
    return (_router(cell, cell.router, column, yardstick, registry, options),)


def combinations_of(cell: Cell) -> Iterator[dict[str, Any]]:
    """The parameters of each fit of a cell; one where nothing is pooled."""
    for values in product(*cell.pooled.values()):
        yield {**cell.parameters, **dict(zip(cell.pooled, values, strict=True))}


def _router(
    cell: Cell, name: str, column: Prepared, yardstick: Yardstick, registry: Registry, options: Options
) -> Record:
    router = registry.routers.load(name)  # first, since only libraries that are loaded can be limited
    chosen = replace(options, seeds=(cell.seed,), fusion=cell.fusion)
    with threadpool_limits(limits=1):
        fits = [
            fit_and_ask(
                column,
                Entrant(name=name, parameters=parameters),
                cell.seed,
                registry,
                chosen,
                fit_on=column.train,
                ask_about=column.test,
            )
            for parameters in combinations_of(cell)
        ]
        policies = tuple(policy for policy, _, _ in fits)
        policy = Pooled(policies) if cell.pooled else policies[0]
        row = yardstick.router(Answers(name=name, policies=(policy,), trade_offs=(None,)))
    seconds = sum(fit + predict for _, fit, predict in fits)
    return _record(cell, row, policy, column, yardstick, fusion=fusion_name(router, chosen), seconds=seconds)


def _references(cell: Cell, column: Parted, yardstick: Yardstick) -> Iterator[Record]:
    """Every reference row; `constant` has the means of what this cell learns from."""
    tested = yardstick.tested
    means = training_means(column.table.utility[column.train], column.table.cost[column.train])
    own: Mapping[str, Policy] = {
        **yardstick.references,
        CONSTANT: constant_policy(means, len(tested.utility), column.cost_scale),
    }
    for name, policy in own.items():
        yield _record(cell, yardstick.reference(name, policy), policy, column, yardstick)


def _record(
    cell: Cell,
    row: Row,
    policy: Policy,
    column: Parted,
    yardstick: Yardstick,
    *,
    fusion: str | None = None,
    seconds: float = 0.0,
) -> Record:
    tested, curve = yardstick.tested, row.curves[0]
    models = tuple(model.name for model in tested.models)
    return Record(
        cell=cell,
        name=row.name,
        kind=row.kind,
        metrics={metric: estimate.value for metric, estimate in row.metrics.items()},
        draws=row.draws,
        frontier_cost=curve.cost,
        frontier_utility=curve.utility,
        frontier_trade_off=curve.trade_off,
        within=yardstick.within,
        best_single=models[yardstick.singles.best],
        models=models,
        instances=len(tested.utility),
        learned_from=int(column.train.sum()),
        along=along_grid(policy, tested.utility, tested.cost, keep_choices=cell.keep_choices),
        fusion=fusion,
        seconds=seconds,
    )
