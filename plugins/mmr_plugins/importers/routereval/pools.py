"""The pools of a RouterEval dictionary: their names, their models, and the scores of each split, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIFFICULTIES = ("easy", "hard")
SCORE, LABEL = "score", "label"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """One pool of candidates.

    :param name: `<easy|hard>-<number of candidates>-<composition>`.
    :param models: K names.
    :param data: the arrays `<split>_score`, [prompts of the split, K], and perhaps `<split>_label`.
    """

    name: str
    models: tuple[str, ...]
    data: Mapping[str, Any]

    def scores(self, split: str) -> dict[str, NDArray[np.float64]]:
        """The scores of a split by metric, [n, K]; labels only where there are such and they differ from the scores.

        :raises DataError: if they are no such arrays.
        """
        score = self._array(f"{split}_{SCORE}")
        label = self._array(f"{split}_{LABEL}")
        if score is None:
            raise DataError(f"pool {self.name!r} has no {split}_{SCORE}")
        if label is None or np.array_equal(score, label, equal_nan=True):
            return {SCORE: score}
        return {SCORE: score, LABEL: label}

    def _array(self, name: str) -> NDArray[np.float64] | None:
        if self.data.get(name) is None:
            return None
        try:
            array = np.asarray(self.data[name], dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"pool {self.name!r}: {name} has what is no number") from None
        if array.ndim != 2 or array.shape[1] != len(self.models):
            raise DataError(f"pool {self.name!r}: {name} has the shape {array.shape} for {len(self.models)} models")
        return array


def pools_of(content: object) -> list[Pool]:
    """Every pool, in the order of the file.

    :raises DataError: if the content is no such dictionary, or a pool in it is none.
    """
    if not isinstance(content, Mapping):
        raise DataError(f"holds a {type(content).__name__}, not a dictionary")
    pools = []
    for difficulty in _DIFFICULTIES:
        for size, compositions in _mapping(content.get(difficulty, {}), difficulty).items():
            for composition, pool in _mapping(compositions, f"{difficulty}-{size}").items():
                name = f"{difficulty}-{size}-{composition}"
                parts = _mapping(pool, name)
                models = _names(parts.get("model"), name)
                pools.append(Pool(name=name, models=models, data=_mapping(parts.get("data"), f"{name}, data")))
    if not pools:
        raise DataError(f"has no pool under {' or '.join(map(repr, _DIFFICULTIES))}")
    return pools


def _mapping(value: object, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{name!r} is a {type(value).__name__}, not a dictionary")
    return value


def _names(value: Any, pool: str) -> tuple[str, ...]:
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise DataError(f"pool {pool!r} has no list of models")
    names = tuple(str(name).strip() for name in listed)
    if not all(names) or len(set(names)) < len(names):
        raise DataError(f"pool {pool!r} has models without a name, or twice")
    return names
