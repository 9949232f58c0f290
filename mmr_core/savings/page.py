"""`mmr savings`: what routing would save on one or several columns of a table, with a recommendation.

What is measured of each router are the points chosen for it and its frontier beside the single models (`marks`); of
the references, the single models and the frontiers of the constant policy and the oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError, DegenerateError, MMRError
from mmr_core.features import FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.results import ColumnSavings, Mark, RouterFailure, RouterSavings, Savings, SavingsRouter, Single
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.executor import Parcel
from mmr_core.runner.fit import Answer
from mmr_core.runner.lineup import data_facts, lineup_entry, versions
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.measurement import Failure, Measurement
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Parted, Prepared, prepare
from mmr_core.runner.references import CONSTANT
from mmr_core.runner.tasks import Runner, demand_no_reference, runner
from mmr_core.savings.marks import Marks, measure_reference, measure_router
from mmr_core.savings.operating import Asked, mark_of
from mmr_core.savings.pool import comparable
from mmr_core.specs import ORACLE, DatasetSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredSingles:
    """What is measured of a column without any router.

    :param draws_left_out: draws without a range of costs.
    """

    singles: tuple[Single, ...]
    references: tuple[RouterSavings, ...]
    draws_left_out: int


@dataclass(frozen=True, kw_only=True)
class SavingsReading:
    """Reads what a router saves.

    :param mark: what routers have to reach on validation; None where no point can be chosen there.
    :param every_model: whether frontiers are read at every single model, not only at the best one.
    """

    mark: Mark | None
    every_model: bool
    validates: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return repr((self.mark, self.every_model))

    def of_router(
        self, name: str, answers: Sequence[Answer], column: Prepared, yardsticks: Yardsticks
    ) -> RouterSavings:
        """What a router saves."""
        return measure_router(name, [Asked.of(each, self.mark) for each in answers], self._marks(yardsticks))

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> MeasuredSingles:
        """The single models, and the references beside them."""
        marks = self._marks(yardsticks)
        return MeasuredSingles(
            singles=marks.singles(),
            references=tuple(measure_reference(name, marks) for name in (CONSTANT, ORACLE)),
            draws_left_out=marks.yardstick.sample.left_out,
        )

    def _marks(self, yardsticks: Yardsticks) -> Marks:
        yardstick = yardsticks.whole
        best, models = yardstick.singles.best, range(len(yardstick.tested.models))
        others = [j for j in models if j != best] if self.every_model else []
        return Marks(yardstick=yardstick, shown=(best, *others))


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
    cluster: str | None = None,
    cache: Path | None = None,
    fresh: bool = False,
    price_sheet: str | None = None,
    skipped_routers: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> Savings:
    """What each router would save on each column.

    Test instances with an unknown outcome are left out and counted, however many they are. A column that cannot be
    measured is skipped with its reason, unless it is the only one.

    :param options: `allow_incomplete` is ignored.
    :param every_model: whether frontiers are read at every single model, not only at the best one.
    :param jobs: processes; the numbers do not depend on it.
    :param cluster: the address of a Dask scheduler to use instead; nor on that.
    :param cache: a folder for finished cells; None measures everything anew.
    :param fresh: measure everything anew, and keep it.
    :raises UsageError: if a router has the name of a reference row.
    :raises DataError: if no costs are known.
    :raises DegenerateError: if a column has nothing to measure (one model, equal costs, an empty split).
    """
    for entrant in entrants:
        demand_no_reference(entrant.name)
    options = replace(options, allow_incomplete=True)
    finished = None if cache is None else CellCache(cache)
    columns: list[ColumnSavings] = []
    skipped: dict[str, str] = {}
    first: MMRError | None = None
    with runner(registry, options.fusion_parameters, jobs=jobs, cluster=cluster, cache=cache, fresh=fresh) as running:
        for spec in datasets:
            try:
                columns.append(_column(table, spec, entrants, source, options, every_model, running, progress))
            except (DegenerateError, DataError) as error:
                first = first or error
                skipped[spec.name] = str(error)
    if first is not None and not columns:
        raise first
    return Savings(
        data=data_facts(table, price_sheet),
        columns=tuple(columns),
        routers=tuple(SavingsRouter.of(lineup_entry(entrant, registry, options, finished)) for entrant in entrants),
        seeds=options.seeds,
        draw_seed=options.draw_seed,
        skipped_columns=skipped,
        skipped_routers=dict(skipped_routers or {}),
        versions=versions(entrants, registry),
    )


def _column(
    table: OutcomeTable,
    spec: DatasetSpec,
    entrants: Sequence[Entrant],
    source: FeatureSource,
    options: Options,
    every_model: bool,
    running: Runner,
    progress: Progress,
) -> ColumnSavings:
    table, models_left_out = comparable(table, spec)
    column = prepare(table, spec, source, options)
    yardsticks = Yardsticks.of_whole(column, draws=options.draws, draw_seed=options.draw_seed)
    mark = mark_of(column)
    reading = SavingsReading(mark=mark, every_model=every_model)
    asked = [Measurement.of(entrant, reading, options) for entrant in entrants]
    singles, *routers = running.measure(
        running.bench(Parcel(column), Parcel(yardsticks)),
        [Measurement(router=None, reading=reading), *asked],
        progress,
        f"{spec.name}: fitting and measuring routers",
    )
    if isinstance(singles, Failure):
        raise RuntimeError(singles.details)  # no plugin has a part in them, so this is a defect of ours
    saved = tuple(outcome for outcome in routers if isinstance(outcome, RouterSavings))
    yardstick = yardsticks.whole
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
        best=table.models[yardstick.singles.best].name,
        singles=singles.singles,
        mark=mark,
        routers=saved,
        references=singles.references,
        recommended=recommended(saved, mark),
        draws=options.draws,
        draws_left_out=singles.draws_left_out,
        failures=tuple(
            RouterFailure(router=entrant.name, dataset=spec.name, reason=outcome.reason, traceback=outcome.details)
            for entrant, outcome in zip(entrants, routers, strict=True)
            if isinstance(outcome, Failure)
        ),
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
