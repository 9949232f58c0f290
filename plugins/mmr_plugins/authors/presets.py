"""The fusions and the seeded routers of the authors' program, with their estimators, their order of operations and
their defaults.

Fusions take arrays as given, in float32, cut to the shorter of the two widths; without an image array both are the
text itself. Routers take features as float32 and outcomes as float64 with nothing missing (the protocol has filled
them), and predict in the dtype that the estimator gives: float32 regressions tie where float64 ones would not. Counts
that exceed the training rows are clamped to them, where the authors' program fails.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import NearestNeighbors

from mmr_core.contracts import Embeddings, Prediction, Queries, TrainingData
from mmr_core.errors import FeatureError

Features = NDArray[np.float32]

EPSILON = 1e-8
TEMPERATURE = 5.0
PRODUCT_WEIGHT = DIFFERENCE_WEIGHT = 0.5


class AuthorsAverage:
    """Eq. S10: half the sum of the two arrays, not normalised again; a zero row counts as any other.

    :raises FeatureError: by `transform`, if there are neither texts nor images.
    """

    def fit(self, embeddings: Embeddings) -> Self:
        return self

    def transform(self, embeddings: Embeddings) -> Features:
        """float32 [n, p], p the shorter width; the one array there is, if there is only one."""
        text, image = embeddings.text, embeddings.image
        if text is None and image is None:
            raise FeatureError("no text and no image features", where="fusion 'average'")
        if text is None or image is None:
            return _contiguous(image if text is None else text)
        text, image = _same_width(text, image)
        return _contiguous((text + image) / 2.0)


class AuthorsAdaptive:
    """Eqs. S2-S6 and the final L2-normalisation, with prototypes and norm statistics of the set being encoded.

    1e-8 is added to every denominator that could vanish; on unit rows Eq. S3 then measures rounding, as it does in
    the authors' program.

    :raises FeatureError: by `transform`, if there are images and no texts: their program has no such mode.
    """

    transductive = True

    def fit(self, embeddings: Embeddings) -> Self:
        return self

    def transform(self, embeddings: Embeddings) -> Features:
        """float32 [n, p], p the shorter width; the text array itself where no image array is given."""
        if embeddings.text is None:
            raise FeatureError("no text features", where="fusion 'adaptive' of the authors' protocol")
        if embeddings.image is None:
            return _contiguous(embeddings.text)
        text, image = _same_width(embeddings.text, embeddings.image)
        text_pull = np.exp(TEMPERATURE * _confidence(text))  # [n]
        image_pull = np.exp(TEMPERATURE * _confidence(image))
        total = text_pull + image_pull + EPSILON
        weighted = (text_pull / total)[:, None] * text + (image_pull / total)[:, None] * image
        product, difference = text * image, np.abs(text - image)
        fused = weighted + PRODUCT_WEIGHT * product + DIFFERENCE_WEIGHT * difference
        return _contiguous(fused / (np.linalg.norm(fused, axis=1, keepdims=True) + EPSILON))


def _confidence(rows: Features) -> Features:
    """[n] the mean of prototype similarity (Eq. S2) and standardised norm (Eq. S3), clipped (Eq. S4)."""
    prototype = np.mean(rows, axis=0, keepdims=True)
    norms = np.linalg.norm(rows, axis=1)
    cosine = np.sum(rows * prototype, axis=1) / (norms * np.linalg.norm(prototype, axis=1) + EPSILON)
    standard = (norms - np.mean(norms)) / (np.std(norms) + EPSILON)
    similarity, strength = (cosine + 1.0) / 2.0, 1.0 / (1.0 + np.exp(-standard))
    return np.clip(0.5 * similarity + 0.5 * strength, 0.0, 1.0)


def _same_width(text: Features, image: Features) -> tuple[Features, Features]:
    width = min(text.shape[1], image.shape[1])
    return text[:, :width], image[:, :width]


def _contiguous(rows: Features) -> Features:
    return np.ascontiguousarray(rows, dtype=np.float32)


Floats = NDArray[np.float64]


def _features(queries: Queries) -> NDArray[np.float32]:
    return np.ascontiguousarray(queries.z, dtype=np.float32)


class AuthorsKMeans:
    """Means of utility and cost per cluster of the averaged features (Eq. S8).

    :param n_clusters: 20, as released.
    """

    default_fusion: ClassVar[str | None] = "average"

    def __init__(self, *, seed: int = 42, n_clusters: int = 20) -> None:
        self.seed = seed
        self.n_clusters = n_clusters

    def fit(self, training: TrainingData) -> Self:
        clusters = min(self.n_clusters, len(training))
        self.kmeans_ = KMeans(n_clusters=clusters, random_state=self.seed, n_init="auto")
        labels = self.kmeans_.fit(_features(training.queries)).labels_
        self.utility_ = _cluster_means(labels, training.utility, clusters)
        self.cost_ = _cluster_means(labels, training.cost, clusters)
        return self

    def predict(self, queries: Queries) -> Prediction:
        labels = self.kmeans_.predict(_features(queries))
        return Prediction(utility=self.utility_[labels], cost=self.cost_[labels])


class AuthorsKMeansNew(AuthorsKMeans):
    """`AuthorsKMeans` on adaptively fused features."""

    default_fusion: ClassVar[str | None] = "adaptive"


class AuthorsKNN:
    """Means of utility and cost over the nearest neighbours by cosine distance (Eq. S9).

    :param n_neighbors: 50, as released.
    """

    default_fusion: ClassVar[str | None] = "average"

    def __init__(self, *, seed: int = 42, n_neighbors: int = 50) -> None:
        self.seed = seed
        self.n_neighbors = n_neighbors

    def fit(self, training: TrainingData) -> Self:
        neighbors = min(self.n_neighbors, len(training))
        self.index_ = NearestNeighbors(n_neighbors=neighbors, metric="cosine").fit(_features(training.queries))
        self.utility_, self.cost_ = training.utility, training.cost
        return self

    def predict(self, queries: Queries) -> Prediction:
        nearest = self.index_.kneighbors(_features(queries), return_distance=False)  # [n, k]
        return Prediction(utility=self.utility_[nearest].mean(axis=1), cost=self.cost_[nearest].mean(axis=1))


class AuthorsLinear:
    """Two multi-output ordinary least squares on averaged features."""

    default_fusion: ClassVar[str | None] = "average"

    def __init__(self, *, seed: int = 42) -> None:
        self.seed = seed

    def fit(self, training: TrainingData) -> Self:
        features = _features(training.queries)
        self.utility_ = MultiOutputRegressor(LinearRegression()).fit(features, training.utility)
        self.cost_ = MultiOutputRegressor(LinearRegression()).fit(features, training.cost)
        return self

    def predict(self, queries: Queries) -> Prediction:
        features = _features(queries)
        return Prediction(utility=self.utility_.predict(features), cost=self.cost_.predict(features))


class AuthorsLinearMF:
    """A truncated SVD of the averaged features, then two multi-output ridge regressions (Eq. S11).

    :param rank: 128, as released; clamped to the training rows and to the width of the features.
    :param alpha: 1, as released.
    """

    default_fusion: ClassVar[str | None] = "average"

    def __init__(self, *, seed: int = 42, rank: int = 128, alpha: float = 1.0) -> None:
        self.seed = seed
        self.rank = rank
        self.alpha = alpha

    def fit(self, training: TrainingData) -> Self:
        features = _features(training.queries)
        self.svd_ = TruncatedSVD(min(self.rank, *features.shape), random_state=self.seed)
        factors = self.svd_.fit_transform(features)  # [n, r]
        self.utility_ = MultiOutputRegressor(Ridge(alpha=self.alpha)).fit(factors, training.utility)
        self.cost_ = MultiOutputRegressor(Ridge(alpha=self.alpha)).fit(factors, training.cost)
        return self

    def predict(self, queries: Queries) -> Prediction:
        factors = self.svd_.transform(_features(queries))
        return Prediction(utility=self.utility_.predict(factors), cost=self.cost_.predict(factors))


def _cluster_means(labels: NDArray[Any], outcomes: Floats, clusters: int) -> Floats:
    """[clusters, K] means in training order, which `bincount` keeps; an empty cluster has the training means.

    A matrix product of one-hot labels and outcomes would add in another order, and so break ties between clusters.
    """
    counts = np.bincount(labels, minlength=clusters)[:, None]  # [clusters, 1]
    sums = [np.bincount(labels, weights=column, minlength=clusters) for column in outcomes.T]
    means = np.stack(sums, axis=1) / np.maximum(counts, 1)
    return np.where(counts > 0, means, outcomes.mean(axis=0))
