"""The lower bound: every model is as likely as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from mmr_core.contracts import Decisions
from mmr_core.specs import UNIFORM
from mmr_core.state import StateReader
from mmr_plugins.routers.fused_features import unfitted
from mmr_plugins.routers.parameters import seed_of

if TYPE_CHECKING:
    from mmr_core.contracts import Queries, State, TrainingData


class RandomRouter:
    """Gives each of the K models probability 1/K (the paper's RandomRouter, D.3.5), at every trade-off.

    Nothing is drawn: probabilities are scored by exact expectation. `seed` is taken, as by every router, and changes
    nothing.

    :ivar models_: K.
    """

    name: ClassVar[str] = UNIFORM
    default_fusion: ClassVar[str | None] = None
    models_: int | None = None

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed_of(self.name, seed)

    def fit(self, training: TrainingData) -> Self:
        """Keeps the number of models."""
        self.models_ = training.utility.shape[1]
        return self

    def decide(self, queries: Queries, trade_off: float) -> Decisions:
        """Uniform probability rows, float64 [n, K].

        :raises UsageError: if the router is not fitted.
        """
        if self.models_ is None:
            raise unfitted(self.name)
        return Decisions(probabilities=np.full((len(queries), self.models_), 1.0 / self.models_))

    def state(self) -> State:
        """The number of models.

        :raises UsageError: if the router is not fitted.
        """
        if self.models_ is None:
            raise unfitted(self.name)
        return {"models": self.models_}

    def restore(self, state: State) -> Self:
        """Restores the router that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = StateReader(state, f"router {self.name!r}")
        self.models_ = reader.whole("models", least=1)
        reader.finish()
        return self
