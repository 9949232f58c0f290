"""The importer of the embedded sample: what `mmr run` reads when nobody names any data.

It needs no file: the sample is made on first use and kept in the cache folder. What it consists of, what in it is
published and what invented stands in `mmr_plugins.importers.synthetic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mmr_core.errors import DataError, UsageError
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_plugins.importers.synthetic.outcome_model import CHARACTERS, targets
from mmr_plugins.importers.synthetic.storage import Content, open_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmr_core.contracts import ImportContext
    from mmr_core.specs import DatasetSpec, ModelSpec

SOURCE = "embedded sample (synthetic)"


class SampleImporter:
    """Makes or reopens the embedded sample; implements `mmr_core.contracts.Importer`."""

    embedded: ClassVar[bool] = True

    def sniff(self, path: Path) -> bool:
        """No file is the sample."""
        return False

    def read(self, path: Path | None, context: ImportContext) -> OutcomeTable:
        """The sample: ten datasets of 1,000 instances each, ten models, every outcome known.

        Pictures are files in a folder of `context.cache`.

        :raises UsageError: if a path is given.
        :raises DataError: if a dataset or model is not registered, or the cache cannot be written.
        """
        if path is not None:
            raise UsageError(
                "the embedded sample reads no file", where=str(path), fix="leave the path out, or name an importer"
            )
        models = [_named(name, context.models, "model") for name in CHARACTERS]
        specs = {name: _named(name, context.datasets, "dataset") for name, _ in targets()}
        folder, content = open_sample(context.cache, context.progress, context.warn)
        return _assemble(folder, content, specs, models)


def _named(name: str, registered: Sequence[Any], what: str) -> Any:
    found = next((spec for spec in registered if spec.name == name), None)
    if found is None:
        raise DataError(
            f"the sample needs {what} {name!r}, which no plugin provides",
            where=SOURCE,
            fix="check `mmr plugins list` for the built-in plugin",
        )
    return found


def _assemble(folder: Path, content: Content, specs: dict[str, DatasetSpec], models: list[ModelSpec]) -> OutcomeTable:
    target = targets()
    columns: dict[str, list[Any]] = {key: [] for key in ("dataset", "id", "question", "answer", "category", "image")}
    utility, tokens, cost = [], [], []
    for dataset, rows in content.items():
        columns["dataset"] += [dataset] * len(rows["number"])
        columns["id"] += [f"{specs[dataset].id_prefix}_{number}" for number in rows["number"]]
        for key in ("question", "answer", "category"):
            columns[key] += rows[key]
        columns["image"] += [folder / dataset / name if name else None for name in rows["picture"]]
        prices = np.array([target[dataset, model.name].price for model in models])
        utility.append(np.array(rows["utility"], dtype=np.float64))
        tokens.append(np.array(rows["output_tokens"], dtype=np.float64))
        cost.append(tokens[-1] * prices / 1e6)
    shape = (len(columns["id"]), len(models))
    return OutcomeTable(
        dataset=object_array(columns["dataset"]),
        instance_id=object_array(columns["id"]),
        question=object_array(columns["question"]),
        answer=object_array(columns["answer"]),
        category=object_array(columns["category"]),
        image=object_array(columns["image"]),
        models=tuple(models),
        columns=tuple(model.csv_columns[0] if model.csv_columns else model.name for model in models),
        utility=np.concatenate(utility),
        cost=np.concatenate(cost),
        status=np.full(shape, Status.OK, dtype=np.int8),
        input_tokens=np.full(shape, np.nan),
        image_tokens=np.full(shape, np.nan),
        output_tokens=np.concatenate(tokens),
        response=None,
        datasets=tuple(specs[name] for name in content),
        source=SOURCE,
        synthetic=True,
    )
