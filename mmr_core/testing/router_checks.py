"""The checks of a router, of either kind: what `mmr_core.contracts.ScoringRouter` and `PolicyRouter` promise."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mmr_core.contracts import Router
from mmr_core.errors import FeatureError, UsageError
from mmr_core.features import View
from mmr_core.runner.agreement import compare, identical
from mmr_core.runner.fit import learn
from mmr_core.runner.policies import Policy, kind_of
from mmr_core.testing.contract_check import Broken, Check
from mmr_core.testing.outcome_leaks import check_no_outcomes
from mmr_core.testing.practice_data import practice
from mmr_core.testing.shared_checks import LISTING_CHECK, check_parameters, measured_job, restored_copy
from mmr_core.testing.subjects import SEED, RouterSubject

SCORING = "mmr_core.contracts.ScoringRouter"
JOB = {"train": 500, "asked": 2000, "models": 10}
VIEWS: tuple[View, ...] = ("text", "image")


def _interface(subject: RouterSubject) -> str:
    router = subject.make(seed=SEED)
    if not isinstance(router, Router):
        has = [name for name in ("default_fusion", "fit", "predict", "decide") if hasattr(router, name)]
        raise Broken(f"it has {', '.join(has) or 'none of these'}")
    wanted = router.default_fusion
    if wanted is not None:
        subject.registry.fusions.find(wanted)
    data = subject.data
    fitted = learn(router, None if wanted is None else subject.registry.fusions.create(wanted), data.lesson)
    if fitted.router is None:
        raise Broken("fit returned None", expected="fit returns the fitted router, self")
    return f"{kind_of(router)}, {'no fusion' if wanted is None else f'fusion {wanted!r}'}"


def _answers(subject: RouterSubject) -> None:
    data = subject.data
    subject.ask(subject.fitted, data)
    for rows in (np.arange(1), np.arange(len(data.asked) - 1)):
        subject.ask(subject.fitted, data, rows)


def _seeds(subject: RouterSubject) -> None:
    first = subject.ask(subject.fit(subject.data), subject.data)
    with other_randomness():
        second = subject.ask(subject.fit(subject.data), subject.data)
    if not identical(first, second):
        raise Broken(f"two fits with seed={SEED} gave different numbers ({_differences(first, second)})")


def _order(subject: RouterSubject) -> None:
    order = np.random.default_rng(0).permutation(len(subject.data.asked))
    together = subject.ask(subject.fitted, subject.data)
    _demand_same(
        together.take(order), subject.ask(subject.fitted, subject.data, order), "when the queries were shuffled"
    )


def _batch(subject: RouterSubject) -> None:
    data, count = subject.data, len(subject.data.asked)
    together = subject.ask(subject.fitted, data)
    for half in (np.arange(count // 2), np.arange(count // 2, count)):
        _demand_same(
            together.take(half), subject.ask(subject.fitted, data, half), "when only half of the queries were given"
        )
    for i in range(count):
        alone = subject.ask(subject.fitted, data, np.array([i]))
        _demand_same(together.take(np.array([i])), alone, "when a query came alone")


def _ids(subject: RouterSubject) -> None:
    names = tuple(f"renamed-{i}" for i in range(len(subject.data.asked)))
    together = subject.ask(subject.fitted, subject.data)
    _demand_same(together, subject.ask(subject.fitted, subject.data, names=names), "when the queries had other ids")


def _modalities(subject: RouterSubject) -> str | None:
    for sides in (subject.data, practice(subject.workspace, presence="both")):
        fitted = subject.fitted if sides is subject.data else subject.fit(sides)
        for view in VIEWS:
            ids = sides.asked_ids
            queries = fitted.queries(sides.asked.restricted(view), ids)
            subject.answer(fitted.router, queries, sides)
    table = practice(subject.workspace, presence="text-only")
    try:
        fitted = subject.fit(table)
    except (UsageError, FeatureError) as refusal:
        return f"rejects a table without images: {refusal}"
    subject.ask(fitted, table)
    return None


def _pools(subject: RouterSubject) -> None:
    for models in (1, 100):
        data = practice(subject.workspace, train=40, asked=5, models=models)
        subject.ask(subject.fit(data), data)


def _missing_outcomes(subject: RouterSubject) -> None:
    for share, unobserved in ((0.3, 0), (0.1, 1)):
        data = practice(subject.workspace, missing=share, unobserved=unobserved)
        subject.ask(subject.fit(data), data)


def _saving(subject: RouterSubject) -> None:
    again = restored_copy(subject.fitted.router, lambda: subject.made_from_json(seed=SEED), subject.label)
    data = subject.data
    queries = subject.fitted.queries(data.asked, data.asked_ids)
    before, after = (subject.answer(router, queries, data) for router in (subject.fitted.router, again))
    if not identical(before, after):
        raise Broken(f"the restored router answers differently ({_differences(before, after)})")


def _job(subject: RouterSubject) -> str:
    data = practice(subject.workspace, train=JOB["train"], asked=JOB["asked"], models=JOB["models"])
    return measured_job(lambda: subject.ask(subject.fit(data), data)).within_limits(
        f"{JOB['train']} training queries, {JOB['asked']:,} test queries, {JOB['models']} models"
    )


@contextmanager
def other_randomness() -> Iterator[None]:
    """Within the context, the global random states of this process differ; afterwards they are restored."""
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()  # noqa: NPY002
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002
    if torch is not None:
        torch.manual_seed(99)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(kept[2])


def _demand_same(first: Policy, second: Policy, when: str) -> None:
    compared = compare(first, second)
    if compared.changed:
        raise Broken(
            f"the decisions for {compared.changed} of {compared.compared} queries changed {when} "
            f"(at some trade-off weight; numbers: {_differences(first, second)})"
        )


def _differences(first: Policy, second: Policy) -> str:
    """How far two answers are apart, if they have the same shapes."""
    one, other = first.arrays, second.arrays
    if [array.shape for array in one] != [array.shape for array in other]:
        return "different decisions"
    return f"up to {max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(one, other, strict=True)):.2g} apart"


ROUTER_CHECKS: tuple[Check[RouterSubject], ...] = (
    Check(
        name="interface",
        rule="it has default_fusion (a fusion's name or None), fit, and predict or decide; fit returns self",
        contract=SCORING,
        look=_interface,
    ),
    Check(
        name="finite-answers",
        rule="predict returns a finite Prediction [n, K]; decide returns a model or a row of probabilities per query",
        contract="mmr_core.contracts.Prediction",
        look=_answers,
    ),
    Check(
        name="same-seed-same-numbers",
        rule="two fits with one seed on one machine give the same numbers, whatever ran before",
        contract=SCORING,
        look=_seeds,
    ),
    Check(
        name="order-does-not-matter",
        rule="the order of the queries changes no decision",
        contract=SCORING,
        look=_order,
    ),
    Check(
        name="batch-does-not-matter",
        rule="the decision for a query is the same alone, among some, and among all queries",
        contract=SCORING,
        look=_batch,
    ),
    Check(
        name="ids-do-not-matter",
        rule="the opaque ids of the queries change no decision",
        contract="mmr_core.contracts.Queries",
        look=_ids,
    ),
    Check(
        name="missing-modalities",
        rule="queries without text, image or both get finite answers, and so does a text-only table "
        "(which a router may reject with a UsageError or FeatureError)",
        contract=SCORING,
        look=_modalities,
    ),
    Check(
        name="pool-of-one-and-of-a-hundred",
        rule="pools of one and of a hundred models get finite answers [n, K]",
        contract=SCORING,
        look=_pools,
    ),
    Check(
        name="missing-outcomes",
        rule="it can be fitted if some outcomes are NaN, or all of one model, and its answers are finite",
        contract="mmr_core.contracts.TrainingData",
        look=_missing_outcomes,
    ),
    Check(
        name="no-access-to-outcomes",
        rule="it neither depends on, keeps nor reads outcomes that it was not given",
        contract=SCORING,
        look=check_no_outcomes,
    ),
    Check(
        name="parameters",
        rule="every parameter can be set by keyword, has a usable default, and is named in the docstring",
        contract=SCORING,
        look=check_parameters,
    ),
    Check(
        name="save-and-load",
        rule="state() returns arrays and JSON, from which restore() makes a router with bit-identical answers",
        contract="mmr_core.contracts.Saveable",
        look=_saving,
    ),
    LISTING_CHECK,
    Check(
        name="standard-job",
        rule="a standard job takes at most ten minutes and 8 GB",
        contract="mmr_core.testing.shared_checks",
        look=_job,
    ),
)
