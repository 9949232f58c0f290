"""A new store out of a table that comes in parts, so that the table need not fit into memory.

Each file is written under a temporary name, part after part, and gets its own name when all parts are there. The
manifest, which makes them count, is written last by `OutcomeStore`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.store.addition import instances_of
from mmr_core.store.outcome_files import ColumnWriter, instance_columns, outcome_columns, outcomes_of
from mmr_core.store.store_manifest import (
    DIGEST_SIZE,
    Batch,
    StoredDataset,
    StoredFile,
    StoredModel,
    StoredOutcomes,
    StoreManifest,
    file_stem,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable
    from mmr_core.specs import DatasetSpec
    from mmr_core.store.addition import Journal

_BLOCK = 1 << 20


class PartWriter:
    """Writes the files of a new store.

    :param folder: the store's folder, which exists.
    :param journal: gives the finished files their names, and knows how to undo that.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal
        self._rows = 0
        self._first: OutcomeTable | None = None
        self._datasets: dict[str, _Dataset] = {}

    def add(self, part: OutcomeTable) -> None:
        """Appends the rows of a part, which follow those of the parts before.

        :raises DataError: if its models are not those of the first part.
        :raises OSError: if a file cannot be written.
        """
        first = self._first = self._first or part
        if (part.models, part.columns) != (first.models, first.columns):
            raise DataError("the parts of the table have different models", where=part.source)
        for name in part.dataset_names:
            rows = np.flatnonzero(part.dataset == name)
            dataset = self._datasets.get(name)
            if dataset is None:
                dataset = self._datasets[name] = _Dataset(self._folder, self._journal, part, name)
            dataset.add(part, rows, self._rows)
        self._rows += len(part)

    def finish(self) -> StoreManifest:
        """The manifest of everything that was added; the files have their names then.

        :raises DataError: if nothing was added.
        :raises OSError: if a file cannot be written.
        """
        first = self._first
        if first is None:
            raise DataError("has no outcomes to import", where=str(self._folder))
        models = [StoredModel(spec=m, column=c) for m, c in zip(first.models, first.columns, strict=True)]
        datasets = [dataset.finish() for dataset in self._datasets.values()]
        return StoreManifest.of([Batch(source=first.source, synthetic=first.synthetic)], models, datasets)

    def close(self) -> None:
        """Closes the files that are not finished; the journal removes them."""
        for dataset in self._datasets.values():
            dataset.close()


class _Dataset:
    """The open files of one dataset."""

    def __init__(self, folder: Path, journal: Journal, part: OutcomeTable, name: str) -> None:
        self._folder = folder
        self._name = name
        self._columns = part.columns
        self._cached = part.cached_tokens is not None
        self._spec: DatasetSpec = part.spec_of(name)
        self._count = 0
        self._instances = _OpenFile(journal, f"instances/{name}.parquet")
        self._outcomes: dict[str, _OpenFile] = {}
        stems: list[str] = []
        for model in part.models:
            stems.append(file_stem(model.name, stems))
            self._outcomes[model.name] = _OpenFile(journal, f"outcomes/{name}/{stems[-1]}.parquet")

    def add(self, part: OutcomeTable, rows: NDArray[np.intp], before: int) -> None:
        """Appends some rows of a part, `before` being the number of rows in the parts before."""
        self._spec = part.spec_of(self._name)
        self._count += len(rows)
        self._instances.write(instance_columns(instances_of(part, rows, self._folder, {}, before)))
        for j, file in enumerate(self._outcomes.values()):
            outcomes = outcomes_of(part, rows, j)
            file.known |= bool(outcomes.known.any())
            file.answered |= bool(outcomes.answered.any())
            file.write(outcome_columns(outcomes, cached=self._cached))

    def finish(self) -> StoredDataset:
        """Names the files, without those of models that have no outcome on the dataset."""
        outcomes = []
        for (model, file), column in zip(self._outcomes.items(), self._columns, strict=True):
            if file.known:
                outcomes.append(
                    StoredOutcomes(model=model, column=column, batch=0, responses=file.answered, file=file.finish())
                )
            else:
                file.close()
                file.temporary.unlink()
        instances = self._instances.finish()
        return StoredDataset(spec=self._spec, instances=self._count, batch=0, file=instances, outcomes=outcomes)

    def close(self) -> None:
        for file in (self._instances, *self._outcomes.values()):
            with suppress(OSError):
                file.close()


class _OpenFile:
    """A file of the store that is not finished yet.

    :param path: the name that it will have within the store.
    """

    def __init__(self, journal: Journal, path: str) -> None:
        self.known = self.answered = False
        """Whether any row has a value, and an answer, at all."""
        self.temporary = journal.begin(path)
        self._journal = journal
        self._path = path
        self._writer = ColumnWriter(str(self.temporary))

    def write(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._writer.write(columns)

    def close(self) -> None:
        self._writer.close()

    def finish(self) -> StoredFile:
        self.close()
        digest = blake2b(digest_size=DIGEST_SIZE)
        with self.temporary.open("rb+") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
            os.fsync(file.fileno())
        self._journal.adopt(self.temporary, self._path)
        return StoredFile(path=self._path, digest=digest.hexdigest())
