"""The base class of routers that read the fused features z: checks them once for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mmr_core.errors import FeatureError, UsageError
from mmr_core.state import StateReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, State


class FusedFeatureRouter:
    """Checks z and converts it to float64, in which sums over p features round alike in every batch.

    :ivar width_: p, the width that the router was fitted on.
    """

    name: ClassVar[str]
    default_fusion: ClassVar[str | None]
    width_: int | None = None

    def _learn_features(self, queries: Queries) -> NDArray[np.float64]:
        """z of the training rows as float64 [n, p], a copy, whose width is kept.

        :raises UsageError: if z is 0 wide.
        :raises FeatureError: if z is not finite.
        """
        if queries.z.shape[1] == 0:
            raise UsageError(
                "there are no fused features to learn from",
                where=f"router {self.name!r}",
                fix=f"give it a fusion, such as {self.default_fusion!r}",
            )
        self.width_ = queries.z.shape[1]
        return self._features(queries)

    def _features(self, queries: Queries) -> NDArray[np.float64]:
        """z as float64 [n, p], a copy.

        :raises UsageError, FeatureError: as `_checked`.
        """
        return np.array(self._checked(queries), dtype=np.float64, order="C")

    def _checked(self, queries: Queries) -> NDArray[np.float32]:
        """z itself, float32 [n, p].

        :raises UsageError: if the router is not fitted, or z is not as wide as in the fit.
        :raises FeatureError: if z is not finite.
        """
        self._demand_fitted()
        if queries.z.shape[1] != self.width_:
            raise UsageError(
                f"expected features of width {self.width_}, as in the fit, got {queries.z.shape[1]}",
                where=f"router {self.name!r}",
                fix="use the encoder and the fusion that it was fitted with",
            )
        if not np.isfinite(queries.z).all():
            raise FeatureError(
                "fused features are not finite",
                where=f"router {self.name!r}, row {np.argwhere(~np.isfinite(queries.z))[0, 0]}",
                fix="look for NaN or infinity in the embeddings",
            )
        return queries.z

    def _reader(self, state: State) -> StateReader:
        """A reader of the state of such a router."""
        return StateReader(state, f"router {self.name!r}")

    def _demand_fitted(self) -> None:
        """:raises UsageError: if the router is not fitted."""
        if self.width_ is None:
            raise unfitted(self.name)


def unfitted(name: str) -> UsageError:
    """The error for a router that is asked before it has learned."""
    return UsageError("it has not been fitted", where=f"router {name!r}", fix="call fit first")
