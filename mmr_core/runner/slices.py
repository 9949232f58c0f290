"""The test instances of a column as what is measured: all of them, and the slices that a column is shown by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.means import training_means
from mmr_core.results import SliceKind
from mmr_core.runner.measure import TestSet
from mmr_core.runner.prepare import Parted


def test_set(column: Parted) -> TestSet:
    """All complete test instances of a column, with what references are made of."""
    table, test = column.table, column.test
    return TestSet(
        name=column.spec.name,
        kind="mixture" if column.spec.members else "dataset",
        utility=table.utility[test],
        cost=table.cost[test],
        datasets=tuple(table.dataset[test]),
        training_means=training_means(table.utility[column.train], table.cost[column.train]),
        cost_scale=column.cost_scale,
        models=table.models,
    )


def parts_of(column: Parted) -> tuple[SliceKind, dict[str, NDArray[np.intp]]]:
    """The datasets of a mixture, or the categories of a dataset, by name: which of the test instances each has.

    None where there is only one.
    """
    kind: SliceKind = "dataset" if column.spec.members else "category"
    labels = (column.table.dataset if column.spec.members else column.table.category)[column.test]
    names = sorted(name for name in set(labels) if name)
    return kind, {name: np.flatnonzero(labels == name) for name in names} if len(names) > 1 else {}
