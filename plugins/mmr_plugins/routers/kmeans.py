"""Routing by clusters: a query is expected to fare like the training queries of its cluster.

The means of a cluster are over all its training queries, or over those of the validation part alone, which then does
not influence where the clusters lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from sklearn.cluster import KMeans

from mmr_core.contracts import Prediction
from mmr_core.errors import DegenerateError
from mmr_core.numerics.means import observed_mean
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import one_of, seed_of, whole
from mmr_plugins.routers.training_targets import training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, State, TrainingData

ROWS_AT_ONCE = 256
MEANS_ON = ("training", "validation")


class KMeansRouter(FusedFeatureRouter):
    """The paper's KMeansRouter: mean utility and cost per model over the members of each cluster (Eq. S8).

    Clusters are found by k-means++ and Lloyd's iterations, at most as many as there are distinct training rows.
    Missing outcomes are left out of the means; a model without any in a cluster gets its training mean.

    With `means_on="validation"` it is the lightweight procedure of section 3.2 instead: the training split without its
    validation part gives the clusters, and its validation part the means. The choice u - lambda c of these means is
    that of Eq. 4, argmax over j of the mean of S_ij = u_ij - lambda c_ij over the validation instances of the
    cluster, for every lambda at once, since the mean of a difference is the difference of the means. A cluster without
    validation instances takes the means of the whole validation part. Such a fit needs that part, so the trade-off
    weight cannot be chosen on it as well.

    :param clusters: the number of clusters.
    :param means_on: "training" or "validation", the instances whose outcomes are averaged.
    :ivar centres_: float64 [C, p].
    :ivar utility_, cost_: float64 [C, K], the clusters' means; cost in USD.
    """

    name: ClassVar[str] = "kmeans"
    default_fusion: ClassVar[str | None] = "adaptive"

    def __init__(self, *, seed: int = 0, clusters: int = 20, means_on: str = "training") -> None:
        self.seed = seed_of(self.name, seed)
        self.clusters = whole(self.name, "clusters", clusters)
        self.means_on = one_of(self.name, "means_on", means_on, MEANS_ON)

    def fit(self, training: TrainingData) -> Self:
        """Finds the clusters and their means.

        :raises UsageError: if there are no fused features.
        :raises DegenerateError: if there are no training rows; with `means_on="validation"`, if the split has no
            validation part, or nothing besides.
        """
        means = training_means(training)
        z = self._learn_features(training.queries)
        utility, cost = means.utility, means.cost
        clustered = averaged = np.ones(len(z), dtype=np.bool_)
        if self.means_on == "validation":
            clustered, averaged = ~training.validation, training.validation
            self._demand_both_parts(training.validation)
            utility = observed_mean(training.utility[averaged], means.utility)
            cost = observed_mean(training.cost[averaged], means.cost)
        clusters = min(self.clusters, len(np.unique(z[clustered], axis=0)))
        found = KMeans(clusters, init="k-means++", n_init="auto", random_state=self.seed).fit(z[clustered])
        self.centres_ = np.array(found.cluster_centers_)
        assigned = nearest(z, self.centres_)
        members = [averaged & (assigned == cluster) for cluster in range(clusters)]
        self.utility_ = np.stack([observed_mean(training.utility[rows], utility) for rows in members])
        self.cost_ = np.stack([observed_mean(training.cost[rows], cost) for rows in members])
        return self

    def _demand_both_parts(self, validation: NDArray[np.bool_]) -> None:
        if not validation.any():
            raise DegenerateError(
                f"means_on='validation' averages over the validation part, and none of the {len(validation)} training "
                "instances is in it: it is kept apart wherever the trade-off weight is chosen on it, as in 'mmr run' "
                "and 'mmr train'",
                where=f"router {self.name!r}",
                fix="use means_on='training' there; 'mmr reproduce figure2' runs this procedure",
            )
        if not validation.any() or validation.all():
            raise DegenerateError(
                f"{int(validation.sum())} of {len(validation)} training instances are in the validation part, and "
                "clusters need some outside it and their means some inside",
                where=f"router {self.name!r}",
                fix="use means_on='training', or learn from more instances",
            )

    def predict(self, queries: Queries) -> Prediction:
        """The means of each query's nearest cluster, [n, K].

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        cluster = nearest(self._features(queries), self.centres_)
        return Prediction(utility=self.utility_[cluster], cost=self.cost_[cluster])

    def state(self) -> State:
        """The clusters' centres and means.

        :raises UsageError: if the router is not fitted.
        """
        self._demand_fitted()
        return {"centres": self.centres_, "utility": self.utility_, "cost": self.cost_}

    def restore(self, state: State) -> Self:
        """Restores the router that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = self._reader(state)
        self.centres_ = reader.array("centres", np.float64, ("clusters", "features"))
        self.utility_ = reader.array("utility", np.float64, ("clusters", "models"))
        self.cost_ = reader.array("cost", np.float64, ("clusters", "models"))
        reader.finish()
        if not reader.size("clusters"):
            raise reader.refuse("it has no clusters")
        self.width_ = reader.size("features")
        return self


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
