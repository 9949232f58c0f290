"""What tests of importers of routing benchmarks share: a whole import, through a store and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import ImportContext
from mmr_core.logs import LogImporter
from mmr_core.logs.log_importer import Inspection, import_log, inspect_log, notices_of
from mmr_core.outcomes import OutcomeTable
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.models import MODELS


@dataclass(frozen=True, kw_only=True)
class Brought:
    """An import that was written to a store, and read from it again."""

    table: OutcomeTable
    store: OutcomeStore
    lines: list[str]

    def cell(self, instance: str, model: str) -> dict[str, Any]:
        """All numbers and texts about one cell."""
        row = self.table.instance_id.tolist().index(instance)
        column = [spec.name for spec in self.table.models].index(model)
        arrays = ("utility", "cost", "input_tokens", "output_tokens", "status")
        texts = ("dataset", "question", "answer", "category")
        numbers = {name: getattr(self.table, name)[row, column].item() for name in arrays}
        return {**numbers, **{name: getattr(self.table, name)[row] for name in texts}}

    def origin(self, dataset: str, instance: str, model: str) -> dict[str, Any]:
        """Where a cell came from."""
        origins = self.store.origins(dataset, model)
        assert origins is not None
        found = origins.of(instance)
        assert found is not None
        return found

    def known(self) -> dict[tuple[str, str], float]:
        """Every utility that is known, by instance and model."""
        return {
            (str(self.table.instance_id[i]), self.table.models[j].name): float(self.table.utility[i, j])
            for i, j in zip(*np.nonzero(~np.isnan(self.table.utility)), strict=True)
        }


@pytest.fixture
def builtin_context(tmp_path: Path) -> ImportContext:
    """What the built-in plugin registers, to import with."""
    return ImportContext(datasets=DATASETS, models=MODELS, cache=tmp_path)


@pytest.fixture
def peek(builtin_context: ImportContext) -> Callable[..., Inspection]:
    """A function that looks at a log."""

    def call(importer: LogImporter, path: Path, *select: str, **options: Any) -> Inspection:
        return inspect_log(importer, path, builtin_context, select=select, **options)

    return call


@pytest.fixture
def bring(
    peek: Callable[..., Inspection], builtin_context: ImportContext, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Brought]:
    """A function that imports a log into a new store, and reads that."""

    def call(importer: LogImporter, path: Path, *select: str, **options: Any) -> Brought:
        seen = peek(importer, path, *select, **options)
        assert [question.key for question in seen.open] == []
        imported = import_log(seen, builtin_context)
        folder = tmp_path_factory.mktemp("brought") / "store"
        OutcomeStore(folder).add(imported.assembled.table, origins=imported.assembled.origins)
        store = OutcomeStore.open(folder)
        return Brought(table=store.table(), store=store, lines=notices_of(seen, imported))

    return call
