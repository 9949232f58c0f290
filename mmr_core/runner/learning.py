"""What a column learns from, where that is not its own whole training split: other datasets, a part of it, a newcomer.

Studies of shift, of training size and of models that join later ask for it; `prepare` carries it out. Parts are drawn
by frozen hashes of the instances, so smaller parts lie in larger ones and are the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import UnknownNameError, UsageError
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.specs import DatasetSpec
from mmr_core.splits import h

SHARE_TAG = "mmr-v1-share"
CALIBRATION_TAG = "mmr-v1-calibration"

_ROUNDING = 1e-9
"""A tenth of 160 rows is 16, whatever floating point makes of the product."""


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What is learned from.

    :param sources: datasets or mixtures whose training splits are pooled; empty means the column itself.
    :param share: of the training split, in (0, 1].
    :param newcomer: a model whose training outcomes are unknown but for those of the calibration instances.
    :param calibration: how many calibration instances there are.
    """

    sources: tuple[DatasetSpec, ...] = ()
    share: float = 1.0
    newcomer: str | None = None
    calibration: int = 0


def rows_learned_from(
    table: OutcomeTable, train: NDArray[np.bool_], validation: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    """bool [n]: the part of the training split that is learned from.

    Each dataset gives that share of its validation part and of the rest, rounded up, in the order of a frozen hash.

    :param train: bool [n], the whole training split.
    :param validation: bool [n], its validation part.
    """
    if share == 1:
        return train
    kept = np.zeros_like(train)
    order = _frozen_order(table, SHARE_TAG)
    for name in table.dataset_names:
        for part in (train & validation, train & ~validation):
            rows = order[(part & (table.dataset == name))[order]]
            kept[rows[: math.ceil(share * len(rows) - _ROUNDING)]] = True
    return kept


def known_only_from(table: OutcomeTable, train: NDArray[np.bool_], newcomer: str, calibration: int) -> OutcomeTable:
    """The table without the newcomer's training outcomes, but for those of the calibration instances.

    Calibration instances are the first training rows, in the order of a frozen hash, on which its outcome is known.
    Outcomes outside the training rows stay as they are.

    :raises UnknownNameError: if the table has no such model.
    :raises UsageError: if fewer training outcomes of it are known than calibration needs.
    """
    names = [model.name for model in table.models]
    if newcomer not in names:
        raise UnknownNameError(f"no model {newcomer!r} in the table", where=table.source)
    model = names.index(newcomer)
    known = train & ~(np.isnan(table.utility[:, model]) | np.isnan(table.cost[:, model]))
    if calibration > known.sum():
        raise UsageError(
            f"expected at least {calibration} known training outcomes of model {newcomer!r}, got {known.sum()}",
            fix="use fewer calibration instances",
        )
    order = _frozen_order(table, CALIBRATION_TAG)
    hidden = train.copy()
    hidden[order[known[order]][:calibration]] = False
    utility, cost, status = table.utility.copy(), table.cost.copy(), table.status.copy()
    utility[hidden, model] = cost[hidden, model] = np.nan
    status[hidden, model] = Status.MISSING
    return replace(table, utility=utility, cost=cost, status=status)


def _frozen_order(table: OutcomeTable, tag: str) -> NDArray[np.intp]:
    """Indices of all rows in an order that depends on the instances alone."""
    keys = [(h(tag, d, i), d, i) for d, i in zip(table.dataset, table.instance_id, strict=True)]
    return np.array(sorted(range(len(table)), key=keys.__getitem__), dtype=np.intp)
