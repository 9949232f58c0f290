"""Routing by neighbours: a query is expected to go as the most similar training queries went."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from mmr_core.contracts import Prediction
from mmr_core.numerics.means import observed_mean
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import seed_of, whole
from mmr_plugins.routers.training_means import training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, State, TrainingData

ROWS_AT_ONCE = 512
SIMILARITY_DECIMALS = 9


class KNNRouter(FusedFeatureRouter):
    """The paper's KNNRouter: mean utility and cost per model over the nearest neighbours by cosine (Eq. S9).

    Missing outcomes are left out of the means; where no neighbour has one of a model, that model's training mean
    stands. Among equally similar rows those that come first in training are taken; a row of zeros is as similar as
    an orthogonal one to everything.

    :param neighbours: how many; at most the number of training rows is used.
    :ivar unit_: float64 [n, p], the training features at unit length.
    :ivar utility_, cost_: float64 [n, K], the training outcomes; cost in USD, NaN where missing.
    :ivar mean_utility_, mean_cost_: float64 [K], the training means.
    """

    name: ClassVar[str] = "knn"
    default_fusion: ClassVar[str | None] = "adaptive"

    def __init__(self, *, seed: int = 0, neighbours: int = 50) -> None:
        self.seed = seed_of(self.name, seed)
        self.neighbours = whole(self.name, "neighbours", neighbours)

    def fit(self, training: TrainingData) -> Self:
        """Keeps the training split.

        :raises UsageError: if there are no fused features.
        :raises DegenerateError: if there are no training rows.
        """
        means = training_means(training)
        self.unit_ = _unit_rows(self._learn_features(training.queries))
        self.utility_ = np.array(training.utility)
        self.cost_ = np.array(training.cost)
        self.mean_utility_, self.mean_cost_ = means.utility, means.cost
        return self

    def predict(self, queries: Queries) -> Prediction:
        """The means of each query's neighbours, [n, K].

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        z = _unit_rows(self._features(queries))
        utility = np.empty((len(z), self.utility_.shape[1]))
        cost = np.empty_like(utility)
        count = min(self.neighbours, len(self.unit_))
        for start in range(0, len(z), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            # The last bits of a matrix product depend on the size of the batch, and float32 features mean nothing
            # below 1e-9: rounded, near ties are ties, which the order of training breaks in every batch alike.
            similarity = np.round(z[rows] @ self.unit_.T, SIMILARITY_DECIMALS)
            neighbours = most_similar(similarity, count)
            utility[rows] = observed_mean(self.utility_[neighbours], self.mean_utility_, axis=1)
            cost[rows] = observed_mean(self.cost_[neighbours], self.mean_cost_, axis=1)
        return Prediction(utility=utility, cost=cost)

    def state(self) -> State:
        """The whole training split as the router keeps it: unit features and outcomes of every row.

        :raises UsageError: if the router is not fitted.
        """
        self._demand_fitted()
        return {
            "unit": self.unit_,
            "utility": self.utility_,
            "cost": self.cost_,
            "mean_utility": self.mean_utility_,
            "mean_cost": self.mean_cost_,
        }

    def restore(self, state: State) -> Self:
        """Answers as the router that gave the state.

        :raises DataError: if it is no such state.
        """
        reader = self._reader(state)
        self.unit_ = reader.array("unit", np.float64, ("rows", "features"))
        self.utility_ = reader.array("utility", np.float64, ("rows", "models"), with_nan=True)
        self.cost_ = reader.array("cost", np.float64, ("rows", "models"), with_nan=True)
        self.mean_utility_ = reader.array("mean_utility", np.float64, ("models",))
        self.mean_cost_ = reader.array("mean_cost", np.float64, ("models",))
        reader.finish()
        if not reader.size("rows"):
            raise reader.refuse("it has no training rows")
        self.width_ = reader.size("features")
        return self


def most_similar(similarity: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The columns of the `count` greatest values of each row, int [n, count], in ascending order of the column.

    Of equal values the leftmost are taken, as by a stable sort, which would take several times as long.
    """
    columns = similarity.shape[1]
    least = np.partition(similarity, columns - count, axis=1)[:, columns - count, None]  # [n, 1]
    taken = similarity >= least
    crowded = taken.sum(axis=1) > count
    if crowded.any():
        above = similarity[crowded] > least[crowded]
        tied = similarity[crowded] == least[crowded]
        room = count - above.sum(axis=1, keepdims=True)
        taken[crowded] = above | (tied & (tied.cumsum(axis=1) <= room))
    return np.nonzero(taken)[1].reshape(len(similarity), count)


def _unit_rows(z: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.sqrt(np.square(z).sum(axis=1, keepdims=True))
    return z / np.where(norm > 0, norm, 1.0)
