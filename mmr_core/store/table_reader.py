"""Putting the files of a store together into one outcome table again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status, unknown_numbers
from mmr_core.store.outcome_files import CACHED, NUMBERS, Instances, Outcomes, read_instances, read_outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.store.store_manifest import StoredDataset, StoredFile, StoredModel, StoreManifest

_TEXTS = ("instance_id", "question", "answer", "category")
_AGAIN = "import the data again into a new store"


def read_table(
    folder: Path,
    manifest: StoreManifest,
    datasets: Sequence[str] | None,
    models: Sequence[str] | None,
    *,
    verify: bool,
    arrays: Path | None = None,
) -> OutcomeTable:
    """The table of some datasets and models of a store; `OutcomeStore.table` says how it is ordered.

    Memory is that of the table and of one file at a time.

    :param arrays: as in `OutcomeStore.table`.
    :raises DataError: if a name is not in the store, or a file is absent or damaged.
    """
    chosen = _choose_datasets(manifest, datasets, str(folder))
    if not chosen:
        raise DataError("has no dataset to read", where=str(folder), fix="import one, or ask for one")
    pool = _choose_models(manifest, chosen, datasets, models, str(folder))
    parts = [_read_instances(folder, stored, verify=verify) for stored in chosen]
    places = _places(chosen, parts)
    n = sum(map(len, parts))
    texts = {name: np.full(n, None, dtype=object) for name in ("dataset", "image", *_TEXTS)}
    cells = _Cells((n, len(pool))) if arrays is None else MappedCells((n, len(pool)), arrays, _key(chosen, pool))
    batches = {stored.batch for stored in chosen}
    for stored, instances, rows in zip(chosen, parts, places, strict=True):
        texts["dataset"][rows] = stored.spec.name
        for name in _TEXTS:
            texts[name][rows] = getattr(instances, name)
        texts["image"][rows] = [None if path is None else folder / path for path in instances.image]
        for j, model in enumerate(pool):
            kept = stored.outcomes_of(model.spec.name)
            if kept is not None:
                batches.add(kept.batch)
                if not cells.complete:
                    path = folder / kept.file.path
                    outcomes = read_outcomes(path, _digest(kept.file, verify), instances.instance_id)
                    cells.fill(_rows_of(outcomes, instances, rows, str(path)), j, outcomes, answers=kept.responses)
    cells.finish()
    sources = [manifest.batches[index] for index in sorted(batches)]
    return OutcomeTable(
        **texts,
        models=tuple(model.spec for model in pool),
        columns=tuple(_column_of(model, chosen) for model in pool),
        utility=cells.numbers_of("utility"),
        cost=cells.numbers_of("cost"),
        input_tokens=cells.numbers_of("input_tokens"),
        image_tokens=cells.numbers_of("image_tokens"),
        output_tokens=cells.numbers_of("output_tokens"),
        status=cells.status,
        response=cells.response,
        cached_tokens=cells.numbers.get(CACHED),
        datasets=tuple(stored.spec for stored in chosen),
        source="; ".join(dict.fromkeys(batch.source for batch in sources)),
        synthetic=any(batch.synthetic for batch in sources),
    )


class _Cells:
    """The outcomes of [n, K] cells; numbers and answers that no file has take no memory."""

    complete = False
    """Whether there is nothing to fill in."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.numbers: dict[str, NDArray[np.float64]] = {}
        self.status: NDArray[np.int8] = self._full("status", Status.MISSING, np.int8)
        self.response: NDArray[np.object_] | None = None

    def _full(self, name: str, filler: float, dtype: type) -> NDArray[Any]:
        return np.full(self.shape, filler, dtype=dtype)

    def finish(self) -> None:
        """Called when everything has been filled in."""

    def numbers_of(self, name: str) -> NDArray[np.float64]:
        return self.numbers.get(name, unknown_numbers(self.shape))

    def fill(self, rows: NDArray[np.intp] | slice, j: int, outcomes: Outcomes, *, answers: bool) -> None:
        for name in (*NUMBERS, CACHED):
            values = getattr(outcomes, name)
            if name not in self.numbers and not np.isnan(values).all():
                self.numbers[name] = self._full(name, np.nan, np.float64)
            if name in self.numbers:
                self.numbers[name][rows, j] = values
        self.status[rows, j] = outcomes.status
        if answers:
            if self.response is None:
                self.response = np.full(self.shape, None, dtype=object)
            self.response[rows, j] = outcomes.response


class MappedCells(_Cells):
    """Cells whose numbers are memory-mapped files, which are made once per content and then only opened.

    Answers are left out: texts cannot be mapped.

    :param arrays: the folder for such files, which is made where it does not exist.
    :param key: a digest of the content.
    """

    def __init__(self, shape: tuple[int, int], arrays: Path, key: str) -> None:
        self._place = arrays / key
        self.complete = self._place.is_dir()
        if self.complete:
            self.shape, self.response = shape, None
            self._open()
        else:
            arrays.mkdir(parents=True, exist_ok=True)
            self._draft = Path(mkdtemp(dir=arrays, prefix=f".{key}-"))
            super().__init__(shape)

    def _full(self, name: str, filler: float, dtype: type) -> NDArray[Any]:
        array = np.lib.format.open_memmap(self._draft / f"{name}.npy", mode="w+", dtype=dtype, shape=self.shape)
        array[...] = filler
        return array

    def fill(self, rows: NDArray[np.intp] | slice, j: int, outcomes: Outcomes, *, answers: bool) -> None:
        super().fill(rows, j, outcomes, answers=False)

    def finish(self) -> None:
        if not self.complete:
            self.numbers.clear()
            del self.status
            try:
                os.rename(self._draft, self._place)
            except OSError:
                # Another process was faster: its files have the same content.
                shutil.rmtree(self._draft)
            self._open()

    def _open(self) -> None:
        found = {file.stem: np.load(file, mmap_mode="r") for file in sorted(self._place.glob("*.npy"))}
        self.status = found.pop("status")
        self.numbers = found


def _key(datasets: Sequence[StoredDataset], pool: Sequence[StoredModel]) -> str:
    """A digest of everything that the cells depend on."""
    state = blake2b(digest_size=16)
    for dataset in datasets:
        state.update(f"{dataset.spec.name}\0{dataset.batch}\0{dataset.file.digest}\1".encode())
        for model in pool:
            outcomes = dataset.outcomes_of(model.spec.name)
            state.update(f"{model.spec.name}\0{'' if outcomes is None else outcomes.file.digest}\1".encode())
    return state.hexdigest()


def _read_instances(folder: Path, stored: StoredDataset, *, verify: bool) -> Instances:
    instances = read_instances(folder / stored.file.path, _digest(stored.file, verify))
    if len(instances) != stored.instances:
        raise DataError(
            f"expected {stored.instances} instances as manifest.json says, got {len(instances)}",
            where=str(folder / stored.file.path),
            fix=_AGAIN,
        )
    return instances


def _places(chosen: Sequence[StoredDataset], parts: Sequence[Instances]) -> list[NDArray[np.intp] | slice]:
    """The rows of the table that the instances of each dataset get: in the order of imports, then of their files."""
    batch = np.concatenate([np.full(len(part), stored.batch) for stored, part in zip(chosen, parts, strict=True)])
    order = np.lexsort((np.concatenate([part.row for part in parts]), batch))
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    ends = np.cumsum([len(part) for part in parts])
    return [_as_slice(rows) for rows in np.split(place, ends[:-1])]


def _as_slice(rows: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Rows as a slice where they follow one another, which is the faster index."""
    if len(rows) and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _rows_of(
    outcomes: Outcomes, instances: Instances, rows: NDArray[np.intp] | slice, where: str
) -> NDArray[np.intp] | slice:
    """The rows of the table that a file's outcomes belong to; `rows` are those of its dataset."""
    if outcomes.instance_id is instances.instance_id:
        return rows
    position = {idx: i for i, idx in enumerate(instances.instance_id)}
    strange = [idx for idx in outcomes.instance_id if idx not in position]
    if strange or len(set(outcomes.instance_id)) < len(outcomes):
        fault = f"has outcomes of an unknown instance {strange[0]!r}" if strange else "has an instance twice"
        raise DataError(fault, where=where, fix=_AGAIN)
    chosen = np.array([position[idx] for idx in outcomes.instance_id], dtype=np.intp)
    return chosen + rows.start if isinstance(rows, slice) else rows[chosen]


def _choose_datasets(manifest: StoreManifest, names: Sequence[str] | None, where: str) -> list[StoredDataset]:
    if names is None:
        return list(manifest.datasets)
    known = {stored.spec.name: stored for stored in manifest.datasets}
    for name in names:
        if name not in known:
            raise DataError(f"has no dataset {name!r}", where=where, fix=f"it has {', '.join(known)}")
    return [stored for name, stored in known.items() if name in names]


def _choose_models(
    manifest: StoreManifest,
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
