"""Tables of several files as one: rows one below the other, and the union of their models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.specs import DatasetSpec


def joined(tables: Sequence[OutcomeTable], source: str) -> OutcomeTable:
    """One table of all; where a model is not in a file, its outcomes there are missing.

    :raises DataError: if an id is in two of them, or two unknown datasets would get one name.
    """
    if len(tables) == 1:
        return replace(tables[0], source=source)
    _demand_distinct_ids(tables)
    columns: dict[str, str] = {}
    for table in tables:
        for model, prefix in zip(table.models, table.columns, strict=True):
            columns.setdefault(model.name, prefix)
    models = {model.name: model for table in tables for model in table.models}
    names = list(columns)
    datasets = _datasets(tables)

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(table, name) for table in tables])

    def cells(name: str, filler: object, dtype: Any = np.float64) -> NDArray[Any]:
        blocks = []
        for table in tables:
            block = np.full((len(table), len(names)), filler, dtype=dtype)
            if getattr(table, name) is not None:
                block[:, [names.index(model.name) for model in table.models]] = getattr(table, name)
            blocks.append(block)
        return np.concatenate(blocks)

    return OutcomeTable(
        dataset=column("dataset"),
        instance_id=column("instance_id"),
        question=column("question"),
        answer=column("answer"),
        category=column("category"),
        image=column("image"),
        models=tuple(models[name] for name in names),
        columns=tuple(columns[name] for name in names),
        utility=cells("utility", np.nan),
        cost=cells("cost", np.nan),
        status=cells("status", Status.MISSING, np.int8),
        input_tokens=cells("input_tokens", np.nan),
        image_tokens=cells("image_tokens", np.nan),
        output_tokens=cells("output_tokens", np.nan),
        response=cells("response", None, object) if any(table.response is not None for table in tables) else None,
        datasets=tuple(datasets.values()),
        source=source,
    )


def _datasets(tables: Sequence[OutcomeTable]) -> dict[str, DatasetSpec]:
    """The specs by name; a made-up dataset has images if it has some in any of the files."""
    datasets: dict[str, DatasetSpec] = {}
    for table in tables:
        for spec in table.datasets:
            other = datasets.setdefault(spec.name, spec)
            if spec.id_prefix != other.id_prefix:
                raise DataError(
                    f"the id prefix {spec.id_prefix!r} would become the dataset {spec.name!r}, as would "
                    f"{other.id_prefix!r} of another file",
                    where=table.source,
                    fix="rename one of the two",
                )
            if len(spec.modalities) > len(other.modalities):
                datasets[spec.name] = spec
    return datasets


def _demand_distinct_ids(tables: Sequence[OutcomeTable]) -> None:
    first: dict[tuple[str, str], str] = {}
    for table in tables:
        for row, key in enumerate(zip(table.dataset, table.instance_id, strict=True)):
            other = first.setdefault(key, table.source)
            if other != table.source:
                raise DataError(
                    f"id {key[1]!r} is also in {other}",
                    where=f"{table.source}, row {row + 1}",
                    fix="remove one of the rows",
                )
