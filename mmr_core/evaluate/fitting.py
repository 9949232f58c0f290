"""Fits one router on one column and asks it about test queries, and about validation queries in a fit without them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Fusion
from mmr_core.evaluate.column import Prepared
from mmr_core.evaluate.options import Entrant, Options
from mmr_core.evaluate.policies import Policy, ask
from mmr_core.evaluate.queries import build_queries, build_training
from mmr_core.features import Features
from mmr_core.registry import Registry

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


def answer(column: Prepared, entrant: Entrant, seed: int, registry: Registry, options: Options) -> Answer:
    """Chooses the operating point on validation, refits on all of train, and predicts the test split."""
    trade_off, first_fit = _choose_on_validation(column, entrant, seed, registry, options)
    policy, fit_seconds, predict_seconds = _predict(
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
    held_out = column.validation & column.table.complete
    rest = column.train & ~column.validation
    if not held_out.any() or not rest.any():
        return None, 0.0
    policy, seconds, _ = _predict(column, entrant, seed, registry, options, fit_on=rest, ask_about=held_out)
    curve = policy.curve(column.table.utility[held_out], column.table.cost[held_out])
    best = np.flatnonzero(curve.utility >= curve.utility.max() - VALIDATION_TIE)
    return middle_of_interval(curve.trade_off, int(best[np.argmin(curve.cost[best])])), seconds


def middle_of_interval(trade_off: NDArray[np.float64], point: int) -> float:
    """The middle of a point's interval; for the last point twice its left end, or 1 if that is 0."""
    left = float(trade_off[point])
    if point + 1 < len(trade_off) and np.isfinite(trade_off[point + 1]):
        return (left + float(trade_off[point + 1])) / 2
    return 2 * left or 1.0


def _predict(
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
    fusion = _fusion_for(router, registry, options)
    pool = column.table.models
    started = time.perf_counter()
    learned_from = _rows(column.features_train, fit_on)
    if fusion is not None:
        fusion = fusion.fit(learned_from.take(np.arange(int(fit_on.sum()))).embeddings)
    training = build_training(
        build_queries(learned_from, _picked(column.ids, fit_on), pool, fusion),
        column.table.utility[fit_on],
        column.table.cost[fit_on],
        column.validation[fit_on],
        column.cost_scale,
    )
    router = router.fit(training)
    fitted = time.perf_counter()
    queries = build_queries(_rows(column.features_test, ask_about), _picked(column.ids, ask_about), pool, fusion)
    policy = ask(router, queries, column.cost_scale, entrant.name)
    return policy, fitted - started, time.perf_counter() - fitted


def _fusion_for(router: Any, registry: Registry, options: Options) -> Fusion | None:
    default = getattr(router, "default_fusion", None)
    if default is None:
        return None
    name = options.fusion or default
    fusion: Fusion = registry.fusions.create(name, **options.fusion_parameters.get(name, {}))
    return fusion


def _rows(features: Features, rows: NDArray[np.bool_]) -> Features:
    return features.take(np.flatnonzero(rows))


def _picked(ids: tuple[str, ...], rows: NDArray[np.bool_]) -> list[str]:
    return [ids[i] for i in np.flatnonzero(rows)]
