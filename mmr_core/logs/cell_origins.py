"""Where each cell of a table came from, as whole numbers while it is put together, and as texts when it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmr_core.logs.log_records import TOKEN_SOURCES
from mmr_core.logs.survey import WORDS, Cells, Group
from mmr_core.store.outcome_files import Origins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store.outcome_files import OriginsOf

_GROUP_TEXTS = ("run", "judge", "filter", "metric", "scorer")
_WORDS = np.array(WORDS, dtype=object)
_TOKEN_SOURCES = np.array(TOKEN_SOURCES, dtype=object)


class Traces:
    """Origins of [N, K] cells.

    :param groups: by their codes.
    """

    def __init__(self, shape: tuple[int, int], groups: Sequence[Group]) -> None:
        self.words = np.full(shape, -1, dtype=np.int8)
        """Status words; -1 where no record came."""
        self.averaged = np.zeros(shape, dtype=bool)
        self.reasoning = np.full(shape, np.nan, dtype=np.float64)
        self._groups = groups
        self._group = np.zeros(shape, dtype=np.int32)
        self._file = np.zeros(shape, dtype=np.int32)
        self._row = np.zeros(shape, dtype=np.int32)
        self._native = np.zeros(shape, dtype=np.int32)
        self._token_source = np.zeros(shape, dtype=np.int8)
        self._files: dict[str, int] = {}
        self._natives: dict[str, int] = {}

    def filled(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether cells have a record already."""
        return np.asarray(self.words[rows, columns] >= 0, dtype=np.bool_)

    def add(
        self,
        cells: Cells,
        taken: NDArray[np.intp],
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        words: NDArray[np.int8],
        reasoning: NDArray[np.float64],
        averaged: NDArray[np.bool_],
        file: str,
    ) -> None:
        """Notes where the cells at (rows, columns) come from: the `taken` records of a batch, in that order."""
        records = cells.records
        self.words[rows, columns] = words
        self.averaged[rows, columns] = averaged
        self.reasoning[rows, columns] = reasoning
        self._group[rows, columns] = cells.group[taken]
        self._file[rows, columns] = self._files.setdefault(file, len(self._files))
        self._row[rows, columns] = cells.row[taken]
        self._token_source[rows, columns] = cells.token_source[taken]
        natives, instances = records.values("native_id"), records.values("instance")
        codes = self._natives
        self._native[rows, columns] = [codes.setdefault(natives[i] or instances[i], len(codes)) for i in taken]

    def origins_of(self, table: OutcomeTable) -> OriginsOf:
        """A function from (dataset, model) to origins, which makes their texts only when it is called."""
        models = {model.name: j for j, model in enumerate(table.models)}
        texts = {
            name: np.array([getattr(group, name) for group in self._groups], dtype=object) for name in _GROUP_TEXTS
        }
        repeats = np.array([group.repeat for group in self._groups], dtype=np.int64)
        files, natives = np.array(list(self._files), dtype=object), np.array(list(self._natives), dtype=object)

        def origins(dataset: str, model: str) -> Origins | None:
            j = models[model]
            rows = np.flatnonzero((table.dataset == dataset) & (self.words[:, j] >= 0))
            if not len(rows):
                return None
            group = self._group[rows, j]
            return Origins(
                instance_id=table.instance_id[rows],
                source=files[self._file[rows, j]],
                row=self._row[rows, j].astype(np.int64),
                native_id=natives[self._native[rows, j]],
                **{name: values[group] for name, values in texts.items()},
                repeat=np.where(self.averaged[rows, j], 0, repeats[group]),
                status=_WORDS[self.words[rows, j]],
                token_source=_TOKEN_SOURCES[self._token_source[rows, j]],
                reasoning_tokens=self.reasoning[rows, j],
            )

        return origins
