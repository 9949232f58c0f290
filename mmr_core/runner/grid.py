"""Runs the cells of studies: each once, those of one situation together, what is finished kept at once.

Called with the cells of all studies of a run. Cells that fail are named with their reasons, and the others go on.
Studies choose no operating point, so there is one fit on all that is learned from and none without its validation part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Progress, no_progress
from mmr_core.numerics.means import training_means
from mmr_core.results import Along, Cell, CellFailure, CellRecord, Results, Row, cell_key
from mmr_core.runner.executor import Parcel
from mmr_core.runner.fit import Answer
from mmr_core.runner.measure import Answers, Yardstick, Yardsticks
from mmr_core.runner.measurement import Failure, Measurement
from mmr_core.runner.options import Options, Setting
from mmr_core.runner.policies import GRID, Policy, expected, probabilities_of
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.references import CONSTANT, constant_policy
from mmr_core.runner.situations import Situation, Situations, SourceFor
from mmr_core.runner.tasks import Pending, Runner, runner

MEASURING = "measuring cells"

Floats = NDArray[np.float64]
Outcome = tuple[CellRecord, ...] | CellFailure


def run_cells(
    cells: Iterable[Cell],
    setting: Setting,
    *,
    source_for: SourceFor,
    options: Options | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    cache: Path | None = None,
    fresh: bool = False,
    progress: Progress = no_progress,
) -> Results:
    """Measures cells; those that say the same are measured once.

    :param source_for: makes the source of features of a pair of encoders; called once for each pair.
    :param options: only `draws`, `draw_seed`, `allow_incomplete` and `fusion_parameters` matter.
    :param jobs: processes of this machine; the numbers do not depend on it.
    :param cluster: the address of a running Dask scheduler to use instead; nor on that.
    :param cache: a folder for finished cells; None measures everything anew.
    :param fresh: measure everything anew, and keep it.
    :param progress: told of every finished cell, those that were kept included.
    :returns: records and failures in the order of the cells.
    :raises UsageError: if `jobs` or `cluster` cannot be used.
    :raises PluginError: if a process dies; what was finished is kept.
    """
    chosen = options or Options()
    unique: dict[str, Cell] = {}
    for cell in cells:
        unique.setdefault(cell_key(cell), cell)
    done: dict[str, Outcome] = {}

    def finish(key: str, outcome: Outcome | Failure) -> None:
        cell = unique[key]
        if isinstance(outcome, Failure):
            outcome = CellFailure(cell=cell, **vars(outcome))
        elif isinstance(outcome, tuple):
            outcome = tuple(replace(record, cell=cell) for record in outcome)
        done[key] = outcome
        progress(MEASURING, len(done), len(unique))

    progress(MEASURING, 0, len(unique))
    with runner(
        setting.registry, chosen.fusion_parameters, jobs=jobs, cluster=cluster, cache=cache, fresh=fresh
    ) as running:
        situations = Situations(setting, source_for, chosen)
        for key, outcome in running.outcomes(_tasks(unique, situations, running), MEASURING):
            finish(key, outcome)
        kept = running.kept
    outcomes = [done[key] for key in unique]
    return Results(
        records=tuple(record for outcome in outcomes if isinstance(outcome, tuple) for record in outcome),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, CellFailure)),
        synthetic=setting.table.synthetic,
        draws=chosen.draws,
        kept=kept,
    )


def _tasks(cells: Mapping[str, Cell], situations: Situations, running: Runner) -> Iterator[Pending]:
    """A task for each cell, situation by situation; a failure where the situation cannot be had."""
    yardsticks: dict[str, Parcel[Yardsticks]] = {}
    for situation, keys in _grouped(cells).items():
        try:
            column = Parcel(situations.column(situation))
            if situation.test not in yardsticks:
                yardsticks[situation.test] = Parcel(situations.yardsticks(situation.test))
            bench = running.bench(column, yardsticks[situation.test])
        except (Exception, SystemExit) as error:
            yield from ((key, Failure.of(error)) for key in keys)
        else:
            yield from (running.task(key, _measurement(cells[key]), bench) for key in keys)


def _measurement(cell: Cell) -> Measurement:
    combinations = product(*cell.pooled.values())
    return Measurement(
        router=cell.router,
        reading=RecordReading(cell=cell),
        parameters=tuple({**cell.parameters, **dict(zip(cell.pooled, values, strict=True))} for values in combinations),
        seeds=(cell.seed,),
        fusion=cell.fusion,
    )


def _grouped(cells: Mapping[str, Cell]) -> dict[Situation, list[str]]:
    """The keys of cells by situation; situations of the same rows stand together."""
    by_rows: dict[tuple[object, ...], dict[Situation, list[str]]] = {}
    for key, cell in cells.items():
        situation = Situation.of(cell)
        by_rows.setdefault(situation.rows, {}).setdefault(situation, []).append(key)
    return {situation: keys for together in by_rows.values() for situation, keys in together.items()}


@dataclass(frozen=True, kw_only=True)
class RecordReading:
    """Reads the records of a cell."""

    cell: Cell
    validates: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return cell_key(self.cell)

    def of_router(
        self, name: str, answers: Sequence[Answer], column: Prepared, yardsticks: Yardsticks
    ) -> tuple[CellRecord, ...]:
        """The record of a router."""
        (answer,) = answers
        row = yardsticks.whole.router(Answers(name=name, policies=(answer.policy,), trade_offs=(None,)))
        seconds = answer.fit_seconds + answer.predict_seconds
        return (self._record(row, answer.policy, column, yardsticks.whole, fusion=answer.fusion, seconds=seconds),)

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> tuple[CellRecord, ...]:
        """Every reference row; `constant` has the means of what this cell learns from."""
        yardstick = yardsticks.whole
        own: dict[str, Policy] = {}
        if not self.cell.is_in_domain:
            means = training_means(column.table.utility[column.train], column.table.cost[column.train])
            own[CONSTANT] = constant_policy(means, len(yardstick.tested.utility), column.cost_scale)
        return tuple(
            self._record(yardstick.reference(name, own.get(name)), own.get(name, policy), column, yardstick)
            for name, policy in yardstick.references.items()
        )

    def _record(
        self,
        row: Row,
        policy: Policy,
        column: Parted,
        yardstick: Yardstick,
        *,
        fusion: str | None = None,
        seconds: float = 0.0,
    ) -> CellRecord:
        tested, curve = yardstick.tested, row.curves[0]
        models = tuple(model.name for model in tested.models)
        # At one weight a pooled policy has several points, and picking one by its outcome would be looking it up.
        followed = not self.cell.pooled
        return CellRecord(
            cell=self.cell,
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
            along=along_grid(policy, tested.utility, tested.cost, keep_choices=self.cell.keep_choices)
            if followed
            else None,
            fusion=fusion,
            seconds=seconds,
        )


def along_grid(policy: Policy, utility: Floats, cost: Floats, *, keep_choices: bool) -> Along:
    """The policy on true outcomes [n, K] at each of the g weights of `runner.policies.GRID`.

    Frontiers need no grid, since every operating point is known exactly; shares of queries and single choices do, so
    that they can be laid beside each other. Choices are kept where that is asked for and the policy draws no lots.
    """
    n, models = policy.shape
    means, shares, choices = [], [], []
    for decisions in policy.decisions_along(GRID):
        means.append([expected(decisions, cost).mean(), expected(decisions, utility).mean()])
        if decisions.choice is not None:
            shares.append(np.bincount(decisions.choice, minlength=models) / n)
            choices.append(decisions.choice if keep_choices else None)
        else:
            rows = probabilities_of(decisions, models)
            shares.append(rows.mean(axis=0))
            certain = keep_choices and bool(((rows == 0) | (rows == 1)).all())
            choices.append(rows.argmax(axis=1) if certain else None)
    known = [choice for choice in choices if choice is not None]
    return Along(
        cost=np.array([mean[0] for mean in means]),
        utility=np.array([mean[1] for mean in means]),
        share=np.array(shares),
        choices=np.array(known, dtype=np.int16) if len(known) == len(choices) else None,
    )
