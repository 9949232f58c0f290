"""Routing by all training queries at once, each heard the more the closer it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mmr_core.contracts import Prediction
from mmr_core.errors import DegenerateError, FeatureError, UsageError
from mmr_core.numerics.means import training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, TrainingData

    Floats = NDArray[np.float64]

BANDWIDTHS = np.geomspace(0.05, 1.6, 16)
"""What the bandwidth is chosen from, in units of the distance between positions; unit vectors are at most 2 apart."""
ROWS_AT_ONCE = 512


class SoftNeighboursRouter:
    """Kernel regression (Nadaraya and Watson, 1964) of utility and cost on the position of a query.

    With weights w_i = exp(-d_i^2 / 2 h^2) for the distances d_i to the training queries, a model's prediction is
    (sum_i w_i y_i + prior * mean) / (sum_i w_i + prior) over the training queries whose outcome y_i was observed.

    :param seed: taken as every router takes one; nothing here is random.
    :param light_weight: how much light features and scenario count beside the embedding; at least 0.
    :param prior: what the training mean counts, in neighbours at distance 0; above 0.
    :param bandwidth: h; None chooses it from `BANDWIDTHS` by leaving out one training query at a time.
    :raises UsageError: if a parameter is not such a number.
    :ivar bandwidth_: the h that is used.
    """

    default_fusion: ClassVar[str | None] = "average"

    def __init__(
        self, *, seed: int = 0, light_weight: float = 0.5, prior: float = 0.5, bandwidth: float | None = None
    ) -> None:
        self.seed = seed
        self.light_weight = _number("light_weight", light_weight, zero=True)
        self.prior = _number("prior", prior)
        self.bandwidth = None if bandwidth is None else _number("bandwidth", bandwidth)
        self.bandwidth_: float | None = None

    def fit(self, training: TrainingData) -> Self:
        """Keeps the training queries and chooses the bandwidth.

        :raises DegenerateError: if there are no training queries.
        :raises FeatureError: if their features are not finite.
        """
        if len(training) == 0:
            raise DegenerateError("there are no queries to learn from", where="router 'soft-neighbours'")
        self.bandwidth_ = None
        light = _light(training.queries)
        self._centre, spread = light.mean(axis=0), light.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self._scenarios = tuple(sorted(set(training.queries.light.scenario)))
        self._models = training.utility.shape[1]
        self._positions = self._place(training.queries)
        outcomes = np.hstack([training.utility, training.cost])  # [n, 2K]
        self._observed = np.isfinite(outcomes).astype(np.float64)
        self._outcomes = np.where(self._observed > 0, outcomes, 0.0)
        self._means = np.concatenate(training_means(training.utility, training.cost))  # [2K]
        self.bandwidth_ = self._choose_bandwidth() if self.bandwidth is None else self.bandwidth
        return self

    def predict(self, queries: Queries) -> Prediction:
        """What the training queries say of each query, [n, K]; cost in USD.

        :raises UsageError: if the router is not fitted.
        :raises FeatureError: if features are not finite, or not those of the fit.
        """
        if self.bandwidth_ is None:
            raise UsageError("it has not been fitted", where="router 'soft-neighbours'", fix="call fit first")
        predicted = np.empty((len(queries), 2 * self._models))
        for rows, squared in self._distances(self._place(queries)):
            predicted[rows] = self._vote(np.exp(-squared / (2 * self.bandwidth_**2)))
        return Prediction(utility=predicted[:, : self._models], cost=predicted[:, self._models :])

    def _vote(self, weights: Floats) -> Floats:
        """[m, n] weights to [m, 2K] predictions."""
        total = weights @ self._outcomes + self.prior * self._means
        return np.asarray(total / (weights @ self._observed + self.prior), dtype=np.float64)

    def _choose_bandwidth(self) -> float:
        """The bandwidth of least mean squared error, each column measured by its own variance; of equals the widest."""
        count = np.maximum(self._observed.sum(axis=0), 1.0)
        variance = (self._observed * (self._outcomes - self._means) ** 2).sum(axis=0) / count
        scale = np.where(variance > 0, variance, 1.0) * count  # [2K]
        error = np.zeros(len(BANDWIDTHS))
        for rows, squared in self._distances(self._positions):
            for k, bandwidth in enumerate(BANDWIDTHS):
                weights = np.exp(-squared / (2 * bandwidth**2))
                weights[np.arange(len(weights)), np.arange(rows.start, rows.start + len(weights))] = 0.0
                miss = self._observed[rows] * (self._vote(weights) - self._outcomes[rows]) ** 2
                error[k] += (miss.sum(axis=0) / scale).sum()
        return float(BANDWIDTHS[len(error) - 1 - np.argmin(error[::-1])])

    def _distances(self, positions: Floats) -> Iterator[tuple[slice, Floats]]:
        """Squared distances to the training queries, some rows at a time."""
        lengths = np.square(self._positions).sum(axis=1)
        for start in range(0, len(positions), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            some = positions[rows]
            squared = np.square(some).sum(axis=1)[:, None] + lengths - 2 * some @ self._positions.T
            yield rows, np.maximum(squared, 0.0)

    def _place(self, queries: Queries) -> Floats:
        """Where queries stand, float64 [n, p + light features + scenarios]; each row depends on its query alone."""
        light = (_light(queries) - self._centre) / self._spread
        scenario = np.array(
            [[tag == known for known in self._scenarios] for tag in queries.light.scenario], dtype=float
        )
        beside = np.hstack([light / np.sqrt(light.shape[1]), scenario.reshape(len(queries), len(self._scenarios))])
        position = np.hstack([_unit_rows(np.asarray(queries.z, dtype=np.float64)), self.light_weight * beside])
        if not np.isfinite(position).all():
            raise FeatureError(
                "features are not finite", where="router 'soft-neighbours'", fix="look at the embeddings"
            )
        if self.bandwidth_ is not None and position.shape[1] != self._positions.shape[1]:
            raise FeatureError(
                "features are not as wide as in the fit", where="router 'soft-neighbours'", fix="use the same encoder"
            )
        return position


def _light(queries: Queries) -> Floats:
    """[n, 5]: text length, image area and shape, all as logarithms, and the modality mask."""
    width, height = np.asarray(queries.light.image_size, dtype=np.float64).T
    length = np.asarray(queries.light.text_length, dtype=np.float64)
    return np.column_stack(
        [
            np.log1p(length),
            np.log1p(width * height),
            np.log((width + 1) / (height + 1)),
            queries.mask.astype(np.float64),
        ]
    )


def _unit_rows(z: Floats) -> Floats:
    norm = np.sqrt(np.square(z).sum(axis=1, keepdims=True))
    return z / np.where(norm > 0, norm, 1.0)


def _number(name: str, value: Any, *, zero: bool = False) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    if not good or value < 0 or (value == 0 and not zero):
        raise UsageError(
            f"{value!r} is not a value for {name!r}",
            where="router 'soft-neighbours'",
            fix=f"give a number {'of at least' if zero else 'above'} 0",
        )
    return float(value)
