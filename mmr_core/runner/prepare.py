"""Prepares one column of the results: which rows train, which are tested, and what routers may see of them.

A column is a dataset, or a mixture whose members' rows are pooled. Preparing it does everything that does not depend
on a router: selection, frozen split, incomplete instances, features under the modality masks, the cost scale. What is
learned from may differ from the column's own training split (`Learning`); what is tested never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, DegenerateError, FeatureError, UnknownNameError
from mmr_core.features import Features, FeatureSource
from mmr_core.numerics.means import cost_scale
from mmr_core.outcomes import OutcomeTable
from mmr_core.runner.learning import Learning, known_only_from, rows_learned_from
from mmr_core.runner.options import Options
from mmr_core.specs import DatasetSpec
from mmr_core.splits import split_digest, split_masks

if TYPE_CHECKING:
    from mmr_core.results import LeftOut

TOLERATED = 0.05
"""The share of incomplete test instances of a dataset above which an evaluation refuses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parted:
    """The rows of one column, parted. They stand in canonical order.

    :param table: all n instances of the column; of a column that learns from elsewhere, those that train or are tested.
    :param train: bool [n], what is learned from, its validation part included.
    :param validation: bool [n], the validation part.
    :param test: bool [n], the test instances whose outcomes are complete.
    :param ids: n opaque ids.
    :param cost_scale: USD; the largest cost of the rows that are learned from.
    """

    spec: DatasetSpec
    table: OutcomeTable
    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]
    left_out: tuple[LeftOut, ...]
    split_digest: str
    ids: tuple[str, ...]
    cost_scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared(Parted):
    """One column, ready for routers.

    :param features_train: of all n instances, as routers see them in training.
    :param features_test: of all n instances, as routers see them when they decide.
    """

    features_train: Features
    features_test: Features
    description: dict[str, object]

    def without_features(self) -> Parted:
        """The same rows for what looks at no features, reference rows for one, so that none is digested."""
        return Parted(**{field.name: getattr(self, field.name) for field in fields(Parted)})


IN_DOMAIN = Learning()
"""A column learns from its own whole training split."""


def parted(table: OutcomeTable, spec: DatasetSpec, options: Options, learning: Learning = IN_DOMAIN) -> Parted:
    """Selects and splits the rows of one column, before anybody looks at what is in them.

    :raises UnknownNameError: if the table has no instance of a dataset.
    :raises DegenerateError: if the training or the test split is empty, or no test instance is complete.
    :raises DataError: if more than 5 % of a dataset's test instances are incomplete and that is not allowed.
    :raises UsageError: if there are not as many calibration instances.
    """
    sources = learning.sources or (spec,)
    own = _selected(table, (spec, *sources))
    split, held_out = split_masks(own.dataset, own.instance_id)
    train, tested = np.zeros_like(split), ~split & _rows_of(own, spec)
    for source in sources:
        taught = split & _rows_of(own, source)
        _demand(taught.any(), source, "training", own)
        train |= taught
    _demand(tested.any(), spec, "test", own)
    if learning.sources:
        used = train | tested
        own, train, tested, split, held_out = own.take(used), train[used], tested[used], split[used], held_out[used]
    train = rows_learned_from(own, train, held_out, learning.share)
    left_out = _left_out(own, tested)
    if not options.allow_incomplete:
        _demand_few_left_out(left_out)
    test = tested & own.complete
    if not test.any():
        raise DegenerateError("no test instance has the outcomes of all models", where=f"dataset {spec.name!r}")
    if learning.newcomer is not None:
        own = known_only_from(own, train, learning.newcomer, learning.calibration)
    return Parted(
        spec=spec,
        table=own,
        train=train,
        validation=held_out & train,
        test=test,
        left_out=left_out,
        split_digest=split_digest(own.dataset, own.instance_id, (split, held_out)),
        ids=opaque_ids(own.dataset.tolist(), own.instance_id.tolist()),
        cost_scale=cost_scale(own.cost[train]),
    )


def prepare(
    table: OutcomeTable, spec: DatasetSpec, source: FeatureSource, options: Options, learning: Learning = IN_DOMAIN
) -> Prepared:
    """Selects, splits and encodes the rows of one column.

    :param learning: what is learned from, where that is not the column's own whole training split.
    :raises FeatureError: if no training or no test instance has a feature in the modality looked at.

    Further errors are those of `parted`.
    """
    rows = parted(table, spec, options, learning)
    features = source.features(rows.table, rows.train)
    learned_from = features.restricted(options.train_modality or options.modality)
    asked_about = features.restricted(options.modality)
    _demand_seen(learned_from, rows.train, "training", spec)
    _demand_seen(asked_about, rows.test, "test", spec)
    return Prepared(
        **vars(rows),
        features_train=learned_from,
        features_test=asked_about,
        description=dict(source.describe()),
    )


def select(table: OutcomeTable, spec: DatasetSpec) -> OutcomeTable:
    """The rows of a dataset, or of a mixture's members, in canonical order.

    :raises UnknownNameError: if there is none.
    """
    return _selected(table, (spec,))


def _selected(table: OutcomeTable, specs: Sequence[DatasetSpec]) -> OutcomeTable:
    wanted = np.zeros(len(table), dtype=np.bool_)
    for spec in specs:
        mine = _rows_of(table, spec)
        if not mine.any():
            raise UnknownNameError(
                f"no instance of dataset {spec.name!r}",
                where=table.source,
                fix=f"it has {', '.join(table.dataset_names)}",
            )
        wanted |= mine
    order = table.canonical_order()
    rows = order[wanted[order]]
    return table if np.array_equal(rows, np.arange(len(table))) else table.take(rows)


def _rows_of(table: OutcomeTable, spec: DatasetSpec) -> NDArray[np.bool_]:
    wanted = spec.members or (spec.name,)
    return np.fromiter((name in wanted for name in table.dataset), dtype=np.bool_, count=len(table))


def columns_of(table: OutcomeTable, datasets: Sequence[DatasetSpec]) -> list[DatasetSpec]:
    """The columns that a table gives: each dataset in it, then each mixture with two or more members in it."""
    present = set(table.dataset_names)
    plain = [table.spec_of(name) for name in table.dataset_names]
    mixtures = [spec for spec in datasets if len(present.intersection(spec.members)) > 1]
    return plain + mixtures


def opaque_ids(datasets: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Names that are stable for an instance and carry neither its dataset nor its place."""
    pairs = zip(datasets, ids, strict=True)
    return tuple(blake2b(f"query:{dataset}:{idx}".encode(), digest_size=8).hexdigest() for dataset, idx in pairs)


def _demand(holds: np.bool_, spec: DatasetSpec, part: str, table: OutcomeTable) -> None:
    if not holds:
        raise DegenerateError(
            f"none of its {_rows_of(table, spec).sum()} instances falls into the {part} split",
            where=f"dataset {spec.name!r}",
            fix="the split is frozen by instance id: import more instances",
        )


def _demand_seen(features: Features, rows: NDArray[np.bool_], part: str, spec: DatasetSpec) -> None:
    if not features.embeddings.mask[rows].any():
        raise FeatureError(
            f"no {part} instance has a feature in the modality that routers are to see",
            where=f"dataset {spec.name!r}",
            fix="let them see another modality, or bring features that have it",
        )


def _left_out(table: OutcomeTable, test: NDArray[np.bool_]) -> tuple[LeftOut, ...]:
    from mmr_core.results import LeftOut

    unknown = np.isnan(table.utility) | np.isnan(table.cost)  # [n, K]
    found = []
    for name in table.dataset_names:
        rows = test & (table.dataset == name)
        incomplete = int(unknown[rows].any(axis=1).sum())
        if incomplete:
            gaps = unknown[rows].sum(axis=0)
            models = {model.name: int(gap) for model, gap in zip(table.models, gaps, strict=True) if gap}
            found.append(LeftOut(dataset=name, instances=incomplete, of=int(rows.sum()), models=models))
    return tuple(found)


def _demand_few_left_out(left_out: Sequence[LeftOut]) -> None:
    for gap in left_out:
        share = gap.instances / gap.of
        if share > TOLERATED:
            worst = max(gap.models, key=lambda name: gap.models[name])
            raise DataError(
                f"{gap.instances} of {gap.of} test instances ({share:.2%}) lack an outcome of some model, "
                f"most often of {worst!r} ({gap.models[worst]}); at most {TOLERATED:.0%} may be left out",
                where=f"dataset {gap.dataset!r}",
                fix="complete the table, leave that model out with --models, or pass --allow-incomplete",
            )
