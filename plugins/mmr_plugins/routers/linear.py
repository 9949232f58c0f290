"""Routing by linear regression, on the features themselves or on their leading directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.utils.extmath import randomized_svd

from mmr_core.contracts import Prediction
from mmr_core.errors import UsageError
from mmr_core.state import StateReader
from mmr_plugins.routers.fused_features import FusedFeatureRouter
from mmr_plugins.routers.parameters import real, seed_of, whole
from mmr_plugins.routers.training_targets import training_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Queries, State, TrainingData

Alpha = float | Literal["cv"]

ALPHA_GRID = np.geomspace(1e-3, 1e4, 15)
"""The penalties that `alpha="cv"` chooses from, two to a decade."""


class LinearRouter(FusedFeatureRouter):
    """The paper's LinearRouter: one multi-output linear regression for utility and one for cost (D.3.2).

    Each model is fitted on the rows on which its outcome was observed. Utilities and costs are fitted as they are:
    a penalty on coefficients does not depend on the target's unit.

    :param alpha: the ridge penalty; 0 is ordinary least squares (the solution of least norm where there are many);
        "cv" takes, for each model and target apart, the one of `ALPHA_GRID` with the least leave-one-out error.
    :ivar utility_coefficients_, cost_coefficients_: float64 [p, K].
    :ivar utility_intercept_, cost_intercept_: float64 [K]; a model without observed outcomes has its fallback here.
    """

    name: ClassVar[str] = "linear"
    default_fusion: ClassVar[str | None] = "average"

    def __init__(self, *, seed: int = 0, alpha: Alpha = 1.0) -> None:
        self.seed = seed_of(self.name, seed)
        self.alpha = _alpha_of(self.name, alpha)

    def fit(self, training: TrainingData) -> Self:
        """Fits both regressions.

        :raises UsageError: if there are no fused features.
        :raises DegenerateError: if there are no training rows.
        """
        means = training_means(training)
        x = self._learn_regressors(training.queries)
        self.utility_coefficients_, self.utility_intercept_ = fit_observed(
            x, training.utility, means.utility, self.alpha
        )
        self.cost_coefficients_, self.cost_intercept_ = fit_observed(x, training.cost, means.cost, self.alpha)
        return self

    def predict(self, queries: Queries) -> Prediction:
        """The regressions' values, [n, K]; either may leave the range of what was observed.

        :raises UsageError: if the router is not fitted, or the features are not those of the fit.
        """
        x = self._regressors(queries)
        return Prediction(
            utility=x @ self.utility_coefficients_ + self.utility_intercept_,
            cost=x @ self.cost_coefficients_ + self.cost_intercept_,
        )

    def state(self) -> State:
        """The coefficients and intercepts of both regressions.

        :raises UsageError: if the router is not fitted.
        """
        self._demand_fitted()
        return {
            "utility_coefficients": self.utility_coefficients_,
            "utility_intercept": self.utility_intercept_,
            "cost_coefficients": self.cost_coefficients_,
            "cost_intercept": self.cost_intercept_,
        }

    def restore(self, state: State) -> Self:
        """Restores the router that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = self._reader(state)
        self.width_ = self._restore_regressors(reader)
        for target in ("utility", "cost"):
            coefficients = reader.array(f"{target}_coefficients", np.float64, ("regressors", "models"))
            setattr(self, f"{target}_coefficients_", coefficients)
            setattr(self, f"{target}_intercept_", reader.array(f"{target}_intercept", np.float64, ("models",)))
        reader.finish()
        if self.width_ is None:
            self.width_ = reader.size("regressors")
        return self

    def _restore_regressors(self, reader: StateReader) -> int | None:
        """The width of z; None where it is the number of regressors."""
        return None

    def _learn_regressors(self, queries: Queries) -> NDArray[np.float64]:
        return self._learn_features(queries)

    def _regressors(self, queries: Queries) -> NDArray[np.float64]:
        return self._features(queries)


class LinearMFRouter(LinearRouter):
    """The paper's LinearMFRouter: a truncated SVD of the features, then the two regressions (Eq. S11).

    :param rank: the number of directions; at most the lesser of training rows and features is used.
    :param alpha: as in `LinearRouter`.
    :ivar components_: float64 [rank, p], leading right singular vectors of the training features, not centred.
    """

    name: ClassVar[str] = "linear-mf"
    default_fusion: ClassVar[str | None] = "adaptive"

    def __init__(self, *, seed: int = 0, rank: int = 128, alpha: Alpha = 1.0) -> None:
        super().__init__(seed=seed, alpha=alpha)
        self.rank = whole(self.name, "rank", rank)

    def _learn_regressors(self, queries: Queries) -> NDArray[np.float64]:
        z = self._learn_features(queries)
        # What scikit-learn's TruncatedSVD calls with these settings; it would refuse a single feature.
        leading = randomized_svd(z, min(self.rank, *z.shape), n_iter=5, random_state=self.seed)[2]
        # A part of a larger array, in Fortran order: compact, it stays as it is when it is saved and read back, and
        # sums over it keep their order.
        self.components_ = leading.copy(order="K")
        return z @ self.components_.T

    def _regressors(self, queries: Queries) -> NDArray[np.float64]:
        return self._features(queries) @ self.components_.T

    def state(self) -> State:
        """The directions, and the coefficients and intercepts of both regressions.

        :raises UsageError: if the router is not fitted.
        """
        return {**super().state(), "components": self.components_}

    def _restore_regressors(self, reader: StateReader) -> int | None:
        self.components_ = reader.array("components", np.float64, ("regressors", "features"))
        return reader.size("features")


def fit_observed(
    x: NDArray[np.float64], outcomes: NDArray[np.float64], fallback: NDArray[np.float64], alpha: Alpha
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients [p, K] and intercepts [K], each column regressed on the rows where it is not NaN.

    Columns that are observed on the same rows share one multi-output fit; without missing outcomes there is one. A
    column without any observation is constant at its `fallback` [K].
    """
    coefficients = np.zeros((x.shape[1], outcomes.shape[1]))
    intercept = np.array(fallback)
    observed = ~np.isnan(outcomes)
    columns_of: dict[bytes, list[int]] = {}
    for column in range(outcomes.shape[1]):
        columns_of.setdefault(observed[:, column].tobytes(), []).append(column)
    for columns in columns_of.values():
        rows = np.flatnonzero(observed[:, columns[0]])
        if rows.size:
            coefficients[:, columns], intercept[columns] = _fit(x[rows], outcomes[np.ix_(rows, columns)], alpha)
    return coefficients, intercept


def _fit(
    x: NDArray[np.float64], y: NDArray[np.float64], alpha: Alpha
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    if alpha == 0:
        # Features come in float32: directions below its precision are rounding, and would get huge coefficients.
        precision = float(np.finfo(np.float32).eps)
        coefficients = np.linalg.lstsq(x - x_mean, y - y_mean, rcond=precision)[0]
    else:
        coefficients = _ridge(alpha, len(x)).fit(x - x_mean, y - y_mean).coef_.reshape(y.shape[1], -1).T
    return coefficients, y_mean - x_mean @ coefficients


def _ridge(alpha: Alpha, rows: int) -> Any:
    if alpha != "cv":
        return Ridge(alpha, fit_intercept=False)
    if rows == 1:
        return Ridge(1.0, fit_intercept=False)  # nothing is left when one of one is left out
    return RidgeCV(ALPHA_GRID, fit_intercept=True, alpha_per_target=True)


def _alpha_of(router: str, alpha: Any) -> Alpha:
    if isinstance(alpha, str):
        if alpha == "cv":
            return "cv"
        raise UsageError(
            f"{alpha!r} is not a value for 'alpha'",
            where=f"router {router!r}",
            fix="give a number of at least 0, or 'cv'",
        )
    return real(router, "alpha", alpha)
