"""Fits one router on one column and asks it about test queries, and about validation queries in a fit without them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Fusion, Queries
from mmr_core.features import Features
from mmr_core.registry import Registry
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Policy, ask
from mmr_core.runner.prepare import Prepared
from mmr_core.runner.queries import build_queries, build_training
from mmr_core.specs import ModelSpec

VALIDATION_TIE = 1e-12
"""Validation utilities this close are one: they are sums in different orders."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What one router with one seed does on the test queries of a column.

    :param trade_off: the weight (per unit of normalised cost) of greatest validation utility; None where there is no
        complete validation instance.
    :param fit_seconds: time in both fits, of fusion and router.
    :param predict_seconds: time for the test queries.
    """

    policy: Policy
    trade_off: float | None
    fit_seconds: float
    predict_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What a router learns from: the training rows of one fit, and the pool.

    :param features: of these n rows alone.
    :param ids: n opaque ids.
    :param utility, cost: float64 [n, K], NaN where missing; cost in USD.
    :param validation: bool [n].
    :param cost_scale: USD; the largest cost of the whole training split.
    """

    features: Features
    ids: Sequence[str]
    pool: tuple[ModelSpec, ...]
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    validation: NDArray[np.bool_]
    cost_scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A router that has learned, with the fusion that its features come from."""

    router: Any
    fusion: Fusion | None
    pool: tuple[ModelSpec, ...]

    def queries(self, features: Features, ids: Sequence[str]) -> Queries:
        """What the router is asked about some instances."""
        return build_queries(features, ids, self.pool, self.fusion)


def learn(router: Any, fusion: Fusion | None, lesson: Lesson) -> Fitted:
    """Fits the fusion on the training rows, then the router on what the fusion makes of them."""
    if fusion is not None:
        fusion = fusion.fit(lesson.features.take(np.arange(len(lesson.ids))).embeddings)
    queries = build_queries(lesson.features, lesson.ids, lesson.pool, fusion)
    training = build_training(queries, lesson.utility, lesson.cost, lesson.validation, lesson.cost_scale)
    return Fitted(router=router.fit(training), fusion=fusion, pool=lesson.pool)


def answer(column: Prepared, entrant: Entrant, seed: int, registry: Registry, options: Options) -> Answer:
    """Chooses the operating point on validation, refits on all of train, and predicts the test split."""
    trade_off, first_fit = _choose_on_validation(column, entrant, seed, registry, options)
    policy, fit_seconds, predict_seconds = fit_and_ask(
        column, entrant, seed, registry, options, fit_on=column.train, ask_about=column.test
    )
    return Answer(
        policy=policy,
        trade_off=trade_off,
        fit_seconds=first_fit + fit_seconds,
        predict_seconds=predict_seconds,
    )


def _choose_on_validation(
    column: Prepared, entrant: Entrant, seed: int, registry: Registry, options: Options
) -> tuple[float | None, float]:
    rows = validation_rows(column)
    if rows is None:
        return None, 0.0
    rest, held_out = rows
    policy, seconds, _ = fit_and_ask(column, entrant, seed, registry, options, fit_on=rest, ask_about=held_out)
    return best_trade_off(policy, column.table.utility[held_out], column.table.cost[held_out]), seconds


def validation_rows(column: Prepared) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """bool [n] each: the rows to fit on and those to choose on; None where one of them would be empty."""
    held_out = column.validation & column.table.complete
    rest = column.train & ~column.validation
    return (rest, held_out) if held_out.any() and rest.any() else None


def best_trade_off(policy: Policy, utility: NDArray[np.float64], cost: NDArray[np.float64]) -> float:
    """The weight of greatest mean utility on true outcomes [n, K]; of equals the cheapest."""
    curve = policy.curve(utility, cost)
    best = np.flatnonzero(curve.utility >= curve.utility.max() - VALIDATION_TIE)
    return middle_of_interval(curve.trade_off, int(best[np.argmin(curve.cost[best])]))


def middle_of_interval(trade_off: NDArray[np.float64], point: int) -> float:
    """The middle of a point's interval; for the last point twice its left end, or 1 if that is 0."""
    left = float(trade_off[point])
    if point + 1 < len(trade_off) and np.isfinite(trade_off[point + 1]):
        return (left + float(trade_off[point + 1])) / 2
    return 2 * left or 1.0


def fit_and_ask(
    column: Prepared,
    entrant: Entrant,
    seed: int,
    registry: Registry,
    options: Options,
    *,
    fit_on: NDArray[np.bool_],
    ask_about: NDArray[np.bool_],
) -> tuple[Policy, float, float]:
    """Fits on some rows and asks about others: the policy, seconds of fitting, seconds of predicting."""
    router = registry.routers.create(entrant.name, seed=seed, **entrant.parameters)
    name = fusion_name(router, options)
    fusion = None if name is None else registry.fusions.create(name, **options.fusion_parameters.get(name, {}))
    started = time.perf_counter()
    lesson = Lesson(
        features=_rows(column.features_train, fit_on),
        ids=_picked(column.ids, fit_on),
        pool=column.table.models,
        utility=column.table.utility[fit_on],
        cost=column.table.cost[fit_on],
        validation=column.validation[fit_on],
        cost_scale=column.cost_scale,
    )
    fitted = learn(router, fusion, lesson)
    learned = time.perf_counter()
    queries = fitted.queries(_rows(column.features_test, ask_about), _picked(column.ids, ask_about))
    policy = ask(fitted.router, queries, column.cost_scale, entrant.name)
    return policy, learned - started, time.perf_counter() - learned


def fusion_name(router: Any, options: Options) -> str | None:
    """The fusion that a router, or its class, runs with; None where it wants none."""
    default = getattr(router, "default_fusion", None)
    return None if default is None else options.fusion or default


def _rows(features: Features, rows: NDArray[np.bool_]) -> Features:
    return features.take(np.flatnonzero(rows))


def _picked(ids: tuple[str, ...], rows: NDArray[np.bool_]) -> list[str]:
    return [ids[i] for i in np.flatnonzero(rows)]
