"""Routing by perceptrons on fused features, directly or through latent factors of queries and models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from mmr_core.contracts import Prediction
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import positive, seed_of, whole, wholes
from mmr_plugins.routers.training_targets import centre_and_spread, standardised, training_means
from mmr_plugins.routers.twin_perceptrons import TwinShape, apply_twins, train_twins

if TYPE_CHECKING:
    from mmr_core.contracts import Queries, State, TrainingData


class MLPRouter(FusedFeatureRouter):
    """The paper's MLPRouter: two independent perceptrons, Linear-ReLU-Linear-ReLU-Linear, one for utility and one for
    cost, trained with mean squared error over the observed outcomes and Adam (D.3.2).

    Utilities are learned as they are, costs standardised per model. A model without any observed utility or cost is
    predicted its fallback.

    :param hidden: the widths of the hidden layers.
    :param epochs, batch_size, learning_rate: of the training.
    :param device: where to train, such as "cpu" or "cuda:0"; None means cuda where there is one.
    :ivar weights_: float32 arrays `weight_0` [2, p, width], `bias_0` [2, 1, width], and so on, for (utility, cost).
    :ivar cost_centre_, cost_spread_: float64 [K] in USD, what standardised costs are turned back with.
    :ivar mean_utility_, utility_known_: [K], the training means, and whether a model has any observed utility.
    """

    name: ClassVar[str] = "mlp"
    default_fusion: ClassVar[str | None] = "average"

    def __init__(
        self,
        *,
        seed: int = 0,
        hidden: Sequence[int] = (256, 128),
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        device: str | None = None,
    ) -> None:
        self.seed = seed_of(self.name, seed)
        self.hidden = wholes(self.name, "hidden", hidden)
        self.epochs = whole(self.name, "epochs", epochs)
        self.batch_size = whole(self.name, "batch_size", batch_size)
        self.learning_rate = positive(self.name, "learning_rate", learning_rate)
        self.device = device

    def fit(self, training: TrainingData) -> Self:
        """Trains both networks from scratch.

        :raises UsageError: if there are no fused features, or no such device.
        :raises DegenerateError: if there are no training rows.
        """
        means = training_means(training)
        z = self._learn_features(training.queries)
        self.mean_utility_, self.utility_known_ = means.utility, means.utility_known
        self.cost_centre_, self.cost_spread_ = centre_and_spread(training.cost, means.cost)
        self.weights_ = train_twins(
            z,
            (training.utility, standardised(training.cost, self.cost_centre_, self.cost_spread_)),
            self._shape(training.utility.shape[1]),
            router=self.name,
            seed=self.seed,
            device=self.device,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        return self

    def predict(self, queries: Queries) -> Prediction:
        """The networks' outputs, [n, K], costs turned back into USD; either may leave the range observed.

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        z = self._features(queries)
        utility, cost = apply_twins(self.weights_, self._shape(len(self.mean_utility_)), z)
        return Prediction(
            utility=np.where(self.utility_known_, utility, self.mean_utility_),
            cost=self.cost_centre_ + self.cost_spread_ * cost,
        )

    def state(self) -> State:
        """The networks' weights, and what turns their outputs into predictions.

        :raises UsageError: if the router is not fitted.
        """
        self._demand_fitted()
        return {
            **self.weights_,
            "cost_centre": self.cost_centre_,
            "cost_spread": self.cost_spread_,
            "mean_utility": self.mean_utility_,
            "utility_known": self.utility_known_,
        }

    def restore(self, state: State) -> Self:
        """Answers as the router that gave the state; torch computes nothing here.

        :raises DataError: if it is not such a state.
        """
        reader = self._reader(state)
        self.cost_centre_ = reader.array("cost_centre", np.float64, ("models",))
        self.cost_spread_ = reader.array("cost_spread", np.float64, ("models",))
        self.mean_utility_ = reader.array("mean_utility", np.float64, ("models",))
        self.utility_known_ = reader.array("utility_known", np.bool_, ("models",))
        self.weights_ = {}
        inputs: int | str = "features"
        for i, outputs in enumerate(self._shape(reader.size("models")).widths):
            self.weights_[f"weight_{i}"] = reader.array(f"weight_{i}", np.float32, (2, inputs, outputs))
            self.weights_[f"bias_{i}"] = reader.array(f"bias_{i}", np.float32, (2, 1, outputs))
            inputs = outputs
        reader.finish()
        self.width_ = reader.size("features")
        return self

    def _shape(self, models: int) -> TwinShape:
        return TwinShape(widths=(*self.hidden, models), rectified=(True,) * len(self.hidden) + (False,))


class MLPMFRouter(MLPRouter):
    """The paper's MLPMFRouter: u = z_lat . w_j + b_j, where a feature network gives the query's latent factor z_lat
    and each model j has a learned factor w_j and bias b_j (Eq. S12); for cost the same with a network and factors of
    its own. Observed-entry mean squared error, one loss each (Eq. S13).

    The product with all models' factors is one more linear layer, without a ReLU before it, so the twins of the mlp
    router serve: in `weights_`, the last weight [2, latent, K] holds the w_j as columns, the last bias [2, 1, K] the
    b_j. Training is that of the mlp router, too.

    :param latent: the length of the factors.
    :param hidden: the widths of the feature network's hidden layers; the paper gives none.
    :param epochs, batch_size, learning_rate, device: as in `MLPRouter`.
    """

    name: ClassVar[str] = "mlp-mf"
    default_fusion: ClassVar[str | None] = "adaptive"

    def __init__(
        self,
        *,
        seed: int = 0,
        latent: int = 64,
        hidden: Sequence[int] = (256,),
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        device: str | None = None,
    ) -> None:
        super().__init__(
            seed=seed,
            hidden=hidden,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            device=device,
        )
        self.latent = whole(self.name, "latent", latent)

    def _shape(self, models: int) -> TwinShape:
        return TwinShape(
            widths=(*self.hidden, self.latent, models), rectified=(True,) * len(self.hidden) + (False, False)
        )
