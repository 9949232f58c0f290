"""Prepares one column of the results: which rows train, which are tested, and what routers may see of them.

A column is a dataset, or a mixture whose members' rows are pooled. Preparing it does everything that does not depend
on a router: selection, frozen split, incomplete instances, features under the modality masks, the cost scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, DegenerateError, FeatureError, UnknownNameError
from mmr_core.evaluate.options import Options
from mmr_core.evaluate.queries import opaque_ids
from mmr_core.evaluate.results import LeftOut
from mmr_core.features import Features, FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.pricing import cost_scale
from mmr_core.specs import DatasetSpec
from mmr_core.splits import split_digest, train_mask, validation_mask

TOLERATED = 0.05
"""The share of incomplete test instances of a dataset above which an evaluation refuses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """One column, ready for routers. Rows stand in canonical order.

    :param table: all instances of the column.
    :param train: bool [n], the training split, its validation part included.
    :param validation: bool [n], the validation part.
    :param test: bool [n], the test instances whose outcomes are complete.
    :param features_train: of all n instances, as routers see them in training.
    :param features_test: of all n instances, as routers see them when they decide.
    :param ids: n opaque ids.
    :param cost_scale: USD; the largest cost of the training split.
    """

    spec: DatasetSpec
    table: OutcomeTable
    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]
    left_out: tuple[LeftOut, ...]
    split_digest: str
    features_train: Features
    features_test: Features
    ids: tuple[str, ...]
    cost_scale: float
    description: dict[str, object]


def prepare(table: OutcomeTable, spec: DatasetSpec, source: FeatureSource, options: Options) -> Prepared:
    """Selects, splits and encodes the rows of one column.

    :raises UnknownNameError: if the table has no instance of the dataset.
    :raises DegenerateError: if the training or the test split is empty, or no test instance is complete.
    :raises FeatureError: if no training or no test instance has a feature in the modality looked at.
    :raises DataError: if more than 5 % of a dataset's test instances are incomplete and that is not allowed.
    """
    own = select(table, spec)
    train = train_mask(own.dataset, own.instance_id)
    validation = validation_mask(own.dataset, own.instance_id)
    _demand(train.any(), spec, "training", own)
    _demand((~train).any(), spec, "test", own)
    left_out = _left_out(own, ~train)
    if not options.allow_incomplete:
        _demand_few_left_out(left_out)
    test = ~train & own.complete
    if not test.any():
        raise DegenerateError("no test instance has the outcomes of all models", where=f"dataset {spec.name!r}")
    scale = cost_scale(own.cost[train])
    features = source.features(own, train)
    learned_from = features.restricted(options.train_modality or options.modality)
    asked_about = features.restricted(options.modality)
    _demand_seen(learned_from, train, "training", spec)
    _demand_seen(asked_about, test, "test", spec)
    return Prepared(
        spec=spec,
        table=own,
        train=train,
        validation=validation,
        test=test,
        left_out=left_out,
        split_digest=split_digest(own.dataset, own.instance_id),
        features_train=learned_from,
        features_test=asked_about,
        ids=opaque_ids(own.dataset.tolist(), own.instance_id.tolist()),
        cost_scale=scale,
        description=dict(source.describe()),
    )


def select(table: OutcomeTable, spec: DatasetSpec) -> OutcomeTable:
    """The rows of a dataset, or of a mixture's members, in canonical order.

    :raises UnknownNameError: if there is none.
    """
    names = spec.members or (spec.name,)
    rows = np.flatnonzero(np.isin(table.dataset.astype(str), names))
    if len(rows) == 0:
        raise UnknownNameError(
            f"no instance of dataset {spec.name!r}", where=table.source, fix=f"it has {', '.join(table.dataset_names)}"
        )
    own = table.take(rows)
    return own.take(own.canonical_order())


def columns_of(table: OutcomeTable, datasets: Sequence[DatasetSpec]) -> list[DatasetSpec]:
    """The columns that a table gives: each dataset in it, then each mixture of which it has two members or more."""
    present = set(table.dataset_names)
    plain = [table.spec_of(name) for name in table.dataset_names]
    mixtures = [spec for spec in datasets if len(present.intersection(spec.members)) > 1]
    return plain + mixtures


def _demand(holds: np.bool_, spec: DatasetSpec, part: str, table: OutcomeTable) -> None:
    if not holds:
        raise DegenerateError(
            f"none of its {len(table)} instances falls into the {part} split",
            where=f"dataset {spec.name!r}",
            fix="the split is frozen by instance id: import more instances",
        )


def _demand_seen(features: Features, rows: NDArray[np.bool_], part: str, spec: DatasetSpec) -> None:
    if not features.embeddings.mask[rows].any():
        raise FeatureError(
            f"no {part} instance has a feature in the modality that routers are to see",
            where=f"dataset {spec.name!r}",
            fix="choose another --modality or --train-modality, or features that have it",
        )


def _left_out(table: OutcomeTable, test: NDArray[np.bool_]) -> tuple[LeftOut, ...]:
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
