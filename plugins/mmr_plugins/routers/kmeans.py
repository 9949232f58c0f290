"""Routing by clusters: a query is expected to go as its cluster's training queries went."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from sklearn.cluster import KMeans

from mmr_core.contracts import Prediction
from mmr_core.means import observed_mean
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import seed_of, whole
from mmr_plugins.routers.training_means import training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, TrainingData

ROWS_AT_ONCE = 256


class KMeansRouter(FusedFeatureRouter):
    """The paper's KMeansRouter: mean utility and cost per model over the members of each cluster (Eq. S8).

    Clusters are found by k-means++ and Lloyd's iterations; there are at most as many as distinct training rows.
    Missing outcomes are left out of the means; where a cluster has none of a model, that model's training mean stands.

    :param clusters: the number of clusters.
    :ivar centres_: float64 [C, p].
    :ivar utility_, cost_: float64 [C, K], the clusters' means; cost in USD.
    """

    name: ClassVar[str] = "kmeans"
    default_fusion: ClassVar[str | None] = "adaptive"

    def __init__(self, *, seed: int = 0, clusters: int = 20) -> None:
        self.seed = seed_of(self.name, seed)
        self.clusters = whole(self.name, "clusters", clusters)

    def fit(self, training: TrainingData) -> Self:
        """Finds the clusters and their means.

        :raises UsageError: if there are no fused features.
        :raises DegenerateError: if there are no training rows.
        """
        means = training_means(training)
        z = self._learn_features(training.queries)
        clusters = min(self.clusters, len(np.unique(z, axis=0)))
        found = KMeans(clusters, init="k-means++", n_init="auto", random_state=self.seed).fit(z)
        self.centres_ = np.array(found.cluster_centers_)
        assigned = nearest(z, self.centres_)
        members = [assigned == cluster for cluster in range(clusters)]
        self.utility_ = np.stack([observed_mean(training.utility[rows], means.utility) for rows in members])
        self.cost_ = np.stack([observed_mean(training.cost[rows], means.cost) for rows in members])
        return self

    def predict(self, queries: Queries) -> Prediction:
        """The means of each query's nearest cluster, [n, K].

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        cluster = nearest(self._features(queries), self.centres_)
        return Prediction(utility=self.utility_[cluster], cost=self.cost_[cluster])


def nearest(z: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    """The index of the centre nearest to each row, [n]; the lowest index where several are.

    Differences are squared and summed row by row: a matrix product is faster, but rounds by the size of the batch.
    """
    cluster = np.empty(len(z), dtype=np.intp)
    for start in range(0, len(z), ROWS_AT_ONCE):
        rows = z[start : start + ROWS_AT_ONCE]
        distance = np.stack([np.square(rows - centre).sum(axis=1) for centre in centres], axis=1)  # [rows, C]
        cluster[start : start + ROWS_AT_ONCE] = distance.argmin(axis=1)
    return cluster
