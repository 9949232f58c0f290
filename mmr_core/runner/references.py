"""The test instances as they are measured, and the reference rows, pure functions of them.

No plugin ever holds what references are made of. The oracle knows the test outcomes and bounds what routing can gain;
`constant` knows the training means and shows what can be had without looking at the query; the single models are what
one has without routing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.means import training_means
from mmr_core.numerics.metrics import SingleModels
from mmr_core.results import SliceKind
from mmr_core.runner.policies import Decided, Policy, Scored
from mmr_core.runner.prepare import Parted
from mmr_core.specs import ORACLE, ModelSpec

Floats = NDArray[np.float64]

ORACLE_UNAWARE = "oracle-cost-unaware"
BEST_SINGLE = "best-single"
CONSTANT = "constant"
MODEL_PREFIX = "model:"
SHORT_LIST = (ORACLE, ORACLE_UNAWARE, CONSTANT, BEST_SINGLE)
"""The references that every slice has; single models have rows on whole columns only."""


def is_reference(name: str) -> bool:
    """Whether a row of this name is a reference, so that no router may have it."""
    return name in SHORT_LIST or name.startswith(MODEL_PREFIX)


@dataclass(frozen=True, kw_only=True, eq=False)
class TestSet:
    """The complete test instances of a slice, with what references are made of.

    :param datasets: n names of the instances' own datasets; draws are stratified by them.
    :param training_means: [K] utility and [K] cost over the column's training split.
    """

    __test__ = False  # pytest takes it for a test otherwise

    name: str
    kind: SliceKind
    utility: Floats
    cost: Floats
    datasets: tuple[str, ...]
    training_means: tuple[Floats, Floats]
    cost_scale: float
    models: tuple[ModelSpec, ...]

    def take(self, rows: NDArray[np.intp], name: str, kind: SliceKind) -> TestSet:
        """A slice of this slice."""
        return TestSet(
            name=name,
            kind=kind,
            utility=self.utility[rows],
            cost=self.cost[rows],
            datasets=tuple(self.datasets[i] for i in rows),
            training_means=self.training_means,
            cost_scale=self.cost_scale,
            models=self.models,
        )


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


test_set.__test__ = False  # type: ignore[attr-defined]


def parts_of(column: Parted) -> tuple[SliceKind, dict[str, NDArray[np.intp]]]:
    """The datasets of a mixture, or the categories of a dataset, by name: which of the test instances each has.

    None where there is only one.
    """
    kind: SliceKind = "dataset" if column.spec.members else "category"
    labels = (column.table.dataset if column.spec.members else column.table.category)[column.test]
    names = sorted(name for name in set(labels) if name)
    return kind, {name: np.flatnonzero(labels == name) for name in names} if len(names) > 1 else {}


@dataclass(frozen=True, eq=False)
class References(Mapping[str, Policy]):
    """Every reference row's policy on a test set, by name, in the order in which tables show them; made when read."""

    tested: TestSet
    singles: SingleModels

    def __iter__(self) -> Iterator[str]:
        return iter((*SHORT_LIST, *(f"{MODEL_PREFIX}{model.name}" for model in self.tested.models)))

    def __len__(self) -> int:
        return len(SHORT_LIST) + len(self.tested.models)

    def __getitem__(self, name: str) -> Policy:
        tested = self.tested
        if name == ORACLE:  # true utility and cost as predictions (section D.3.5)
            return Scored(tested.utility, tested.cost / tested.cost_scale)
        if name == ORACLE_UNAWARE:  # the argmax of true utility; ties are split evenly among the tied models
            best = tested.utility == tested.utility.max(axis=1, keepdims=True)
            return Decided(np.zeros(1), (best / best.sum(axis=1, keepdims=True),))
        if name == CONSTANT:
            return constant_policy(tested.training_means, len(tested.utility), tested.cost_scale)
        if name == BEST_SINGLE:
            return _single_policy(self.singles.best, tested.utility.shape)
        models = [f"{MODEL_PREFIX}{model.name}" for model in tested.models]
        if name not in models:
            raise KeyError(name)
        return _single_policy(models.index(name), tested.utility.shape)


def constant_policy(means: tuple[Floats, Floats], n: int, cost_scale: float) -> Policy:
    """The training means predicted for each of n queries: what can be had without looking at it."""
    utility, cost = means
    return Scored(np.tile(utility, (n, 1)), np.tile(cost / cost_scale, (n, 1)))


def _single_policy(model: int, shape: tuple[int, ...]) -> Policy:
    """One model for every query."""
    chosen = np.zeros(shape)
    chosen[:, model] = 1.0
    return Decided(np.zeros(1), (chosen,))
