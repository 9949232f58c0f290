"""Routing by attention between the text and the image of a query.

Each modality's raw embedding, at unit length, becomes a token; the network is in `cross_modal_network`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mmr_core.contracts import Prediction
from mmr_core.errors import FeatureError, UsageError
from mmr_core.specs import MODALITIES
from mmr_core.state import StateReader
from mmr_plugins.routers.cross_modal_network import CrossModalNetwork, CrossModalShape
from mmr_plugins.routers.fused_features import unfitted
from mmr_plugins.routers.parameters import flag, positive, real, seed_of, whole
from mmr_plugins.routers.torch_training import (
    device_of,
    observed_mean_loss,
    observed_targets,
    on_device,
    on_threads,
    seeded,
    train_in_batches,
)
from mmr_plugins.routers.training_targets import centre_and_spread, standardised, training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Embeddings, Queries, State, TrainingData

ROWS_AT_ONCE = 1024
NETWORK = "network."


def widths_of_modalities(embeddings: Embeddings) -> dict[str, int]:
    """The embedding width of each modality that at least one instance has."""
    return {
        modality: array.shape[1]
        for column, modality in enumerate(MODALITIES)
        if (array := getattr(embeddings, modality)) is not None and embeddings.mask[:, column].any()
    }


def unit_embeddings(
    embeddings: Embeddings, widths: dict[str, int], router: str
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """Unit rows float64 [n, d] of each modality in `widths`, zero where absent, and bool [n, modalities], whether an
    instance has it.

    :raises UsageError: if a modality is not as wide as `widths` says.
    :raises FeatureError: if the embedding of a modality that is there is not finite.
    """
    rows = []
    present = np.zeros((len(embeddings), len(widths)), dtype=bool)
    for i, (modality, width) in enumerate(widths.items()):
        array = getattr(embeddings, modality)
        if array is None:
            rows.append(np.zeros((len(embeddings), width)))
            continue
        if array.shape[1] != width:
            raise UsageError(
                f"{modality}: expected embeddings of width {width}, as in the fit, got {array.shape[1]}",
                where=f"router {router!r}",
                fix="use the encoder that it was fitted with",
            )
        present[:, i] = embeddings.mask[:, MODALITIES.index(modality)]
        raw = np.where(present[:, i, None], array, 0.0).astype(np.float64)
        if not np.isfinite(raw).all():
            raise FeatureError(
                f"{modality} embeddings are not finite",
                where=f"router {router!r}, row {np.argwhere(~np.isfinite(raw))[0, 0]}",
                fix="look for NaN or infinity in the embeddings",
            )
        norm = np.sqrt(np.square(raw).sum(axis=1, keepdims=True))
        rows.append(raw / np.where(norm > 0, norm, 1.0))
    return rows, present


class CrossModalRouter:
    """The paper's CrossModalRouter: stacked multi-head attention over one token per modality, mean pooling, and per
    model a classifier of success (binary cross-entropy; a utility between 0 and 1 is a soft label) and a regressor
    of cost (mean squared error), trained together with AdamW (D.3.4).

    Tokens are projections of the raw embeddings at unit length. A modality that an instance lacks, or that no
    training row had, has no token. Costs are learned standardised per model. A model without any observed utility or
    cost is predicted its fallback.

    :param width, layers, heads, feed_forward, dropout: of the network; `feed_forward` is a multiple of the width.
    :param epochs, batch_size, learning_rate, weight_decay: of the training.
    :param pos_weight: weigh each model's successes by failures / successes in training. Balanced classes rank queries
        better where successes are rare, but predicted utilities are then no longer probabilities.
    :param log_cost: learn log(1 + cost / the model's mean training cost), which reduces skew; without the division
        by the mean, at about 1e-6 USD, the logarithm would change nothing.
    :param threads: how many of the processor's to train and predict on; predictions differ slightly between numbers.
    :param device: where to train and predict, such as "cpu" or "cuda:0"; None means cuda where there is one.
    :ivar weights_: float32 arrays, the state of `CrossModalNetwork`.
    :ivar widths_: the modalities that have a token, with their embedding widths.
    :ivar cost_unit_: float64 [K] in USD, the divisor of `log_cost`; None without it.
    :ivar cost_centre_, cost_spread_: float64 [K], what standardised costs are turned back with.
    :ivar mean_utility_, utility_known_: [K], the training means, and whether a model has any observed utility.
    """

    name: ClassVar[str] = "cmr"
    default_fusion: ClassVar[str | None] = None
    weights_: dict[str, NDArray[np.float32]] | None = None

    def __init__(
        self,
        *,
        seed: int = 0,
        width: int = 512,
        layers: int = 2,
        heads: int = 8,
        feed_forward: int = 4,
        dropout: float = 0.1,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-4,
        pos_weight: bool = False,
        log_cost: bool = False,
        threads: int = 1,
        device: str | None = None,
    ) -> None:
        self.seed = seed_of(self.name, seed)
        self.width = whole(self.name, "width", width)
        self.layers = whole(self.name, "layers", layers)
        self.heads = whole(self.name, "heads", heads)
        self.feed_forward = whole(self.name, "feed_forward", feed_forward)
        self.dropout = real(self.name, "dropout", dropout, below=1.0)
        self.epochs = whole(self.name, "epochs", epochs)
        self.batch_size = whole(self.name, "batch_size", batch_size)
        self.learning_rate = positive(self.name, "learning_rate", learning_rate)
        self.weight_decay = real(self.name, "weight_decay", weight_decay)
        self.pos_weight = flag(self.name, "pos_weight", pos_weight)
        self.log_cost = flag(self.name, "log_cost", log_cost)
        self.threads = whole(self.name, "threads", threads)
        self.device = device
        if self.width % self.heads:
            raise UsageError(
                f"a width of {self.width} does not divide into {self.heads} heads",
                where=f"router {self.name!r}",
                fix="make 'width' a multiple of 'heads'",
            )

    def fit(self, training: TrainingData) -> Self:
        """Trains the network from scratch.

        :raises UsageError: if there is no such device.
        :raises FeatureError: if an embedding is not finite.
        :raises DegenerateError: if there are no training rows.
        """
        means = training_means(training)
        place = device_of(self.name, self.device)
        self.widths_ = widths_of_modalities(training.queries.embeddings)
        self.mean_utility_, self.utility_known_ = means.utility, means.utility_known
        self.cost_unit_ = np.where(means.cost > 0, means.cost, 1.0) if self.log_cost else None
        self.cost_centre_, self.cost_spread_ = centre_and_spread(
            self._from_usd(training.cost), self._from_usd(means.cost)
        )
        cost = standardised(self._from_usd(training.cost), self.cost_centre_, self.cost_spread_)
        self.weights_ = self._train(training, cost, place)
        return self

    def predict(self, queries: Queries) -> Prediction:
        """Probabilities of success and costs in USD, [n, K] each.

        :raises UsageError: if the router is not fitted, or embeddings are not as wide as in the fit.
        :raises FeatureError: if an embedding is not finite.
        """
        if self.weights_ is None:
            raise unfitted(self.name)
        place = device_of(self.name, self.device)
        embeddings, present = unit_embeddings(queries.embeddings, self.widths_, self.name)
        network = self._trained_network(self.weights_, place)
        utility, cost = np.empty((2, len(queries), len(self.mean_utility_)))
        with on_threads(self.threads), torch.inference_mode():
            for start in range(0, len(queries), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                logits, standard_cost = network(
                    [on_device(each[rows], place, np.float64) for each in embeddings],
                    on_device(present[rows], place, np.bool_),
                )
                utility[rows], cost[rows] = logits.sigmoid().cpu().numpy(), standard_cost.cpu().numpy()
        return Prediction(
            utility=np.where(self.utility_known_, utility, self.mean_utility_),
            cost=self._to_usd(self.cost_centre_ + self.cost_spread_ * cost),
        )

    def state(self) -> State:
        """The network's weights, the widths of its tokens, and what turns its outputs into predictions.

        :raises UsageError: if the router is not fitted.
        """
        if self.weights_ is None:
            raise unfitted(self.name)
        return {
            **{f"{NETWORK}{name}": array for name, array in self.weights_.items()},
            "modalities": list(self.widths_),
            "widths": np.array(list(self.widths_.values()), dtype=np.int64),
            **({} if self.cost_unit_ is None else {"cost_unit": self.cost_unit_}),
            "cost_centre": self.cost_centre_,
            "cost_spread": self.cost_spread_,
            "mean_utility": self.mean_utility_,
            "utility_known": self.utility_known_,
        }

    def restore(self, state: State) -> Self:
        """Restores the router that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = StateReader(state, f"router {self.name!r}")
        modalities = reader.texts("modalities")
        widths = reader.array("widths", np.int64, (len(modalities),))
        if modalities != [modality for modality in MODALITIES if modality in modalities] or (widths < 1).any():
            raise reader.refuse(f"it has tokens of {modalities!r:.60}")
        self.widths_ = dict(zip(modalities, widths.tolist(), strict=True))
        self.cost_unit_ = reader.array("cost_unit", np.float64, ("models",)) if self.log_cost else None
        self.cost_centre_ = reader.array("cost_centre", np.float64, ("models",))
        self.cost_spread_ = reader.array("cost_spread", np.float64, ("models",))
        self.mean_utility_ = reader.array("mean_utility", np.float64, ("models",))
        self.utility_known_ = reader.array("utility_known", np.bool_, ("models",))
        self.weights_ = {
            name: reader.array(f"{NETWORK}{name}", np.float32, tuple(tensor.shape))
            for name, tensor in self._blank_network().state_dict().items()
        }
        reader.finish()
        return self

    def _train(
        self, training: TrainingData, cost: NDArray[np.float64], place: torch.device
    ) -> dict[str, NDArray[np.float32]]:
        embeddings, present = unit_embeddings(training.queries.embeddings, self.widths_, self.name)
        utility, utility_weight = observed_targets(training.utility, place)
        cost_target, cost_weight = observed_targets(cost, place)
        balance = _balance(utility, utility_weight) if self.pos_weight else None
        count = len(embeddings)

        def batch_loss(*batch: torch.Tensor) -> torch.Tensor:
            there, u, u_weight, c, c_weight = batch[count:]
            logits, costs = network(batch[:count], there)
            entropy = binary_cross_entropy_with_logits(logits, u, reduction="none", pos_weight=balance)
            return observed_mean_loss(entropy, u_weight) + observed_mean_loss((costs - c).square(), c_weight)

        with on_threads(self.threads), seeded(self.seed, place):
            network = CrossModalNetwork(self._shape(training.utility.shape[1])).to(place).train()
            train_in_batches(
                torch.optim.AdamW(
                    network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
                ),
                batch_loss,
                [
                    *(on_device(each, place) for each in embeddings),
                    on_device(present, place, np.bool_),
                    utility,
                    utility_weight,
                    cost_target,
                    cost_weight,
                ],
                epochs=self.epochs,
                batch_size=self.batch_size,
            )
        return {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}

    def _shape(self, models: int) -> CrossModalShape:
        return CrossModalShape(
            inputs=tuple(self.widths_.values()),
            models=models,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            feed_forward=self.feed_forward,
            dropout=self.dropout,
        )

    def _trained_network(self, weights: dict[str, NDArray[np.float32]], place: torch.device) -> CrossModalNetwork:
        """The network in float64: in float32 a row would change with the size of its batch."""
        network = self._blank_network()
        state = {name: on_device(array, place, np.float64) for name, array in weights.items()}
        network.load_state_dict(state, assign=True)
        return network.eval()

    def _blank_network(self) -> CrossModalNetwork:
        """The network without weights, and without memory for them."""
        with torch.device("meta"):
            return CrossModalNetwork(self._shape(len(self.mean_utility_)))

    def _from_usd(self, cost: NDArray[np.float64]) -> NDArray[np.float64]:
        return cost if self.cost_unit_ is None else np.log1p(cost / self.cost_unit_)

    def _to_usd(self, cost: NDArray[np.float64]) -> NDArray[np.float64]:
        return cost if self.cost_unit_ is None else self.cost_unit_ * np.expm1(cost)


def _balance(utility: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """[K] failures / successes over observed (soft) labels; 1 where there is only one sort."""
    successes = (utility * weight).sum(dim=0)
    failures = ((1.0 - utility) * weight).sum(dim=0)
    both = (successes > 0) & (failures > 0)
    return torch.where(both, failures / successes.clamp(min=torch.finfo(torch.float32).tiny), 1.0)
