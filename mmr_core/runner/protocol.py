"""The paper's protocol on one column: split, features, fit, predict, sweep, metrics, and the references beside them.

Called by the command line and by studies. A router that raises is reported and the others go on; test outcomes meet
a router's predictions only here, after the router has answered.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError, MMRError, PluginError, UsageError
from mmr_core.features import FeatureSource
from mmr_core.numerics.metrics import SingleModels
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.results import Column, RouterFailure, Slice, Timing
from mmr_core.runner.fit import Answer, answer
from mmr_core.runner.measure import Answers, TestSet, measure_slice
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Prepared, prepare
from mmr_core.runner.references import is_reference
from mmr_core.runner.slices import parts_of, test_set
from mmr_core.specs import DatasetSpec


def evaluate(
    table: OutcomeTable,
    dataset: DatasetSpec,
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Column:
    """Evaluates routers on one dataset or mixture of a table.

    :param table: outcomes of all models; other datasets in it are ignored.
    :param dataset: the column to evaluate.
    :param entrants: the routers, by the names under which the registry finds them.
    :param source: where features come from.
    :param jobs: how many processes fit routers and measure slices.
    :raises UsageError: if a router has the name of a reference row.
    :raises DegenerateError: if the column has nothing to measure (one model, equal costs, an empty split).
    :raises DataError: if too many test instances are incomplete.
    :raises FeatureError: if texts or images cannot be encoded.
    """
    chosen = options or Options()
    for entrant in entrants:
        if is_reference(entrant.name):
            raise UsageError(f"{entrant.name!r} is the name of a reference row", fix="use the router's whole name")
    column = prepare(table, dataset, source, chosen)
    tested = test_set(column)
    SingleModels.of(tested.utility, tested.cost)  # nothing is fitted where nothing can be measured
    answers: list[Answers] = []
    failures: list[RouterFailure] = []
    timings: list[Timing] = []
    tasks = [delayed(_answers)(column, entrant, registry, chosen) for entrant in entrants]
    for entrant, given in zip(
        entrants, watched(tasks, jobs, progress, f"{dataset.name}: fitting routers"), strict=True
    ):
        if isinstance(given, RouterFailure):
            failures.append(given)
        else:
            answers.append(_collected(entrant.name, given))
            timings.append(_timing(entrant.name, given))
    whole, slices, skipped = _measured(column, tested, answers, chosen, jobs, progress)
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
        slices=slices,
        skipped=skipped,
        failures=tuple(failures),
        timings=tuple(timings),
    )


def _answers(column: Prepared, entrant: Entrant, registry: Registry, options: Options) -> list[Answer] | RouterFailure:
    """One router's answers, one per seed; whatever it raises is a failure of this router alone.

    One thread each: sums then have one order whatever `jobs` is, and small matrices gain nothing from more.
    """
    try:
        registry.routers.load(entrant.name)  # first, since only libraries that are loaded can be limited
        with threadpool_limits(limits=1):
            return [answer(column, entrant, seed, registry, options) for seed in options.seeds]
    except (Exception, SystemExit) as error:
        return _failure(entrant.name, column.spec.name, error)


def _measured(
    column: Prepared,
    tested: TestSet,
    answers: Sequence[Answers],
    options: Options,
    jobs: int,
    progress: Progress,
) -> tuple[Slice, tuple[Slice, ...], dict[str, str]]:
    """The whole column; the datasets of a mixture or the categories of a dataset; those that have no measure."""
    kind, rows_of = parts_of(column)
    draws = options.draws if kind == "dataset" else options.category_draws
    parts = [(tested, answers, options.draws, True)]
    for name, rows in rows_of.items():
        parts.append((tested.take(rows, name, kind), [a.take(rows) for a in answers], draws, False))
    tasks = [delayed(_slice)(*part, options.draw_seed) for part in parts]
    whole, *rest = watched(tasks, jobs, progress, f"{column.spec.name}: measuring")
    if isinstance(whole, DegenerateError):
        raise whole
    skipped = {name: str(part) for name, part in zip(rows_of, rest, strict=True) if isinstance(part, DegenerateError)}
    return whole, tuple(part for part in rest if isinstance(part, Slice)), skipped


def _slice(
    tested: TestSet, answers: Sequence[Answers], draws: int, every_model: bool, draw_seed: int
) -> Slice | DegenerateError:
    try:
        return measure_slice(tested, answers, draws=draws, draw_seed=draw_seed, every_model=every_model)
    except DegenerateError as error:
        return error


def watched(tasks: Sequence[Any], jobs: int, progress: Progress, what: str) -> Iterator[Any]:
    """Runs tasks in order, in `jobs` processes, and reports each as it is done.

    :raises PluginError: if a process dies, which no exception tells.
    """
    progress(what, 0, len(tasks))
    with deaths_told(what):
        for done, result in enumerate(Parallel(n_jobs=jobs, return_as="generator")(tasks), start=1):
            progress(what, done, len(tasks))
            yield result


@contextmanager
def deaths_told(what: str) -> Iterator[None]:
    """:raises PluginError: if a process dies in here, which no exception of a router tells."""
    try:
        yield
    except TerminatedWorkerError as error:
        raise PluginError(
            "a process died: a router ended it, or the machine ran out of memory",
            where=what,
            fix="run with --jobs 1, or with fewer routers, to find out which",
        ) from error


def _collected(name: str, given: Sequence[Answer]) -> Answers:
    return Answers(name=name, policies=tuple(a.policy for a in given), trade_offs=tuple(a.trade_off for a in given))


def _timing(name: str, given: Sequence[Answer]) -> Timing:
    return Timing(router=name, fit=sum(a.fit_seconds for a in given), predict=sum(a.predict_seconds for a in given))


def _failure(router: str, dataset: str, error: BaseException) -> RouterFailure:
    return RouterFailure(router=router, dataset=dataset, reason=reason_of(error), traceback=traceback_of(error))


def reason_of(error: BaseException) -> str:
    """What was raised, on one line."""
    reason = str(error) if isinstance(error, MMRError) else f"{type(error).__name__}: {error}"
    return " ".join(reason.split())


def traceback_of(error: BaseException) -> str:
    """The whole traceback, as Python prints it."""
    return "".join(traceback.format_exception(error))
