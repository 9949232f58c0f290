"""Putting the files of a store together into one outcome table again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.store.images import opened_paths
from mmr_core.store.parquet import CACHED, NUMBERS, Instances, read_instances, read_outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.store.manifest import Manifest, StoredDataset, StoredFile, StoredModel, StoredOutcomes

_TEXTS = ("instance_id", "question", "answer", "category")


def assemble(
    folder: Path,
    manifest: Manifest,
    datasets: Sequence[str] | None,
    models: Sequence[str] | None,
    *,
    verify: bool,
) -> OutcomeTable:
    """The table of some datasets and models of a store; `OutcomeStore.table` says how it is ordered.

    :raises DataError: if a name is not in the store, or a file is absent or damaged.
    """
    chosen = _choose_datasets(manifest, datasets, str(folder))
    if not chosen:
        raise DataError("has no dataset to read", where=str(folder), fix="import one, or ask for one")
    pool = _choose_models(manifest, chosen, datasets, models, str(folder))
    blocks = [_Block(folder, dataset, pool, verify=verify) for dataset in chosen]
    batch = np.concatenate([np.full(len(block.instances), block.stored.batch) for block in blocks])
    row = np.concatenate([block.instances.row for block in blocks])
    order = np.lexsort((row, batch))

    def joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(parts)[order]

    cached = joined([block.numbers[CACHED] for block in blocks])
    used = {block.stored.batch for block in blocks} | {batch for block in blocks for batch in block.batches}
    sources = [manifest.batches[index] for index in sorted(used)]
    return OutcomeTable(
        dataset=joined([np.full(len(block.instances), block.stored.spec.name, dtype=object) for block in blocks]),
        **{name: joined([getattr(block.instances, name) for block in blocks]) for name in _TEXTS},
        image=joined([opened_paths(block.instances.image, folder) for block in blocks]),
        models=tuple(model.spec for model in pool),
        columns=tuple(_column_of(model, chosen) for model in pool),
        **{name: joined([block.numbers[name] for block in blocks]) for name in NUMBERS},
        status=joined([block.status for block in blocks]),
        response=joined([b.response for b in blocks]) if any(b.answers for b in blocks) else None,
        cached_tokens=None if np.isnan(cached).all() else cached,
        datasets=tuple(block.stored.spec for block in blocks),
        source="; ".join(dict.fromkeys(batch.source for batch in sources)),
        synthetic=any(batch.synthetic for batch in sources),
    )


class _Block:
    """The rows of one dataset, [n] and [n, K], in the order of its file."""

    def __init__(self, folder: Path, stored: StoredDataset, pool: Sequence[StoredModel], *, verify: bool) -> None:
        self.stored = stored
        self.instances: Instances = read_instances(folder / stored.file.path, _digest(stored.file, verify))
        if len(self.instances) != stored.instances:
            raise DataError(
                f"has {len(self.instances)} instances where manifest.json says {stored.instances}",
                where=str(folder / stored.file.path),
                fix="import the data again into a new store",
            )
        shape = (len(self.instances), len(pool))
        self.numbers = {name: np.full(shape, np.nan) for name in (*NUMBERS, CACHED)}
        self.status = np.full(shape, Status.MISSING, dtype=np.int8)
        self.response = np.full(shape, None, dtype=object)
        self.answers = False
        self.batches: set[int] = set()
        for j, model in enumerate(pool):
            outcomes = stored.outcomes_of(model.spec.name)
            if outcomes is not None:
                self._fill(folder, outcomes, j, verify=verify)

    def _fill(self, folder: Path, stored: StoredOutcomes, j: int, *, verify: bool) -> None:
        path = folder / stored.file.path
        outcomes = read_outcomes(path, _digest(stored.file, verify))
        rows = self._rows_of(outcomes.instance_id, str(path))
        for name in self.numbers:
            self.numbers[name][rows, j] = getattr(outcomes, name)
        self.status[rows, j] = outcomes.status
        self.response[rows, j] = outcomes.response
        self.answers |= stored.responses
        self.batches.add(stored.batch)

    def _rows_of(self, ids: NDArray[np.object_], where: str) -> NDArray[np.intp] | slice:
        if np.array_equal(ids, self.instances.instance_id):
            return slice(None)
        position = {idx: i for i, idx in enumerate(self.instances.instance_id)}
        strange = [idx for idx in ids if idx not in position]
        if strange or len(set(ids)) < len(ids):
            fault = f"has outcomes of an unknown instance {strange[0]!r}" if strange else "has an instance twice"
            raise DataError(fault, where=where, fix="import the data again into a new store")
        return np.array([position[idx] for idx in ids], dtype=np.intp)


def _choose_datasets(manifest: Manifest, names: Sequence[str] | None, where: str) -> list[StoredDataset]:
    if names is None:
        return list(manifest.datasets)
    known = {stored.spec.name: stored for stored in manifest.datasets}
    for name in names:
        if name not in known:
            raise DataError(f"has no dataset {name!r}", where=where, fix=f"it has {', '.join(known)}")
    return [stored for name, stored in known.items() if name in names]


def _choose_models(
    manifest: Manifest,
    datasets: Sequence[StoredDataset],
    asked: Sequence[str] | None,
    names: Sequence[str] | None,
    where: str,
) -> list[StoredModel]:
    if names is not None:
        known = {stored.spec.name: stored for stored in manifest.models}
        for name in names:
            if name not in known:
                raise DataError(f"has no model {name!r}", where=where, fix=f"it has {', '.join(known)}")
        return [known[name] for name in names]
    if asked is None:
        return list(manifest.models)
    return [m for m in manifest.models if any(d.outcomes_of(m.spec.name) is not None for d in datasets)]


def _column_of(model: StoredModel, datasets: Sequence[StoredDataset]) -> str:
    """The name the model had in the source of the first of these datasets that it ran on."""
    for dataset in datasets:
        outcomes = dataset.outcomes_of(model.spec.name)
        if outcomes is not None:
            return outcomes.column
    return model.column


def _digest(file: StoredFile, verify: bool) -> str | None:
    return file.digest if verify else None
