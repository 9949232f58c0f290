"""`mmr run`: the paper's protocol on every column of a table, the averages over them, and the differences in pairs.

What is measured of each router are its rows on the whole test split and on its slices, with the time it took. The
reference rows of every slice come first, since skill is measured between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError
from mmr_core.features import FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.results import Column, Difference, Intervals, RouterFailure, Row, RunResult, Timing
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.executor import Parcel
from mmr_core.runner.fit import Answer
from mmr_core.runner.lineup import data_facts, lineup_entry, versions
from mmr_core.runner.measure import Answers, Scale, Yardsticks
from mmr_core.runner.measurement import Failure, Measurement
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Parted, Prepared, prepare
from mmr_core.runner.summary import macro_averages, paired_differences
from mmr_core.runner.tasks import Runner, demand_no_reference, runner
from mmr_core.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class RouterRows:
    """What is measured of a router on a column.

    :param rows: on the whole column, then on each of its slices.
    """

    rows: tuple[Row, ...]
    fit_seconds: float
    predict_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceRows:
    """What is measured of the references on one slice.

    :param draws_left_out: draws in which the cheapest model was not cheaper than the dearest.
    """

    rows: tuple[Row, ...]
    draws_left_out: int


@dataclass(frozen=True, kw_only=True)
class RowReading:
    """Reads rows.

    :param place: of references, on which slice; 0 is the whole column, on which every single model has a row.
    """

    place: int = 0
    validates: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return str(self.place)

    def of_router(self, name: str, answers: Sequence[Answer], column: Prepared, yardsticks: Yardsticks) -> RouterRows:
        """The rows of a router."""
        given = Answers(
            name=name, policies=tuple(a.policy for a in answers), trade_offs=tuple(a.trade_off for a in answers)
        )
        return RouterRows(
            rows=yardsticks.router(given),
            fit_seconds=sum(a.fit_seconds for a in answers),
            predict_seconds=sum(a.predict_seconds for a in answers),
        )

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> ReferenceRows:
        """The reference rows of one slice."""
        yardstick = list(yardsticks)[self.place]
        rows = yardstick.reference_rows(every_model=self.place == 0)
        return ReferenceRows(rows=rows, draws_left_out=yardstick.sample.left_out)


def evaluate(
    table: OutcomeTable,
    dataset: DatasetSpec,
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    cache: Path | None = None,
    fresh: bool = False,
    progress: Progress = no_progress,
) -> Column:
    """Evaluates routers on one dataset or mixture of a table.

    :param table: outcomes of all models; other datasets in it are ignored.
    :param dataset: the column to evaluate.
    :param entrants: the routers, by the names under which the registry finds them.
    :param source: where features come from.
    :param jobs: how many processes fit and measure.
    :param cluster: the address of a Dask scheduler to use instead.
    :param cache: a folder for finished cells; None measures everything anew.
    :param fresh: measure everything anew, and keep it.
    :raises UsageError: if a router has the name of a reference row.
    :raises DegenerateError: if the column has nothing to measure (one model, equal costs, an empty split).
    :raises DataError: if too many test instances are incomplete.
    :raises FeatureError: if texts or images cannot be encoded.
    """
    for entrant in entrants:
        demand_no_reference(entrant.name)
    chosen = options or Options()
    with runner(registry, chosen.fusion_parameters, jobs=jobs, cluster=cluster, cache=cache, fresh=fresh) as running:
        return _column(table, dataset, entrants, source, chosen, running, progress)


def run_paper(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options,
    jobs: int = 1,
    cluster: str | None = None,
    cache: Path | None = None,
    fresh: bool = False,
    skipped_routers: dict[str, str] | None = None,
    price_sheet: str | None = None,
    progress: Progress = no_progress,
) -> RunResult:
    """Evaluates the routers on each dataset or mixture.

    A column on which nothing can be measured is skipped with its reason, unless it is the only one. `jobs`, `cluster`,
    `cache` and `fresh` are as in `evaluate`; no number depends on them.

    :raises MMRError: as `evaluate` does, for the first column that fails for another reason than being degenerate.
    """
    for entrant in entrants:
        demand_no_reference(entrant.name)
    finished = None if cache is None else CellCache(cache)
    columns: list[Column] = []
    skipped: dict[str, str] = {}
    with runner(registry, options.fusion_parameters, jobs=jobs, cluster=cluster, cache=cache, fresh=fresh) as running:
        for spec in datasets:
            try:
                columns.append(_column(table, spec, entrants, source, options, running, progress))
            except DegenerateError as error:
                if len(datasets) == 1:
                    raise
                skipped[spec.name] = str(error)
    if not columns:
        raise DegenerateError(f"no dataset can be measured; {next(iter(skipped.values()))}", where=table.source)
    differences: list[Difference] = [d for column in columns for d in paired_differences(column.whole)]
    return RunResult(
        data=data_facts(table, price_sheet),
        lineup=tuple(lineup_entry(entrant, registry, options, finished) for entrant in entrants),
        seeds=options.seeds,
        modality=options.modality,
        train_modality=options.train_modality or options.modality,
        intervals=Intervals(draws=options.draws, draw_seed=options.draw_seed),
        columns=tuple(columns),
        macros=macro_averages(columns),
        differences=tuple(differences),
        skipped_columns=skipped,
        skipped_routers=skipped_routers or {},
        versions=versions(entrants, registry),
    )


def _column(
    table: OutcomeTable,
    dataset: DatasetSpec,
    entrants: Sequence[Entrant],
    source: FeatureSource,
    options: Options,
    running: Runner,
    progress: Progress,
) -> Column:
    column = prepare(table, dataset, source, options)
    yardsticks = Yardsticks.of(
        column, draws=options.draws, category_draws=options.category_draws, draw_seed=options.draw_seed
    )
    name = column.spec.name
    bench = running.bench(Parcel(column), Parcel(yardsticks))
    readings = [RowReading(place=at) for at, _ in enumerate(yardsticks)]
    references: list[ReferenceRows] = running.references(bench, readings, progress, f"{name}: measuring references")
    scaled = yardsticks.scaled([Scale.of(each.rows) for each in references])
    asked = [Measurement.of(entrant, RowReading(), options) for entrant in entrants]
    bench = replace(bench, yardsticks=Parcel(scaled))
    found = running.measure(bench, asked, progress, f"{name}: fitting and measuring routers")
    routers = {entrant.name: outcome for entrant, outcome in zip(entrants, found, strict=True)}
    rows = {name: outcome.rows for name, outcome in routers.items() if isinstance(outcome, RouterRows)}
    whole, *slices = (
        yardstick.slice([*(own[at] for own in rows.values()), *known.rows], known.draws_left_out)
        for at, (yardstick, known) in enumerate(zip(yardsticks, references, strict=True))
    )
    spec = column.spec
    return Column(
        dataset=spec.name,
        title=spec.title,
        scenario=spec.scenario,
        members=tuple(name for name in column.table.dataset_names if spec.members),
        train=int(column.train.sum()),
        validation=int(column.validation.sum()),
        test=int((~column.train).sum()),
        left_out=column.left_out,
        split_digest=column.split_digest,
        cost_scale=column.cost_scale,
        features=column.description,
        whole=whole,
        slices=tuple(slices),
        skipped=yardsticks.skipped,
        failures=tuple(
            RouterFailure(router=name, dataset=spec.name, reason=outcome.reason, traceback=outcome.details)
            for name, outcome in routers.items()
            if isinstance(outcome, Failure)
        ),
        timings=tuple(
            Timing(router=name, fit=outcome.fit_seconds, predict=outcome.predict_seconds)
            for name, outcome in routers.items()
            if isinstance(outcome, RouterRows)
        ),
    )
