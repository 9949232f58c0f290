"""The paper's protocol on one column: split, features, fit, predict, sweep, metrics, and the references beside them.

Called by the command line and by studies. A router that raises is reported and the others go on; test outcomes meet
a router's predictions only here, after the router has answered.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import numpy as np

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError, MMRError
from mmr_core.evaluate.column import Prepared, prepare
from mmr_core.evaluate.fitting import Answer, answer
from mmr_core.evaluate.measuring import Answers, TestSet, measure_slice
from mmr_core.evaluate.options import Entrant, Options
from mmr_core.evaluate.references import training_means
from mmr_core.evaluate.results import Column, RouterFailure, Slice, SliceKind, Timing
from mmr_core.features import FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.specs import DatasetSpec


def evaluate(
    table: OutcomeTable,
    dataset: DatasetSpec,
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options | None = None,
    progress: Progress = no_progress,
) -> Column:
    """Evaluates routers on one dataset or mixture of a table.

    :param table: outcomes of all models; other datasets in it are ignored.
    :param dataset: the column to evaluate.
    :param entrants: the routers, by the names under which the registry finds them.
    :param source: where features come from.
    :raises DegenerateError: if the column has nothing to measure (one model, equal costs, an empty split).
    :raises DataError: if too many test instances are incomplete.
    :raises FeatureError: if texts or images cannot be encoded.
    """
    chosen = options or Options()
    column = prepare(table, dataset, source, chosen)
    tested = _test_set(column)
    answers: list[Answers] = []
    failures: list[RouterFailure] = []
    timings: list[Timing] = []
    for done, entrant in enumerate(entrants):
        progress(f"{dataset.name}: fitting routers", done, len(entrants))
        try:
            given = [answer(column, entrant, seed, registry, chosen) for seed in chosen.seeds]
        except (Exception, SystemExit) as error:
            failures.append(_failure(entrant.name, dataset.name, error))
            continue
        answers.append(_collected(entrant.name, given))
        timings.append(_timing(entrant.name, given))
    progress(f"{dataset.name}: fitting routers", len(entrants), len(entrants))
    whole = measure_slice(tested, answers, draws=chosen.draws, draw_seed=chosen.draw_seed, every_model=True)
    slices, skipped = _slices(column, tested, answers, chosen, progress)
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


def _test_set(column: Prepared) -> TestSet:
    table, test = column.table, column.test
    return TestSet(
        name=column.spec.name,
        kind="mixture" if column.spec.members else "dataset",
        utility=table.utility[test],
        cost=table.cost[test],
        datasets=tuple(table.dataset[test]),
        training_means=training_means(table.utility[column.train], table.cost[column.train]),
        cost_scale=column.cost_scale,
        models=table.models,
    )


def _slices(
    column: Prepared, tested: TestSet, answers: Sequence[Answers], options: Options, progress: Progress
) -> tuple[tuple[Slice, ...], dict[str, str]]:
    """The datasets of a mixture, or the categories of a dataset; those that cannot be measured, with the reason."""
    kind: SliceKind = "dataset" if column.spec.members else "category"
    labels = column.table.dataset if column.spec.members else column.table.category
    of_test = labels[column.test]
    names = sorted(name for name in set(of_test) if name)
    if len(names) < 2:
        return (), {}
    found: list[Slice] = []
    skipped: dict[str, str] = {}
    for done, name in enumerate(names):
        progress(f"{column.spec.name}: measuring slices", done, len(names))
        rows = np.flatnonzero(of_test == name)
        draws = options.draws if kind == "dataset" else options.category_draws
        try:
            part = measure_slice(
                tested.take(rows, name, kind),
                [a.take(rows) for a in answers],
                draws=draws,
                draw_seed=options.draw_seed,
                every_model=False,
            )
        except DegenerateError as error:
            skipped[name] = str(error)
        else:
            found.append(part)
    progress(f"{column.spec.name}: measuring slices", len(names), len(names))
    return tuple(found), skipped


def _collected(name: str, given: Sequence[Answer]) -> Answers:
    return Answers(name=name, policies=tuple(a.policy for a in given), trade_offs=tuple(a.trade_off for a in given))


def _timing(name: str, given: Sequence[Answer]) -> Timing:
    return Timing(router=name, fit=sum(a.fit_seconds for a in given), predict=sum(a.predict_seconds for a in given))


def _failure(router: str, dataset: str, error: BaseException) -> RouterFailure:
    reason = str(error) if isinstance(error, MMRError) else f"{type(error).__name__}: {error}"
    return RouterFailure(
        router=router,
        dataset=dataset,
        reason=" ".join(reason.split()),
        traceback="".join(traceback.format_exception(error)),
    )
