"""Trains one router on a table, as `evaluate` would, and makes it ready to be saved.

It learns from the whole training split, and nothing of the test split is looked at, features included; or, for who
has no test to pass, from all rows. Before that the trade-off weight is chosen on the validation part, in a fit
without it. A router that answers otherwise once it is restored is refused here rather than found out later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmr_core.contracts import TEXT
from mmr_core.errors import PluginError, UsageError
from mmr_core.runner.fit import Fitted, Lesson, best_trade_off, learn
from mmr_core.runner.policies import Policy, ask
from mmr_core.trained.describing import demand_saveable_encoders, described
from mmr_core.trained.manifest import OperatingPoint
from mmr_core.trained.saving import TrainedRouter, made_again
from mmr_core.trained.states import demand_saveable
from mmr_core.trained.taught import Assignment, Taught

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.features import FeatureSource
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.registry import Registry
    from mmr_core.specs import DatasetSpec

PROBED = 256
"""How many training queries a restored router is asked about, to see that it answers as before."""

SAME_EMBEDDING = 1e-5
"""How far embeddings may be apart that were computed in batches of other sizes, relative and absolute."""


def train(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    assignment: Assignment,
    *,
    source: FeatureSource,
    registry: Registry,
) -> TrainedRouter:
    """The trained router of an assignment.

    :param datasets: datasets or mixtures whose rows are pooled; none means all rows of the table.
    :param source: encoders; a feature file knows nothing of new queries.
    :raises UsageError: if a component cannot be saved.
    :raises DegenerateError: if there is nothing to learn from.
    :raises PluginError: if a component breaks its contract, that of being restored included.

    Further errors are those of encoding and fitting.
    """
    names = _names(assignment, registry)
    demand_saveable_encoders(source, registry)
    taught = Taught.of(table, datasets, assignment, source)
    with threadpool_limits(limits=1):  # sums then have one order on every machine
        point = _operating_point(taught, assignment, names, registry)
        fitted = _fit(taught, np.ones(len(taught.table), dtype=np.bool_), assignment, names, registry)
        manifest, arrays = described(table, taught, assignment, names, fitted, point, source, registry)
        trained = made_again(manifest, arrays, registry)
        _demand_same_embeddings(taught, trained)
        _demand_same_answers(taught, fitted, trained, names)
    return trained


def _names(assignment: Assignment, registry: Registry) -> tuple[str, str | None]:
    """The router and its fusion; looks them up, and refuses those that cannot be saved before any work."""
    router = registry.routers.load(assignment.router.name)
    demand_saveable(router, f"router {assignment.router.name!r}")
    default = getattr(router, "default_fusion", None)
    fusion = None if default is None else assignment.fusion or default
    if fusion is not None:
        demand_saveable(registry.fusions.load(fusion), f"fusion {fusion!r}")
    return assignment.router.name, fusion


def _fit(
    taught: Taught, rows: NDArray[np.bool_], assignment: Assignment, names: tuple[str, str | None], registry: Registry
) -> Fitted:
    router_name, fusion_name = names
    router = registry.routers.create(router_name, seed=assignment.seed, **assignment.router.parameters)
    fusion = None
    if fusion_name is not None:
        fusion = registry.fusions.create(fusion_name, **assignment.fusion_parameters.get(fusion_name, {}))
        if getattr(fusion, "transductive", False):
            raise UsageError(
                f"fusion {fusion_name!r} looks at all queries at once, and a query to be routed comes alone",
                fix="choose another, or other parameters",
            )
    lesson = Lesson(
        features=taught.features.take(rows),
        ids=[taught.ids[i] for i in np.flatnonzero(rows)],
        pool=taught.table.models,
        utility=taught.table.utility[rows],
        cost=taught.table.cost[rows],
        validation=taught.validation[rows],
        cost_scale=taught.cost_scale,
    )
    return learn(router, fusion, lesson)


def _operating_point(
    taught: Taught, assignment: Assignment, names: tuple[str, str | None], registry: Registry
) -> OperatingPoint | None:
    held_out = taught.validation & taught.table.complete
    rest = ~taught.validation
    if not held_out.any() or not rest.any():
        return None
    fitted = _fit(taught, rest, assignment, names, registry)
    policy = _asked(taught, fitted, held_out, names)
    outcomes = taught.table.utility[held_out], taught.table.cost[held_out]
    trade_off = best_trade_off(policy, *outcomes)
    utility, cost = policy.outcome(trade_off, *outcomes)
    return OperatingPoint(
        trade_off=trade_off, instances=int(held_out.sum()), utility=float(utility.mean()), cost=float(cost.mean())
    )


def _asked(taught: Taught, fitted: Fitted, rows: NDArray[np.bool_], names: tuple[str, str | None]) -> Policy:
    queries = fitted.queries(taught.features.take(rows), [taught.ids[i] for i in np.flatnonzero(rows)])
    return ask(fitted.router, queries, taught.cost_scale, names[0])


def _demand_same_embeddings(taught: Taught, trained: TrainedRouter) -> None:
    """Asks a restored encoder about texts that the router learned from; one that learns nothing needs no asking."""
    encoder: Any = trained.encoders.get("text")
    before = taught.features.embeddings.text
    rows = np.flatnonzero(taught.features.embeddings.mask[:, TEXT])[:PROBED]
    if encoder is None or before is None or not len(rows) or not hasattr(encoder, "fit"):
        return
    after = np.asarray(encoder.encode_text([taught.features.questions[i] for i in rows]))
    width = min(before.shape[1], after.shape[1])
    if not np.allclose(before[rows, :width], after[:, :width], rtol=SAME_EMBEDDING, atol=SAME_EMBEDDING):
        raise PluginError(
            "encodes otherwise once it is restored from its state",
            where=f"encoder {type(encoder).__name__}",
            fix="restore must bring back all that fit keeps (mmr_core.contracts.Saveable)",
        )


def _demand_same_answers(taught: Taught, fitted: Fitted, trained: TrainedRouter, names: tuple[str, str | None]) -> None:
    again = Fitted(router=trained.router, fusion=trained.fusion, pool=trained.pool)
    for count in (1, PROBED):  # products with one row and with many are computed in different ways
        rows = np.arange(len(taught.table)) < count
        before, after = (_asked(taught, one, rows, names) for one in (fitted, again))
        if not _same(before, after):
            raise PluginError(
                "answers otherwise once it is restored from its state",
                where=f"router {names[0]!r}" + (f" with fusion {names[1]!r}" if names[1] else ""),
                fix="restore must bring back all that fit keeps (mmr_core.contracts.Saveable)",
            )


def _same(before: Policy, after: Policy) -> bool:
    return vars(before).keys() == vars(after).keys() and all(
        np.array_equal(value, getattr(after, name)) for name, value in vars(before).items()
    )
