"""Routing by latent factors of queries and models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mmr_plugins.routers.mlp import MLPRouter
from mmr_plugins.routers.parameters import whole
from mmr_plugins.routers.twin_perceptrons import TwinShape


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
