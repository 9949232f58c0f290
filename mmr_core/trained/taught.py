"""What a router that is to be saved learns from: the assignment, and the rows of the table that it takes.

The rows that are left aside are dropped here, before anything is encoded, so nothing behind this knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DegenerateError, FeatureError, UnknownNameError
from mmr_core.features.aligned import View
from mmr_core.numerics.normalisation import cost_scale
from mmr_core.runner.options import Entrant
from mmr_core.runner.prepare import opaque_ids
from mmr_core.splits import VALIDATION_SHARE, VALIDATION_TAG, h, split_digest, train_mask, validation_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.features import Features, FeatureSource
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What is to be trained.

    :param fusion: None lets the router have its own.
    :param fusion_parameters: by fusion name, what it is made with.
    :param modality: what the router sees of a query.
    :param all_rows: learn from the test split too.
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
class Taught:
    """What is learned from.

    :param table: the n rows that are learned from, in canonical order; no other.
    :param validation: bool [n].
    :param unseen: how many rows of the same datasets were left aside.
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
    ) -> Taught:
        own = _selected(table, datasets)
        taken = train_mask(own.dataset, own.instance_id)
        validation = validation_mask(own.dataset, own.instance_id)
        if assignment.all_rows:
            taken = np.ones_like(taken)
            pairs = zip(own.dataset, own.instance_id, strict=True)
            validation = np.array([h(VALIDATION_TAG, *pair) < VALIDATION_SHARE for pair in pairs], dtype=np.bool_)
        if not taken.any():
            raise DegenerateError(
                f"none of {len(own)} instances falls into the training split",
                where=table.source,
                fix="the split is frozen by instance id: import more instances, or learn from --all-rows",
            )
        kept = own.take(taken)
        scale = cost_scale(kept.cost)
        features = source.features(kept, np.ones(len(kept), dtype=np.bool_)).restricted(assignment.modality)
        if not features.embeddings.mask.any():
            raise FeatureError("no training instance has what the router looks at", where=table.source)
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
