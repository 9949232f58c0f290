"""Measures savings on one or several columns of a table: who can take part, fits, comparisons, the recommendation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from joblib import delayed
from threadpoolctl import threadpool_limits

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError, DegenerateError, MMRError, UsageError
from mmr_core.features import FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.results import ColumnSavings, Mark, RouterFailure, RouterSavings, Savings, SavingsRouter
from mmr_core.runner.measure import Yardstick
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Prepared, prepare
from mmr_core.runner.protocol import reason_of, traceback_of, watched
from mmr_core.runner.references import CONSTANT, ORACLE, is_reference
from mmr_core.runner.run import data_facts, lineup_entry, versions
from mmr_core.runner.slices import test_set
from mmr_core.savings.choose import ask_router, mark_of
from mmr_core.savings.measure import Marks, measure_reference, measure_router
from mmr_core.savings.pool import comparable
from mmr_core.specs import DatasetSpec

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every column of one call shares."""

    entrants: Sequence[Entrant]
    source: FeatureSource
    registry: Registry
    options: Options
    every_model: bool
    jobs: int
    progress: Progress


def measure_savings(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options,
    every_model: bool = False,
    jobs: int = 1,
    price_sheet: str | None = None,
    skipped_routers: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> Savings:
    """What each router would save on each column.

    Test instances with an unknown outcome are left out and counted, however many they are. A column that cannot be
    measured is skipped with its reason, unless it is the only one.

    :param options: of which `allow_incomplete` does not count.
    :param every_model: whether frontiers are read at every single model, not only at the best one.
    :param jobs: processes; the numbers do not depend on it.
    :raises UsageError: if a router has the name of a reference row.
    :raises DataError: if no costs are known.
    :raises DegenerateError: if a column has nothing to measure (one model, equal costs, an empty split).
    """
    for entrant in entrants:
        if is_reference(entrant.name):
            raise UsageError(f"{entrant.name!r} is the name of a reference row", fix="use the router's whole name")
    work = Work(
        entrants=entrants,
        source=source,
        registry=registry,
        options=replace(options, allow_incomplete=True),
        every_model=every_model,
        jobs=jobs,
        progress=progress,
    )
    columns: list[ColumnSavings] = []
    skipped: dict[str, str] = {}
    first: MMRError | None = None
    for spec in datasets:
        try:
            columns.append(measure_column(table, spec, work))
        except (DegenerateError, DataError) as error:
            first = first or error
            skipped[spec.name] = str(error)
    if first is not None and not columns:
        raise first
    return Savings(
        data=data_facts(table, price_sheet),
        columns=tuple(columns),
        routers=tuple(SavingsRouter.of(lineup_entry(entrant, registry, work.options)) for entrant in entrants),
        seeds=options.seeds,
        draw_seed=options.draw_seed,
        skipped_columns=skipped,
        skipped_routers=dict(skipped_routers or {}),
        versions=versions(entrants, registry),
    )


def measure_column(table: OutcomeTable, spec: DatasetSpec, work: Work) -> ColumnSavings:
    """One column; errors as `measure_savings`."""
    table, models_left_out = comparable(table, spec)
    column = prepare(table, spec, work.source, work.options)
    yardstick = Yardstick.of(test_set(column), draws=work.options.draws, draw_seed=work.options.draw_seed)
    best, models = yardstick.singles.best, range(len(table.models))
    marks = Marks(yardstick=yardstick, shown=(best, *(j for j in models if j != best)) if work.every_model else (best,))
    singles, mark = marks.singles(), mark_of(column)
    tasks = [delayed(_router)(column, marks, entrant, work.registry, work.options, mark) for entrant in work.entrants]
    found = list(watched(tasks, work.jobs, work.progress, f"{spec.name}: fitting routers"))
    routers = _of(found, RouterSavings)
    return ColumnSavings(
        dataset=spec.name,
        title=spec.title,
        members=tuple(name for name in column.table.dataset_names if spec.members),
        train=int(column.train.sum()),
        validation=int(column.validation.sum()),
        test=len(column.table) - int(column.train.sum()),
        evaluated=int(column.test.sum()),
        left_out=column.left_out,
        models_left_out=models_left_out,
        split_digest=column.split_digest,
        within=yardstick.within,
        best=table.models[best].name,
        singles=singles,
        mark=mark,
        routers=routers,
        references=tuple(measure_reference(name, marks) for name in (CONSTANT, ORACLE)),
        recommended=recommended(routers, mark),
        draws=work.options.draws,
        draws_left_out=yardstick.sample.left_out,
        failures=_of(found, RouterFailure),
    )


def recommended(routers: Sequence[RouterSavings], mark: Mark | None) -> str | None:
    """The router that reaches the mark on validation at the least cost there, if that is below the mark's own cost.

    No test outcome has a say. Ties: the more accurate on validation, then the earlier in the line-up.
    """
    if mark is None:
        return None
    serving = []
    for place, router in enumerate(routers):
        point = router.chosen["cost"]
        if point.validation_cost is None or point.validation_utility is None or point.validation_cost >= mark.cost:
            continue
        serving.append((point.validation_cost, -point.validation_utility, place))
    return routers[min(serving)[2]].name if serving else None


def _router(
    column: Prepared, marks: Marks, entrant: Entrant, registry: Registry, options: Options, mark: Mark | None
) -> RouterSavings | RouterFailure:
    """One router; whatever it raises is a failure of this router alone. One thread, as in `evaluate`."""
    try:
        registry.routers.load(entrant.name)  # first, since only libraries that are loaded can be limited
        with threadpool_limits(limits=1):
            asked = [ask_router(column, entrant, seed, registry, options, mark) for seed in options.seeds]
            return measure_router(entrant.name, asked, marks)
    except (Exception, SystemExit) as error:
        return RouterFailure(
            router=entrant.name, dataset=column.spec.name, reason=reason_of(error), traceback=traceback_of(error)
        )


def _of(found: Sequence[object], kind: type[T]) -> tuple[T, ...]:
    return tuple(one for one in found if isinstance(one, kind))
