"""One sheet as an outcome table: ids to datasets, columns to models, cells to numbers, ids to images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import MODALITIES, DatasetSpec
from mmr_plugins.importers.published.cells import Cells
from mmr_plugins.importers.published.header import ModelColumns, model_columns
from mmr_plugins.importers.published.naming import Named, Prefixes, safe_name
from mmr_plugins.importers.published.pictures import Pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import ImportContext
    from mmr_plugins.importers.published.notices import Notices
    from mmr_plugins.importers.published.sheet import Sheet

CATEGORIES = ("category", "subject")
PER_MILLION = 1e6


def tabulate(sheet: Sheet, context: ImportContext, notices: Notices) -> OutcomeTable:
    """The outcome table of a sheet.

    :raises DataError: naming file, column, row, id and value of the first thing that is wrong.
    """
    columns = model_columns(sheet, context.models, notices)
    named = _named(sheet, context.datasets)
    cells = Cells(sheet)
    utility, cost, tokens = (np.full((len(sheet), len(columns)), np.nan) for _ in range(3))
    for j, column in enumerate(columns):
        utility[:, j] = cells.correctness(column.correct)
        cost[:, j] = cells.costs(column.cost)
        if column.token is not None:
            tokens[:, j] = cells.tokens(column.token)
        context.progress(f"reading {sheet.path.name}", j + 1, len(columns))
    cells.demand_no_faults()
    _fill_costs(cost, tokens, columns, notices)
    images = _images(sheet, named)
    specs = _specs(sheet, named, images, context.datasets, notices)
    unknown = np.full_like(cost, np.nan)
    category = next((sheet.columns[name] for name in CATEGORIES if name in sheet.columns), ("",) * len(sheet))
    return OutcomeTable(
        dataset=object_array(specs[name.prefix].name for name in named),
        instance_id=object_array(sheet.columns["dataset_idx"]),
        question=object_array(sheet.columns["question"]),
        answer=object_array(sheet.columns["answer"]),
        category=object_array(category),
        image=object_array(images),
        models=tuple(column.spec for column in columns),
        columns=tuple(column.prefix for column in columns),
        utility=utility,
        cost=cost,
        status=np.where(np.isnan(utility) | np.isnan(cost), Status.MISSING, Status.OK).astype(np.int8),
        input_tokens=unknown,
        image_tokens=unknown.copy(),
        output_tokens=tokens,
        response=_responses(sheet, columns),
        datasets=tuple({spec.name: spec for spec in specs.values()}.values()),
        source=str(sheet.path),
    )


def _named(sheet: Sheet, datasets: Sequence[DatasetSpec]) -> list[Named]:
    """Every id taken apart, none empty and none twice."""
    prefixes = Prefixes(datasets)
    first: dict[str, int] = {}
    named = []
    for row, idx in enumerate(sheet.columns["dataset_idx"]):
        if not idx.strip():
            raise DataError("the id is empty", where=sheet.place(row, "dataset_idx"), fix="write <dataset>_<id>")
        other = first.setdefault(idx, row)
        if other != row:
            raise DataError(
                f"id {idx!r} occurs twice, first in row {other + 1}",
                where=sheet.place(row, "dataset_idx"),
                fix="remove one of the rows",
            )
        named.append(prefixes.part(idx, sheet.place(row, "dataset_idx")))
    return named


def _fill_costs(
    cost: NDArray[np.float64], tokens: NDArray[np.float64], columns: Sequence[ModelColumns], notices: Notices
) -> None:
    """Computes empty costs, in place, where output tokens and their price are known."""
    for j, column in enumerate(columns):
        price = column.spec.price.output
        rows = np.isnan(cost[:, j]) & ~np.isnan(tokens[:, j])
        if price is not None and rows.any():
            cost[rows, j] = tokens[rows, j] * price / PER_MILLION
            notices.computed[column.spec.name] += int(rows.sum())


def _images(sheet: Sheet, named: Sequence[Named]) -> list[Path | None]:
    """The image of each instance: where `img_path` says, else in the dataset's folder.

    An instance of a registered dataset that has images gets the path where its image should be, even if it is not.
    """
    pictures = Pictures(sheet.path.parent)
    cells = sheet.columns.get("img_path")
    images: list[Path | None] = []
    for row, name in enumerate(named):
        folders = [name.prefix] if name.spec is None else [name.spec.folder, name.prefix]
        found = next(filter(None, (pictures.there(folder, name.rest) for folder in folders)), None)
        if cells is not None:
            cell = cells[row].strip()
            given = pictures.named(cell) if cell else None
            images.append(given if given is None or pictures.exists(given) else found or given)
        elif name.spec is None:
            images.append(found)
        elif "image" in name.spec.modalities:
            images.append(found or pictures.expected(name.spec.folder, name.rest))
        else:
            images.append(None)
    return images


def _specs(
    sheet: Sheet,
    named: Sequence[Named],
    images: Sequence[Path | None],
    datasets: Sequence[DatasetSpec],
    notices: Notices,
) -> dict[str, DatasetSpec]:
    """The dataset of each prefix in the sheet, made up where no plugin knows it."""
    taken = {spec.name for spec in datasets}
    with_images = {name.prefix for name, image in zip(named, images, strict=True) if image is not None}
    specs: dict[str, DatasetSpec] = {}
    made: dict[str, str] = {}
    for row, name in enumerate(named):
        if name.prefix in specs:
            continue
        if name.spec is not None:
            specs[name.prefix] = name.spec
            if name.prefix != name.spec.id_prefix:
                notices.respelt[name.prefix] = name.spec.name
            continue
        where = sheet.place(row, "dataset_idx")
        safe = safe_name(name.prefix, where)
        if safe in taken or safe in made:
            raise DataError(
                f"the id prefix {name.prefix!r} would become the dataset {safe!r}, which is another one",
                where=where,
                fix="rename one of the two",
            )
        made[safe] = notices.datasets[name.prefix] = safe
        specs[name.prefix] = DatasetSpec(
            name=safe,
            title=name.prefix,
            scenario="other",
            modalities=MODALITIES if name.prefix in with_images else ("text",),
            id_prefix=name.prefix,
        )
    return specs


def _responses(sheet: Sheet, columns: Sequence[ModelColumns]) -> NDArray[np.object_] | None:
    if all(column.prediction is None for column in columns):
        return None
    responses = np.full((len(sheet), len(columns)), None, dtype=object)
    for j, column in enumerate(columns):
        if column.prediction is not None:
            responses[:, j] = sheet.columns[column.prediction]
    return responses
