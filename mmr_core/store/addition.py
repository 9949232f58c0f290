"""What adding a table does to a store: which files are new, and the manifest that names them.

Images lie beside a store by their absolute paths, or within it, copied. A path within the store is kept relative to
it, so that a store with its images can be moved.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.store.atomic import sync_folder, write_atomically
from mmr_core.store.consistency import demand_same_instances, demand_same_outcomes, demand_same_spec
from mmr_core.store.outcome_files import (
    Instances,
    instances_to_bytes,
    origins_to_bytes,
    outcomes_of,
    outcomes_to_bytes,
    read_instances,
    read_outcomes,
)
from mmr_core.store.store_manifest import (
    Batch,
    StoredDataset,
    StoredFile,
    StoredModel,
    StoredOutcomes,
    StoreManifest,
    digest_of,
    file_stem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from mmr_core.contracts import Progress
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store.outcome_files import OriginsOf

IMAGES = "images"
"""The folder of images that were copied into a store."""
_COPIERS = 16


class Journal:
    """Writes new files of a store, and knows how to undo that.

    :param store: the store's folder, which need not exist.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._existed = store.exists()
        self._made: list[Path] = []

    def write(self, path: str, content: bytes | memoryview) -> StoredFile:
        """Writes one file, atomically.

        :param path: where it goes within the store.
        """
        target = self._store / path
        self._made.append(target)
        write_atomically(target, content)
        return StoredFile(path=path, digest=digest_of(content))

    def begin(self, path: str) -> Path:
        """The temporary name for a file that is written piece by piece; its folder exists then."""
        target = self._store / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
        self._made.append(temporary)
        return temporary

    def adopt(self, temporary: Path, path: str) -> None:
        """Gives a file that is written and synced its name within the store."""
        target = self._store / path
        self._made.append(target)
        os.replace(temporary, target)
        sync_folder(target.parent)

    def settle(self) -> None:
        """Keeps what was made so far, whatever comes."""
        self._made.clear()

    def undo(self) -> None:
        """Removes what was made, and the folders that are empty without it."""
        for path in self._made:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        folders = {folder for path in self._made for folder in path.parents if folder.is_relative_to(self._store)}
        folders.add(self._store)
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
            if folder != self._store or not self._existed:
                with suppress(OSError):
                    folder.rmdir()


@dataclass(frozen=True, kw_only=True)
class Addition:
    """One table that is being added to one store.

    :param journal: writes the new files.
    :param verify: whether stored files that are compared must have the digests of the manifest.
    :param origins: where the outcomes came from, for each (dataset, model) that is new.
    """

    folder: Path
    manifest: StoreManifest
    table: OutcomeTable
    journal: Journal
    copy_images: bool
    verify: bool
    progress: Progress
    origins: OriginsOf | None = None

    def run(self) -> StoreManifest:
        """Writes the new files, and returns the manifest that names them too: the old one if nothing is new.

        :raises DataError: if the table contradicts the store.
        :raises OSError: if a file cannot be written.
        """
        models = self._models()
        datasets = {stored.spec.name: stored for stored in self.manifest.datasets}
        for name in self.table.dataset_names:
            rows = np.flatnonzero(self.table.dataset == name)
            old = datasets.get(name)
            datasets[name] = self._with_outcomes(self._new(name, rows) if old is None else self._same(old, rows), rows)
        if models == self.manifest.models and list(datasets.values()) == self.manifest.datasets:
            return self.manifest
        batch = Batch(source=self.table.source, synthetic=self.table.synthetic)
        return StoreManifest.of([*self.manifest.batches, batch], models, list(datasets.values()))

    @property
    def _batch(self) -> int:
        return len(self.manifest.batches)

    def _models(self) -> list[StoredModel]:
        models = list(self.manifest.models)
        for model, column in zip(self.table.models, self.table.columns, strict=True):
            stored = self.manifest.model(model.name)
            if stored is None:
                models.append(StoredModel(spec=model, column=column))
            else:
                demand_same_spec(stored.spec, model, f"model {model.name!r}", str(self.folder))
        return models

    def _new(self, name: str, rows: NDArray[np.intp]) -> StoredDataset:
        copies = _plan_copies(self.table.image[rows], name, self.folder) if self.copy_images else {}
        self._copy(copies)
        content = instances_to_bytes(instances_of(self.table, rows, self.folder, copies))
        return StoredDataset(
            spec=self.table.spec_of(name),
            instances=len(rows),
            batch=self._batch,
            file=self.journal.write(f"instances/{name}.parquet", content),
        )

    def _copy(self, copies: Mapping[Path, str]) -> None:
        # Each file is synced, and disks sync many at once in little more time than one.
        with ThreadPoolExecutor(_COPIERS) as pool:
            written = [pool.submit(self._copy_one, source, target) for source, target in copies.items()]
            try:
                for done, future in enumerate(written, start=1):
                    future.result()
                    self.progress("copying images", done, len(written))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _copy_one(self, source: Path, target: str) -> None:
        self.journal.write(target, source.read_bytes())

    def _same(self, stored: StoredDataset, rows: NDArray[np.intp]) -> StoredDataset:
        owner, where = f"dataset {stored.spec.name!r}", str(self.folder)
        demand_same_spec(stored.spec, self.table.spec_of(stored.spec.name), owner, where)
        kept = read_instances(self.folder / stored.file.path, stored.file.digest if self.verify else None)
        demand_same_instances(kept, instances_of(self.table, rows, self.folder, {}), owner, where)
        return stored

    def _with_outcomes(self, stored: StoredDataset, rows: NDArray[np.intp]) -> StoredDataset:
        """The dataset with the files of those models that are new to it and have an outcome on it."""
        files = list(stored.outcomes)
        for j, model in enumerate(self.table.models):
            outcomes = outcomes_of(self.table, rows, j)
            old = stored.outcomes_of(model.name)
            if old is not None:
                kept = read_outcomes(self.folder / old.file.path, old.file.digest if self.verify else None)
                owner = f"model {model.name!r} on dataset {stored.spec.name!r}"
                demand_same_outcomes(kept, outcomes, owner, str(self.folder))
            elif outcomes.known.any():
                stem = file_stem(model.name, [Path(other.file.path).stem for other in files])
                path = f"{stored.spec.name}/{stem}.parquet"
                files.append(
                    StoredOutcomes(
                        model=model.name,
                        column=self.table.columns[j],
                        batch=self._batch,
                        responses=bool(outcomes.answered.any()),
                        file=self.journal.write(f"outcomes/{path}", outcomes_to_bytes(outcomes)),
                        origins=self._origins(stored.spec.name, model.name, f"origins/{path}"),
                    )
                )
        return stored.model_copy(update={"outcomes": files})

    def _origins(self, dataset: str, model: str, path: str) -> StoredFile | None:
        found = None if self.origins is None else self.origins(dataset, model)
        return None if found is None else self.journal.write(path, origins_to_bytes(found))


def instances_of(
    table: OutcomeTable, rows: NDArray[np.intp], store: Path, copies: Mapping[Path, str], before: int = 0
) -> Instances:
    """Some rows of a table as instances of a store.

    :param copies: the paths within the store of images that are copied into it.
    :param before: how many rows of the import come before the table's.
    """
    return Instances(
        instance_id=table.instance_id[rows],
        question=table.question[rows],
        answer=table.answer[rows],
        category=table.category[rows],
        image=_stored_paths(table.image[rows], store, copies),
        row=rows.astype(np.int64) + before,
    )


def _stored_paths(images: NDArray[np.object_], store: Path, copies: Mapping[Path, str]) -> NDArray[np.object_]:
    """object [n]: the images' paths as the store keeps them; None where there is no image.

    :param copies: the paths within the store of those that are copied into it.
    """
    home = os.path.join(os.path.abspath(store), "")
    kept = np.full(len(images), None, dtype=object)
    for i, image in enumerate(images):
        if image is not None:
            # A path caches its text once it is asked for: a million of them would take 100 MB. A copy is dropped.
            text = os.path.abspath(str(Path(image)))
            inside = os.path.normcase(text).startswith(os.path.normcase(home))
            kept[i] = copies.get(image) if copies else None
            if kept[i] is None:
                kept[i] = Path(text[len(home) :]).as_posix() if inside else text
    return kept


def _plan_copies(images: Iterable[Path | None], dataset: str, store: Path) -> dict[Path, str]:
    """Which files to copy into the store, and the path that each gets there.

    Images that are absent or already within the store are not copied. Two files of one name from different folders
    both keep the name, the second with a suffix.
    """
    copies: dict[Path, str] = {}
    taken: set[str] = set()
    for image in images:
        if image is None or image in copies or not image.is_file():
            continue
        if Path(os.path.abspath(image)).is_relative_to(os.path.abspath(store)):
            continue
        name = image.name
        if name.casefold() in taken:
            name = f"{image.stem}~{digest_of(os.fsencode(image))[:8]}{image.suffix}"
        taken.add(name.casefold())
        copies[image] = str(PurePosixPath(IMAGES, dataset, name))
    return copies
