"""The store as a folder: adding tables to it, and reading tables from it.

Adding a dataset adds `instances/<dataset>.parquet` and a folder `outcomes/<dataset>`; adding a model adds files in
those folders, and in `origins/<dataset>` where the import knows where each outcome came from. Nothing existing is
rewritten except `manifest.json`, last and atomically: an import that stops half-way leaves the store as it was.
Importers produce the tables; `logs.table_sources` chooses between importers and stores.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmr_core.contracts import no_progress
from mmr_core.errors import DataError
from mmr_core.store.addition import IMAGES, Addition, Journal
from mmr_core.store.atomic import exclusively, write_atomically
from mmr_core.store.outcome_files import read_origins
from mmr_core.store.part_writer import PartWriter
from mmr_core.store.store_manifest import FILE_NAME, StoreManifest, read_manifest
from mmr_core.store.table_reader import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mmr_core.contracts import Progress
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store.outcome_files import Origins, OriginsOf

_OWN_FOLDERS = {"instances", "outcomes", "origins", IMAGES}


@dataclass(frozen=True, kw_only=True)
class Added:
    """What an import added to a store.

    :param datasets: the datasets that are new.
    :param outcomes: the (dataset, model) pairs that are new.
    :param instances: how many instances of each dataset the import had.
    """

    datasets: tuple[str, ...]
    outcomes: tuple[tuple[str, str], ...]
    instances: Mapping[str, int]

    def __bool__(self) -> bool:
        """Whether anything is new."""
        return bool(self.datasets or self.outcomes)


class OutcomeStore:
    """A store in a folder, which need not exist before the first `add`.

    :param verify: whether to compare every file that is read with its digest in the manifest.
    """

    def __init__(self, folder: str | Path, *, verify: bool = True) -> None:
        self.folder = Path(folder)
        self._verify = verify

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = True) -> OutcomeStore:
        """The store that is in a folder.

        :raises DataError: if there is none, or its manifest is damaged or of another schema version.
        """
        store = cls(folder, verify=verify)
        store.manifest()
        return store

    @staticmethod
    def is_in(folder: str | Path) -> bool:
        """Whether a folder has a manifest, and so is a store or a damaged one."""
        return (Path(folder) / FILE_NAME).is_file()

    def manifest(self) -> StoreManifest:
        """The store's manifest, read afresh.

        :raises DataError: if it is absent, damaged, or of another schema version.
        """
        return read_manifest(self.folder)

    def table(
        self,
        datasets: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
        *,
        arrays: Path | None = None,
    ) -> OutcomeTable:
        """The outcomes of some datasets and models, or of all.

        Rows stand in the order of the imports and, within one, in the order of its file. Models stand in the order
        given, or in that of their import; where one did not run, its outcomes are missing. Without `models`, those
        are left out that ran on none of the `datasets` asked for.

        :param arrays: a folder for memory-mapped files that the numbers are then read from, one [n, K] array per file;
            they are made the first time, and found again while the store has the same content. The models' answers
            are left out. Without a folder everything is in memory.
        :raises DataError: if a name is not in the store, or a file is absent or damaged.
        """
        return read_table(self.folder, self.manifest(), datasets, models, verify=self._verify, arrays=arrays)

    def cells(self) -> int:
        """How many outcomes the table of everything has, missing ones included."""
        manifest = self.manifest()
        return sum(stored.instances for stored in manifest.datasets) * len(manifest.models)

    def origins(self, dataset: str, model: str) -> Origins | None:
        """Where the outcomes of a model on a dataset came from; None where their import did not record it.

        :raises DataError: if the store has no such outcomes, or the file is absent or damaged.
        """
        manifest = self.manifest()
        stored = manifest.dataset(dataset)
        outcomes = None if stored is None else stored.outcomes_of(model)
        if outcomes is None:
            there = ", ".join("/".join(pair) for pair in manifest.pairs())
            raise DataError(
                f"has no outcomes of model {model!r} on dataset {dataset!r}",
                where=str(self.folder),
                fix=f"it has {there}",
            )
        if outcomes.origins is None:
            return None
        file = outcomes.origins
        return read_origins(self.folder / file.path, file.digest if self._verify else None)

    def add(
        self,
        table: OutcomeTable,
        *,
        copy_images: bool = False,
        origins: OriginsOf | None = None,
        progress: Progress = no_progress,
    ) -> Added:
        """Adds the new datasets and models of a table; whatever is stored already must agree with it.

        :param copy_images: whether to copy the images of new datasets into the store; otherwise it keeps their
            absolute paths.
        :param origins: gives, for each (dataset, model) that is new, where its outcomes came from.
        :raises DataError: if the table is empty or contradicts the store, if another process is importing, or if
            files cannot be written. The store is then as it was.
        """
        if len(table) == 0 or not table.models:
            raise DataError("has no outcomes to import", where=table.source)
        with self._writing() as journal:
            before = self.manifest() if self.is_in(self.folder) else StoreManifest()
            addition = Addition(
                folder=self.folder,
                manifest=before,
                table=table,
                journal=journal,
                copy_images=copy_images,
                verify=self._verify,
                progress=progress,
                origins=origins,
            )
            after = addition.run()
            if after is not before:
                self._commit(after, journal)
        old = set(before.pairs())
        return Added(
            datasets=tuple(d.spec.name for d in after.datasets if before.dataset(d.spec.name) is None),
            outcomes=tuple(pair for pair in after.pairs() if pair not in old),
            instances={name: int((table.dataset == name).sum()) for name in table.dataset_names},
        )

    def create(self, parts: Iterable[OutcomeTable]) -> Added:
        """Makes a new store of a table that comes in parts; only one part is in memory at a time.

        The store is that of `add` with all parts in one table, and its images keep their absolute paths. Parts have
        the same models, and no instance occurs in two of them. A dataset is described as in the last part that has it.

        :raises DataError: if there is a store already, there are no outcomes, the parts have different models, another
            process is importing, or files cannot be written. There is then no store.
        """
        with self._writing() as journal:
            if self.is_in(self.folder):
                raise DataError("there is a store already", where=str(self.folder), fix="give a new folder")
            writer = PartWriter(self.folder, journal)
            try:
                for part in parts:
                    writer.add(part)
                manifest = writer.finish()
            finally:
                writer.close()
            self._commit(manifest, journal)
        return Added(
            datasets=tuple(stored.spec.name for stored in manifest.datasets),
            outcomes=tuple(manifest.pairs()),
            instances={stored.spec.name: stored.instances for stored in manifest.datasets},
        )

    @contextmanager
    def _writing(self) -> Iterator[Journal]:
        """The journal of a change, during which no other process writes; whatever stops it, the change is undone."""
        self._demand_store_or_free_folder()
        journal = Journal(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with exclusively(self.folder):
                # The lock is ours, so these belong to a writer that was killed.
                for litter in self.folder.rglob(".*.tmp"):
                    litter.unlink()
                yield journal
        except OSError as error:
            journal.undo()
            raise DataError(
                f"the import stopped: {error.strerror or error}",
                where=str(error.filename or self.folder),
                fix="the store is as it was; make room or permit access, and import again",
            ) from error
        except BaseException:
            journal.undo()
            raise

    def _commit(self, manifest: StoreManifest, journal: Journal) -> None:
        try:
            write_atomically(self.folder / FILE_NAME, manifest.to_json())
        finally:
            # An interruption may come after the rename: the new files are then part of the store.
            if self.is_in(self.folder) and self.manifest() == manifest:
                journal.settle()

    def _demand_store_or_free_folder(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise DataError("is a file, not a folder", where=str(self.folder), fix="give another folder")
        if not self.folder.is_dir() or self.is_in(self.folder):
            return
        strangers = sorted(
            entry.name
            for entry in self.folder.iterdir()
            if entry.name not in _OWN_FOLDERS and not (entry.name.startswith(".") and entry.suffix == ".tmp")
        )
        if strangers:
            raise DataError(
                f"is not an outcome store, and not empty: it has {strangers[0]!r}",
                where=str(self.folder),
                fix="give a new folder or a store",
            )
