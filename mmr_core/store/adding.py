"""What adding a table does to a store: which files are new, and the manifest that names them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.outcomes import object_array
from mmr_core.store.agreement import demand_same_instances, demand_same_outcomes, demand_same_spec
from mmr_core.store.images import plan_copies, stored_path
from mmr_core.store.manifest import (
    Batch,
    Manifest,
    StoredDataset,
    StoredFile,
    StoredModel,
    StoredOutcomes,
    file_stem,
)
from mmr_core.store.origins import origins_to_bytes
from mmr_core.store.parquet import (
    Instances,
    instances_to_bytes,
    outcomes_of,
    outcomes_to_bytes,
    read_instances,
    read_outcomes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmr_core.contracts import Progress
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store.journal import Journal
    from mmr_core.store.origins import OriginsOf

_COPIERS = 16


@dataclass(frozen=True, kw_only=True)
class Addition:
    """One table on its way into one store.

    :param journal: writes the new files.
    :param verify: whether stored files that are compared must have the digests of the manifest.
    :param origins: where the outcomes came from, for each (dataset, model) that is new.
    """

    folder: Path
    manifest: Manifest
    table: OutcomeTable
    journal: Journal
    copy_images: bool
    verify: bool
    progress: Progress
    origins: OriginsOf | None = None

    def run(self) -> Manifest:
        """Writes the new files, and gives the manifest that names them too: the old one if nothing is new.

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
        return Manifest.of([*self.manifest.batches, batch], models, list(datasets.values()))

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
        copies = plan_copies(self.table.image[rows], name, self.folder) if self.copy_images else {}
        self._copy(copies)
        content = instances_to_bytes(self._instances(rows, copies))
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
        demand_same_instances(kept, self._instances(rows, {}), owner, where)
        return stored

    def _instances(self, rows: NDArray[np.intp], copies: Mapping[Path, str]) -> Instances:
        images = self.table.image[rows]
        return Instances(
            instance_id=self.table.instance_id[rows],
            question=self.table.question[rows],
            answer=self.table.answer[rows],
            category=self.table.category[rows],
            image=object_array(copies.get(image) or stored_path(image, self.folder) for image in images),
            row=rows.astype(np.int64),
        )

    def _with_outcomes(self, stored: StoredDataset, rows: NDArray[np.intp]) -> StoredDataset:
        """The dataset with the files of those models that are new to it and have something to say."""
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
                        responses=any(text is not None for text in outcomes.response),
                        file=self.journal.write(f"outcomes/{path}", outcomes_to_bytes(outcomes)),
                        origins=self._origins(stored.spec.name, model.name, f"origins/{path}"),
                    )
                )
        return stored.model_copy(update={"outcomes": files})

    def _origins(self, dataset: str, model: str, path: str) -> StoredFile | None:
        found = None if self.origins is None else self.origins(dataset, model)
        return None if found is None else self.journal.write(path, origins_to_bytes(found))
