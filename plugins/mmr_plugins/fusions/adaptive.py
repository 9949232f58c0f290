"""Adaptive fusion: a confidence for each modality, softmax weights, product and difference terms (Eqs. S2-S6).

Two departures from the letter of the paper. Prototypes and norm statistics come from the training rows and are
frozen, so that a query's feature depends on that query alone (`scope="batch"` is the paper's "current encoded set").
Norms are those of the raw embeddings, because on unit vectors Eq. S3 would amplify rounding noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from mmr_core.contracts import IMAGE, TEXT, Embeddings
from mmr_core.errors import PluginError, UsageError
from mmr_core.specs import MODALITIES
from mmr_core.state import StateReader
from mmr_plugins.fusions.plain import as_features, demand_any, demand_one_width, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import State

NEUTRAL = 0.5
_CONSTANT = 1e-6
_CANCELLED = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class _Statistics:
    """What one modality looked like in the rows that have it.

    :param prototype: the direction of the mean unit row, float64 [d]; zero where there is none.
    :param mean, deviation: of the raw norms; deviation is 0 where the norms are the same to a relative 1e-6.
    """

    prototype: NDArray[np.float64]
    mean: float
    deviation: float


class AdaptiveFusion:
    """Confidence-weighted sum of the unit embeddings with interaction terms, at unit length.

    z = w_t t + w_i i + alpha (t * i) + beta |t - i|, then divided by its length, where t and i are the unit
    embeddings, (w_t, w_i) = softmax(eta (c_t, c_i)) (Eqs. S5, S6), and a modality's confidence c is the mean of how
    near its embedding is to the training prototype, (cos + 1) / 2, and of the logistic function of its standardised
    raw norm (Eqs. S2-S4). With one modality missing z is the other's unit vector; with both, zero. A modality that no
    training row has is met with confidence 0.5, and so is a norm where all training norms are the same.

    :param eta: sharpness of the softmax.
    :param alpha: weight of the elementwise product.
    :param beta: weight of the elementwise difference.
    :param scope: "train", or "batch": statistics of the rows being transformed, which is transductive.
    :raises UsageError: if a parameter has no meaning.
    """

    def __init__(
        self,
        *,
        eta: float = 5.0,
        alpha: float = 0.5,
        beta: float = 0.5,
        scope: Literal["train", "batch"] = "train",
    ) -> None:
        if scope not in ("train", "batch"):
            raise UsageError(f"adaptive fusion has no scope {scope!r}", fix="use 'train' or 'batch'")
        for name, value in (("eta", eta), ("alpha", alpha), ("beta", beta)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
                raise UsageError(f"adaptive fusion cannot use {name} = {value!r}", fix="give a finite number")
        self.eta = eta
        self.alpha = alpha
        self.beta = beta
        self.scope = scope
        self._statistics: dict[int, _Statistics | None] | None = None

    @property
    def transductive(self) -> bool:
        """Whether a row's feature depends on the other rows of its batch."""
        return self.scope == "batch"

    def fit(self, embeddings: Embeddings) -> Self:
        """Keeps prototypes and norm statistics of the training rows."""
        self._statistics = _statistics_of(embeddings)
        return self

    def state(self) -> State:
        """The prototype [d] and the norms' [mean, deviation] of each modality that a training row has.

        :raises PluginError: if it was not fitted.
        """
        if self._statistics is None:
            raise _unfitted()
        state: dict[str, Any] = {}
        for modality, statistics in self._statistics.items():
            if statistics is not None:
                state[f"{MODALITIES[modality]}_prototype"] = statistics.prototype
                state[f"{MODALITIES[modality]}_norms"] = np.array([statistics.mean, statistics.deviation])
        return state

    def restore(self, state: State) -> Self:
        """Transforms as the fusion that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = StateReader(state, "fusion 'adaptive'")
        self._statistics = {modality: _read(reader, MODALITIES[modality]) for modality in (TEXT, IMAGE)}
        reader.finish()
        return self

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """float32 [n, d], every row of length 1 or 0.

        :raises UsageError: if text and image, or training and these rows, have unequal widths.
        :raises PluginError: if it was not fitted.
        """
        if self._statistics is None:
            raise _unfitted()
        text, image = unit_rows(embeddings, TEXT), unit_rows(embeddings, IMAGE)
        if text is None or image is None:
            (alone,) = demand_any(text, image)
            return as_features(alone)
        demand_one_width(text, image)
        statistics = _statistics_of(embeddings) if self.transductive else self._statistics
        confidence = [
            _confidence(rows, embeddings.norms[:, modality], statistics[modality])
            for modality, rows in ((TEXT, text), (IMAGE, image))
        ]
        weight = _logistic(self.eta * (confidence[TEXT] - confidence[IMAGE]))[:, None]  # softmax of two
        fused = weight * text + (1 - weight) * image
        fused += self.alpha * (text * image) + self.beta * np.abs(text - image)
        both = text.any(axis=1, keepdims=True) & image.any(axis=1, keepdims=True)  # [n, 1]
        fused = np.where(both, fused, text + image)
        length = np.sqrt(np.square(fused).sum(axis=1, keepdims=True))
        return as_features(np.divide(fused, length, out=np.zeros_like(fused), where=length > 0))


def _read(reader: StateReader, modality: str) -> _Statistics | None:
    if not reader.has(f"{modality}_prototype"):
        return None
    prototype = reader.array(f"{modality}_prototype", np.float64, (f"{modality} dimensions",))
    mean, deviation = reader.array(f"{modality}_norms", np.float64, (2,)).tolist()
    return _Statistics(prototype=prototype, mean=mean, deviation=deviation)


def _unfitted() -> PluginError:
    return PluginError("adaptive fusion was asked before it was fitted", fix="call fit first")


def _statistics_of(embeddings: Embeddings) -> dict[int, _Statistics | None]:
    return {modality: _of_modality(embeddings, modality) for modality in (TEXT, IMAGE)}


def _of_modality(embeddings: Embeddings, modality: int) -> _Statistics | None:
    rows = unit_rows(embeddings, modality)
    if rows is None:
        return None
    present = rows.any(axis=1)
    if not present.any():
        return None
    mean = rows[present].mean(axis=0)
    length = np.sqrt(np.square(mean).sum())
    norms = embeddings.norms[present, modality].astype(np.float64)
    deviation = float(norms.std())
    return _Statistics(
        prototype=mean / length if length > _CANCELLED else np.zeros_like(mean),
        mean=float(norms.mean()),
        deviation=deviation if deviation >= _CONSTANT * norms.mean() else 0.0,
    )


def _confidence(
    rows: NDArray[np.float64], norms: NDArray[np.float32], statistics: _Statistics | None
) -> NDArray[np.float64]:
    """Eqs. S2-S4, [n]."""
    if statistics is None:
        return np.full(len(rows), NEUTRAL)
    if rows.shape[1] != len(statistics.prototype):
        raise UsageError(
            f"adaptive fusion was fitted on {len(statistics.prototype)} dimensions and is given {rows.shape[1]}",
            fix="use the encoders of the training run",
        )
    near = ((rows * statistics.prototype).sum(axis=1) + 1) / 2
    if statistics.deviation == 0:
        large = np.full(len(rows), NEUTRAL)
    else:
        large = _logistic((norms.astype(np.float64) - statistics.mean) / statistics.deviation)
    confidence: NDArray[np.float64] = np.clip(0.5 * near + 0.5 * large, 0, 1)
    return confidence


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1 + np.tanh(x / 2))
