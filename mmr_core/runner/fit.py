"""Fits a router on a column and asks it about test queries, and about validation queries in a fit without them.

What plugins are handed is built here, out of fresh copies, so that nothing reachable from it holds a test outcome.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Fusion, Queries, TrainingData
from mmr_core.errors import PluginError
from mmr_core.features import Features
from mmr_core.registry import Registry
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Policy, Pooled, ask
from mmr_core.runner.prepare import Prepared
from mmr_core.specs import ModelSpec

VALIDATION_TIE = 1e-12
"""Validation utilities this close are one: they are sums in different orders."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """What a router that was fitted without the validation part does on it.

    :param utility, cost: true outcomes [n, K] of the complete validation instances.
    """

    policy: Policy
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What one router with one seed does on the test queries of a column.

    :param fusion: the fusion that it ran with, where it wants one.
    :param held_out: None where nothing is chosen on validation, or there is no complete validation instance.
    :param fit_seconds: time in all fits, of fusion and router.
    :param predict_seconds: time for the test queries.
    """

    policy: Policy
    fusion: str | None
    held_out: HeldOut | None
    fit_seconds: float
    predict_seconds: float

    @cached_property
    def trade_off(self) -> float | None:
        """The weight (per unit of normalised cost) of greatest validation utility."""
        held = self.held_out
        return None if held is None else best_trade_off(held.policy, held.utility, held.cost)


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

    def queries_of_copy(self, features: Features, ids: Sequence[str]) -> Queries:
        """The same for features that were copied for this call, so that the queries may keep them uncopied."""
        return build_queries(features, ids, self.pool, self.fusion, copied=True)


def learn(router: Any, fusion: Fusion | None, lesson: Lesson) -> Fitted:
    """Fits the fusion on the training rows, then the router on what the fusion makes of them."""
    if fusion is not None:
        fusion = fusion.fit(lesson.features.take(np.arange(len(lesson.ids))).embeddings)
    queries = build_queries(lesson.features, lesson.ids, lesson.pool, fusion)
    training = build_training(queries, lesson.utility, lesson.cost, lesson.validation, lesson.cost_scale)
    return Fitted(router=router.fit(training), fusion=fusion, pool=lesson.pool)


def answer(
    column: Prepared, entrant: Entrant, seed: int, registry: Registry, options: Options, *, validate: bool = True
) -> Answer:
    """Fits on all of train and predicts the test split.

    :param validate: whether the router is also fitted without the validation part and asked about that.
    """
    rows = validation_rows(column) if validate else None
    held_out, first_fit = None, 0.0
    if rows is not None:
        rest, held = rows
        policy, first_fit, _ = fit_and_ask(column, entrant, seed, registry, options, fit_on=rest, ask_about=held)
        held_out = HeldOut(policy=policy, utility=column.table.utility[held], cost=column.table.cost[held])
    policy, fit_seconds, predict_seconds = fit_and_ask(
        column, entrant, seed, registry, options, fit_on=column.train, ask_about=column.test
    )
    return Answer(
        policy=policy,
        fusion=fusion_name(registry.routers.load(entrant.name), options),
        held_out=held_out,
        fit_seconds=first_fit + fit_seconds,
        predict_seconds=predict_seconds,
    )


def pooled(answers: Sequence[Answer]) -> Answer:
    """One router's answers with several sets of parameters as one, which reaches every operating point of any."""
    if len(answers) == 1:
        return answers[0]
    return Answer(
        policy=Pooled(tuple(each.policy for each in answers)),
        fusion=answers[0].fusion,
        held_out=None,
        fit_seconds=sum(each.fit_seconds for each in answers),
        predict_seconds=sum(each.predict_seconds for each in answers),
    )


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
    queries = fitted.queries_of_copy(_rows(column.features_test, ask_about), _picked(column.ids, ask_about))
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


def build_queries(
    features: Features, ids: Sequence[str], pool: tuple[ModelSpec, ...], fusion: Fusion | None, *, copied: bool = False
) -> Queries:
    """The queries of some instances.

    :param features: of these instances alone.
    :param ids: their opaque ids.
    :param fusion: fitted on training rows; None gives z of width 0.
    :param copied: whether the features are a copy already, which the queries may keep.
    :raises PluginError: if the fusion does not give finite float32 features of one row per instance.
    """
    z = _fused(features, fusion)
    own = features if copied else features.take(np.arange(len(ids)))
    return Queries(
        ids=tuple(ids),
        questions=own.questions,
        images=own.images,
        mask=own.embeddings.mask.copy(),
        z=z,
        embeddings=own.embeddings,
        light=own.light,
        pool=pool,
    )


def build_training(
    queries: Queries,
    utility: NDArray[np.float64],
    cost: NDArray[np.float64],
    validation: NDArray[np.bool_],
    cost_scale: float,
) -> TrainingData:
    """The training data of some instances; every array is a copy."""
    return TrainingData(
        queries=queries,
        utility=np.array(utility, dtype=np.float64),
        cost=np.array(cost, dtype=np.float64),
        validation=np.array(validation, dtype=np.bool_),
        cost_scale=cost_scale,
    )


def _fused(features: Features, fusion: Fusion | None) -> NDArray[np.float32]:
    n = len(features.embeddings)
    if fusion is None:
        return np.zeros((n, 0), dtype=np.float32)
    z = np.array(fusion.transform(features.take(np.arange(n)).embeddings), dtype=np.float32)
    if z.ndim != 2 or len(z) != n or not np.isfinite(z).all():
        raise PluginError(
            f"fusion {type(fusion).__name__} gave features of shape {z.shape}"
            + ("" if np.isfinite(z).all() else " with numbers that are not finite"),
            fix=f"transform must give finite float32 [{n}, p] (mmr_core.contracts.Fusion)",
        )
    return z
