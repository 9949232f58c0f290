"""Routing by neighbours: a query is expected to fare like the most similar training queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from mmr_core.contracts import Prediction
from mmr_core.numerics.means import group_means, summands
from mmr_plugins.routers.cosine_neighbours import CosineNeighbours, unit_rows
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import seed_of, whole
from mmr_plugins.routers.training_targets import training_means

if TYPE_CHECKING:
    from mmr_core.contracts import Queries, State, TrainingData


class KNNRouter(FusedFeatureRouter):
    """The paper's KNNRouter: mean utility and cost per model over the nearest neighbours by cosine (Eq. S9).

    Missing outcomes are left out of the means; a model without any among the neighbours gets its training mean. Among
    equally similar rows those that come first in training are taken; a row of zeros is as similar to everything as an
    orthogonal one.

    :param neighbours: how many; at most the number of training rows is used.
    :ivar unit_: float64 [n, p], the training features at unit length.
    :ivar utility_, cost_: float64 [n, K], the training outcomes; cost in USD, NaN where missing.
    :ivar utility_parts_, cost_parts_: the same, as `mmr_core.numerics.means.summands`.
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
        self.unit_ = unit_rows(self._learn_features(training.queries))
        self.utility_ = np.array(training.utility)
        self.cost_ = np.array(training.cost)
        self.mean_utility_, self.mean_cost_ = means.utility, means.cost
        self._prepare()
        return self

    def predict(self, queries: Queries) -> Prediction:
        """The means of each query's neighbours, [n, K].

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        z = self._checked(queries)
        utility, cost = np.empty((2, len(z), self.utility_.shape[1]))
        for rows, neighbours in CosineNeighbours(self.unit_, self._count()).blocks(z):
            utility[rows] = group_means(self.utility_parts_, neighbours, self.mean_utility_)
            cost[rows] = group_means(self.cost_parts_, neighbours, self.mean_cost_)
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
        """Restores the router that gave the state.

        :raises DataError: if it is not such a state.
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
        self._prepare()
        return self

    def _prepare(self) -> None:
        self.utility_parts_ = summands(self.utility_, largest=self._count())
        self.cost_parts_ = summands(self.cost_, largest=self._count())

    def _count(self) -> int:
        return min(self.neighbours, len(self.unit_))
