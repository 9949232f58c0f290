"""Cross-fitted ridge regression on the test instances themselves: what features say about outcomes and choices.

Each instance is predicted by a fit that did not see it. The dataset of an instance is taken as known: features and
targets are centred within it. One decomposition per fold serves every target, so that the choices of each audited row
cost only a few matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLDS = 5
PENALTIES = np.geomspace(1e-3, 1e2, 11)
"""Ridge penalties to try, in units of the mean eigenvalue of the features' covariance."""


def assign_folds(ids: Sequence[str], groups: NDArray[np.intp], folds: int = FOLDS) -> NDArray[np.intp]:
    """int [n]: the fold of each instance, balanced within its dataset and independent of the order of rows.

    :param ids: n names, unique within a dataset.
    :param groups: int [n], the dataset of each instance.
    """
    keys = np.array([blake2b(f"audit:{name}".encode(), digest_size=8).hexdigest() for name in ids])
    assigned = np.empty(len(keys), dtype=np.intp)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        assigned[rows[np.argsort(keys[rows], kind="stable")]] = np.arange(len(rows)) % folds
    return assigned


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """One fold: rows predicted, rows learned from, and the features of both in the axes of the training covariance.

    :param held, rest: indices of the predicted rows, and of those learned from.
    :param held_features: [held, r]; :param rest_features: [rest, r]; centred by the means of `rest`.
    :param spread: [r] eigenvalues, r = min(rest, d) for d features; the others are 0.
    :param mean_spread: the mean of all d eigenvalues.
    """

    held: NDArray[np.intp]
    rest: NDArray[np.intp]
    held_features: Floats
    rest_features: Floats
    spread: Floats
    mean_spread: float


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFit:
    """A regression on fixed features, ready for any targets.

    :param groups: int [n], the dataset of each instance.
    :param penalty: in units of the mean eigenvalue.
    """

    groups: NDArray[np.intp]
    parts: tuple[Fold, ...]
    penalty: float

    @classmethod
    def of(cls, features: Floats, groups: NDArray[np.intp], folds: NDArray[np.intp], targets: Floats) -> CrossFit:
        """Decomposes [n, d] features, and chooses the penalty that predicts `targets` [n, t] best."""
        parts = tuple(_fold(features, groups, folds == fold) for fold in np.unique(folds))
        found = cls(groups=groups, parts=parts, penalty=1.0)
        errors = [np.square(targets - found.predict(targets, float(penalty))).sum() for penalty in PENALTIES]
        return cls(groups=groups, parts=parts, penalty=float(PENALTIES[int(np.argmin(errors))]))

    def predict(self, targets: Floats, penalty: float | None = None) -> Floats:
        """[n, t]: each row of the targets [n, t], predicted from the other folds."""
        chosen = self.penalty if penalty is None else penalty
        predicted = np.empty(targets.shape)
        for part in self.parts:
            means = group_means(targets[part.rest], self.groups[part.rest], self.groups)
            covariance = part.rest_features.T @ (targets[part.rest] - means[part.rest])  # [d, t]
            ridge = part.spread + chosen * max(part.mean_spread, np.finfo(np.float64).tiny)
            predicted[part.held] = means[part.held] + part.held_features @ (covariance / ridge[:, None])
        return predicted


def group_means(values: Floats, of: NDArray[np.intp], wanted: NDArray[np.intp]) -> Floats:
    """[len(wanted), t]: the mean over the rows of each wanted group; over all rows for a group without rows.

    :param values: [m, t]; :param of: int [m], their groups.
    """
    count = np.bincount(of, minlength=int(wanted.max()) + 1)
    total = np.zeros((len(count), values.shape[1]))
    np.add.at(total, of, values)
    means = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], values.mean(axis=0))
    return np.asarray(means[wanted], dtype=np.float64)


def _fold(features: Floats, groups: NDArray[np.intp], held: NDArray[np.bool_]) -> Fold:
    rest = np.flatnonzero(~held)
    centred = features - group_means(features[rest], groups[rest], groups)  # [n, d]
    spread, axes = _principal_axes(centred[rest])
    turned: NDArray[Any] = centred @ axes
    return Fold(
        held=np.flatnonzero(held),
        rest=rest,
        held_features=turned[held],
        rest_features=turned[rest],
        spread=spread,
        mean_spread=float(spread.sum()) / features.shape[1],
    )


def _principal_axes(rows: Floats) -> tuple[Floats, Floats]:
    """[r] eigenvalues of rows.T @ rows and [d, r] their eigenvectors, r = min(m, d) for m rows.

    With fewer rows than features the other axes have eigenvalue 0 and say nothing, so a thin decomposition will do.
    """
    if len(rows) < rows.shape[1]:
        _, singular, axes = np.linalg.svd(rows, full_matrices=False)
        return np.square(singular), axes.T
    spread, axes = np.linalg.eigh(rows.T @ rows)
    return np.maximum(spread, 0.0), axes
