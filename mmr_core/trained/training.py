"""Trains one router on a table, as an evaluation would, and makes it ready to be saved.

It trains on the whole training split and sees nothing of the test split, features included; or, with `all_rows`, on
all rows. The trade-off weight is chosen on the validation part, in a fit without it. A router that decides differently
once restored is rejected here rather than found out later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmr_core.contracts import TEXT
from mmr_core.errors import DegenerateError, FeatureError, PluginError, UnknownNameError, UsageError
from mmr_core.features.aligned import View
from mmr_core.numerics.means import cost_scale
from mmr_core.runner.fit import Fitted, Lesson, best_trade_off, learn
from mmr_core.runner.options import Entrant
from mmr_core.runner.policies import Policy, ask
from mmr_core.runner.prepare import opaque_ids
from mmr_core.splits import VALIDATION_SHARE, VALIDATION_TAG, h, split_digest, train_mask, validation_mask
from mmr_core.trained.inference import TrainedRouter
from mmr_core.trained.restore import restored
from mmr_core.trained.serialize import manifest_and_arrays, require_saveable, require_saveable_encoders
from mmr_core.trained.trained_manifest import OperatingPoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.features import Features, FeatureSource
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.registry import Registry
    from mmr_core.specs import DatasetSpec

PROBED = 256
"""Number of training queries on which a restored router must decide as before."""

SAME_EMBEDDING = 1e-5
"""Tolerance, relative and absolute, between embeddings computed in batches of different sizes."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What to train.

    :param fusion: None means the router's own.
    :param fusion_parameters: parameters by fusion name.
    :param modality: what the router sees of a query.
    :param all_rows: train on the test split too.
    :param price_sheet: the version of the price sheet that costs were recomputed by, if any.
    """

    router: Entrant
    seed: int = 0
    fusion: str | None = None
    fusion_parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    modality: View = "multimodal"
    all_rows: bool = False
    price_sheet: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRows:
    """The rows to train on, and their features.

    All other rows are dropped before anything is encoded, so nothing downstream can see them.

    :param table: the n training rows, in canonical order, and no others.
    :param validation: bool [n].
    :param cost_scale: USD; the largest cost in `table`.
    :param unseen: number of rows of the same datasets that were left out.
    """

    table: OutcomeTable
    ids: tuple[str, ...]
    features: Features
    validation: NDArray[np.bool_]
    cost_scale: float
    unseen: int
    split_digest: str

    @classmethod
    def of(
        cls, table: OutcomeTable, datasets: Sequence[DatasetSpec], assignment: Assignment, source: FeatureSource
    ) -> TrainingRows:
        own = _selected(table, datasets)
        taken = train_mask(own.dataset, own.instance_id)
        validation = validation_mask(own.dataset, own.instance_id)
        if assignment.all_rows:
            taken = np.ones_like(taken)
            pairs = zip(own.dataset, own.instance_id, strict=True)
            validation = np.array([h(VALIDATION_TAG, *pair) < VALIDATION_SHARE for pair in pairs], dtype=np.bool_)
        if not taken.any():
            raise DegenerateError(
                f"none of the {len(own)} instances is in the training split",
                where=table.source,
                fix="the split is fixed by instance id: import more instances, or use --all-rows",
            )
        kept = own.take(taken)
        scale = cost_scale(kept.cost)
        features = source.features(kept, np.ones(len(kept), dtype=np.bool_)).restricted(assignment.modality)
        if not features.embeddings.mask.any():
            raise FeatureError("no training instance has a modality that the router uses", where=table.source)
        return cls(
            table=kept,
            ids=opaque_ids(kept.dataset.tolist(), kept.instance_id.tolist()),
            features=features,
            validation=validation[taken],
            cost_scale=scale,
            unseen=int((~taken).sum()),
            split_digest=split_digest(own.dataset, own.instance_id),
        )


def _selected(table: OutcomeTable, datasets: Sequence[DatasetSpec]) -> OutcomeTable:
    wanted = np.full(len(table), not datasets)
    for spec in datasets:
        rows = np.isin(table.dataset.astype(str), spec.members or (spec.name,))
        if not rows.any():
            raise UnknownNameError(
                f"no instance of dataset {spec.name!r}",
                where=table.source,
                fix=f"it has {', '.join(table.dataset_names)}",
            )
        wanted |= rows
    own = table.take(wanted)
    return own.take(own.canonical_order())


def train(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    assignment: Assignment,
    *,
    source: FeatureSource,
    registry: Registry,
) -> TrainedRouter:
    """Trains a router.

    :param datasets: datasets or mixtures whose rows are pooled; empty means all rows of the table.
    :param source: encoders; a feature file cannot encode new queries.
    :raises UsageError: if a component cannot be saved.
    :raises DegenerateError: if there are no training rows.
    :raises PluginError: if a component breaks its contract, for instance is not the same once restored.

    Encoding and fitting raise further errors.
    """
    names = _names(assignment, registry)
    require_saveable_encoders(source, registry)
    rows = TrainingRows.of(table, datasets, assignment, source)
    with threadpool_limits(limits=1):  # sums then have one order on every machine
        point = _operating_point(rows, assignment, names, registry)
        fitted = _fit(rows, np.ones(len(rows.table), dtype=np.bool_), assignment, names, registry)
        manifest, arrays = manifest_and_arrays(table, rows, assignment, names, fitted, point, source, registry)
        trained = restored(manifest, arrays, registry)
        _check_same_embeddings(rows, trained)
        _check_same_decisions(rows, fitted, trained, names)
    return trained


def _names(assignment: Assignment, registry: Registry) -> tuple[str, str | None]:
    """The names of the router and its fusion; rejects those that cannot be saved before any work."""
    router = registry.routers.load(assignment.router.name)
    require_saveable(router, f"router {assignment.router.name!r}")
    default = getattr(router, "default_fusion", None)
    fusion = None if default is None else assignment.fusion or default
    if fusion is not None:
        require_saveable(registry.fusions.load(fusion), f"fusion {fusion!r}")
    return assignment.router.name, fusion


def _fit(
    data: TrainingRows,
    rows: NDArray[np.bool_],
    assignment: Assignment,
    names: tuple[str, str | None],
    registry: Registry,
) -> Fitted:
    router_name, fusion_name = names
    router = registry.routers.create(router_name, seed=assignment.seed, **assignment.router.parameters)
    fusion = None
    if fusion_name is not None:
        fusion = registry.fusions.create(fusion_name, **assignment.fusion_parameters.get(fusion_name, {}))
        if getattr(fusion, "transductive", False):
            raise UsageError(
                f"fusion {fusion_name!r} needs all queries at once, but queries are routed one at a time",
                fix="choose another fusion, or other parameters",
            )
    lesson = Lesson(
        features=data.features.take(rows),
        ids=[data.ids[i] for i in np.flatnonzero(rows)],
        pool=data.table.models,
        utility=data.table.utility[rows],
        cost=data.table.cost[rows],
        validation=data.validation[rows],
        cost_scale=data.cost_scale,
    )
    return learn(router, fusion, lesson)


def _operating_point(
    rows: TrainingRows, assignment: Assignment, names: tuple[str, str | None], registry: Registry
) -> OperatingPoint | None:
    held_out = rows.validation & rows.table.complete
    rest = ~rows.validation
    if not held_out.any() or not rest.any():
        return None
    fitted = _fit(rows, rest, assignment, names, registry)
    policy = _policy(rows, fitted, held_out, names)
    outcomes = rows.table.utility[held_out], rows.table.cost[held_out]
    trade_off = best_trade_off(policy, *outcomes)
    utility, cost = policy.outcome(trade_off, *outcomes)
    return OperatingPoint(
        trade_off=trade_off, instances=int(held_out.sum()), utility=float(utility.mean()), cost=float(cost.mean())
    )


def _policy(data: TrainingRows, fitted: Fitted, rows: NDArray[np.bool_], names: tuple[str, str | None]) -> Policy:
    queries = fitted.queries(data.features.take(rows), [data.ids[i] for i in np.flatnonzero(rows)])
    return ask(fitted.router, queries, data.cost_scale, names[0])


def _check_same_embeddings(rows: TrainingRows, trained: TrainedRouter) -> None:
    """Compares a restored text encoder's embeddings of training texts with the original; only if it is fitted."""
    encoder: Any = trained.encoders.get("text")
    before = rows.features.embeddings.text
    sample = np.flatnonzero(rows.features.embeddings.mask[:, TEXT])[:PROBED]
    if encoder is None or before is None or not len(sample) or not hasattr(encoder, "fit"):
        return
    after = np.asarray(encoder.encode_text([rows.features.questions[i] for i in sample]))
    width = min(before.shape[1], after.shape[1])
    if not np.allclose(before[sample, :width], after[:, :width], rtol=SAME_EMBEDDING, atol=SAME_EMBEDDING):
        raise PluginError(
            "encodes differently once restored from its state",
            where=f"encoder {type(encoder).__name__}",
            fix="restore must bring back everything that fit keeps (mmr_core.contracts.Saveable)",
        )


def _check_same_decisions(
    rows: TrainingRows, fitted: Fitted, trained: TrainedRouter, names: tuple[str, str | None]
) -> None:
    again = Fitted(router=trained.router, fusion=trained.fusion, pool=trained.pool)
    for count in (1, PROBED):  # BLAS multiplies one row and many rows in different ways
        sample = np.arange(len(rows.table)) < count
        before, after = (_policy(rows, one, sample, names) for one in (fitted, again))
        if not _same(before, after):
            raise PluginError(
                "decides differently once restored from its state",
                where=f"router {names[0]!r}" + (f" with fusion {names[1]!r}" if names[1] else ""),
                fix="restore must bring back everything that fit keeps (mmr_core.contracts.Saveable)",
            )


def _same(before: Policy, after: Policy) -> bool:
    return vars(before).keys() == vars(after).keys() and all(
        np.array_equal(value, getattr(after, name)) for name, value in vars(before).items()
    )
