"""`MMR_Bench.csv`, or one CSV per dataset, as an outcome table.

A row is an instance: `dataset_idx` (`<Prefix>_<id>`), `question`, `answer`, and per model `<M>_correct` and
`<M>_cost`, with optional `<M>_prediction`, `<M>_token`, `img_path`, and `category` or `subject`. Other columns are
left alone. Cells are read as the texts they are: an empty question is empty text, and an empty number is missing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mmr_core.errors import DataError, UsageError
from mmr_core.outcomes import OutcomeTable, Status, unknown_numbers
from mmr_plugins.importers.published.csv_columns import REQUIRED, ModelColumns, model_columns, stray_columns
from mmr_plugins.importers.published.csv_instances import Instances
from mmr_plugins.importers.published.csv_sheet import BLOCK, Block, CellNumbers, CsvSheet, header_of, read_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.contracts import ImportContext
    from mmr_core.specs import DatasetSpec

WHOLE = ("MMR_Bench.csv", "MMR-Bench.csv")
CATEGORIES = ("category", "subject")
PER_MILLION = 1e6
PART = 4 * BLOCK
"""Rows of a part that `read_parts` gives."""


class PublishedImporter:
    """Reads `MMR_Bench.csv`, a folder that has it, or a folder with one CSV per dataset.

    Images lie beside the CSV at `<folder>/<id>.<jpg|png|jpeg|webp>`, or where `img_path` says, relative to it. Costs
    stand as given; where a cost is empty, but the output tokens and the model's price for them are known, the cost
    is their product. One of utility and cost may be known without the other; such an outcome counts as missing.
    """

    embedded: ClassVar[bool] = False

    def sniff(self, path: Path) -> bool:
        """Whether a path has the published names, or is a CSV (or a folder of such) with a column of the format."""
        try:
            if path.is_dir():
                return any((path / name).is_file() for name in WHOLE) or any(map(_looks_right, _csv_files(path)))
            return path.is_file() and (path.name in WHOLE or (_is_csv(path) and _looks_right(path)))
        except OSError:
            return False

    def read(self, path: Path | None, context: ImportContext) -> OutcomeTable:
        """The outcome table in a file or folder, rows in the order of the file, models in the order of its columns.

        Files of single datasets are read in the order of their names; a model that is only in some of them is
        missing in the others. A file is read twice and never held as a whole: memory is that of the table.

        :raises DataError: naming file, column, row (1 is the first below the header), id and value of what is wrong.
        :raises UsageError: without a path.
        """
        if path is None:
            raise UsageError("the published format is read from a file or folder", fix="give its path")
        return _read_whole(_tables_at(path, context.warn), path, context)

    def read_parts(self, path: Path, context: ImportContext) -> Iterator[OutcomeTable]:
        """The table that `read` gives, in parts of consecutive rows, so that it need not fit into memory.

        A folder with a CSV per dataset comes as one part.

        :raises DataError: as `read`, though parts may have been given before.
        """
        files = _tables_at(path, context.warn)
        if len(files) > 1:
            yield _read_whole(files, path, context)
            return
        notices = _Notices()
        for table in _tabulate(read_sheet(files[0]), context, notices, PART):
            yield replace(table, source=str(path))
        notices.report(context.warn)


def _read_whole(files: Sequence[Path], path: Path, context: ImportContext) -> OutcomeTable:
    notices = _Notices()
    sheets = [read_sheet(file) for file in files]
    tables = [table for sheet in sheets for table in _tabulate(sheet, context, notices, len(sheet))]
    notices.report(context.warn)
    return replace(tables[0], source=str(path)) if len(tables) == 1 else _joined(tables, str(path))


def _tables_at(path: Path, warn: Callable[[str], None]) -> list[Path]:
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    if not path.is_dir():
        return [path]
    whole = [path / name for name in WHOLE if (path / name).is_file()]
    if len(whole) > 1:
        raise DataError(
            f"has both {whole[0].name} and {whole[1].name}", where=str(path), fix="give the path of the one you mean"
        )
    if whole:
        return whole
    files = _csv_files(path)
    tables = [file for file in files if _looks_right(file)]
    if not tables:
        raise DataError(
            f"has neither {WHOLE[0]} nor a CSV of a dataset with 'dataset_idx' and '<model>_correct'", where=str(path)
        )
    others = [file.name for file in files if file not in tables]
    if others:
        warn(f"{path}: left out, because they are not outcome tables: {', '.join(others)}")
    return tables


def _csv_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and _is_csv(file))


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _looks_right(path: Path) -> bool:
    header = header_of(path)
    return "dataset_idx" in header or any(name.endswith("_correct") for name in header)


@dataclass
class _Notices:
    """Remarks on one import, over all its files, so that each thing is said once, in one line.

    :param models: names of models that no plugin knows.
    :param made_up: names given to datasets that no plugin knows, by their prefix.
    :param respelt: registered datasets met under another prefix than theirs, by that prefix.
    :param strays: columns that are named like a model's, but belong to none.
    :param computed: how many costs of each model were computed from tokens.
    """

    models: dict[str, None] = field(default_factory=dict)
    made_up: dict[str, str] = field(default_factory=dict)
    respelt: dict[str, str] = field(default_factory=dict)
    strays: dict[str, None] = field(default_factory=dict)
    computed: Counter[str] = field(default_factory=Counter)

    def report(self, warn: Callable[[str], None]) -> None:
        if self.models:
            warn(f"no plugin knows these models, so only their names are known: {', '.join(self.models)}")
        if self.made_up:
            named = ", ".join(f"{prefix!r} as {name!r}" for prefix, name in self.made_up.items())
            warn(f"no plugin knows these datasets; taken with scenario 'other': {named}")
        if self.respelt:
            named = ", ".join(f"{prefix!r} as {name!r}" for prefix, name in self.respelt.items())
            warn(f"id prefixes taken for registered datasets: {named}")
        if self.strays:
            warn(f"left out, without '_correct' and '_cost' beside them: {', '.join(self.strays)}")
        if self.computed:
            each = ", ".join(f"{model} {count}" for model, count in self.computed.items())
            warn(f"empty costs computed as output tokens times price: {each}")


def _tabulate(sheet: CsvSheet, context: ImportContext, notices: _Notices, size: int) -> Iterator[OutcomeTable]:
    """The outcome table of one file, in parts of `size` rows, a multiple of `BLOCK` or all.

    A part is given as soon as it is read, so what is wrong further down is found when parts have been given already.

    :raises DataError: naming file, column, row, id and value of the first thing that is wrong.
    """
    models = model_columns(sheet.header, context.models, str(sheet.path))
    notices.models.update({model.prefix: None for model in models if not model.known})
    notices.strays.update(dict.fromkeys(stray_columns(sheet.header)))
    instances, numbers = Instances(sheet, context.datasets), CellNumbers(sheet)
    blocks = sheet.blocks()
    for start in range(0, len(sheet), size):
        part = _Part(sheet, models, start, min(size, len(sheet) - start))
        for block in islice(blocks, -(-part.length // BLOCK)):
            part.fill(block, instances, numbers)
            context.progress(f"reading {sheet.path.name}", block.start + len(block), len(sheet))
        # After a faulty cell the rest is read only to count the others.
        if not numbers.faulty:
            yield part.table(instances, notices)
    next(blocks, None)
    numbers.demand_no_faults()
    notices.made_up.update(instances.made_up)
    notices.respelt.update(instances.respelt)


class _Part:
    """The arrays of some consecutive rows of a sheet, filled block by block."""

    def __init__(self, sheet: CsvSheet, models: Sequence[ModelColumns], start: int, length: int) -> None:
        shape = length, len(models)
        self.length = length
        self._sheet = sheet
        self._models = models
        self._start = start
        self._category = next((name for name in CATEGORIES if name in sheet.header), None)
        self._texts = {name: np.full(length, "", dtype=object) for name in (*REQUIRED, "category")}
        self._images = np.full(length, None, dtype=object)
        self._codes = np.zeros(length, dtype=np.int32)
        self._utility, self._cost = np.empty(shape), np.empty(shape)
        has_tokens, has_responses = (any(getattr(m, name) for m in models) for name in ("token", "prediction"))
        self._tokens = np.full(shape, np.nan) if has_tokens else unknown_numbers(shape)
        self._responses = np.full(shape, None, dtype=object) if has_responses else None

    def fill(self, block: Block, instances: Instances, numbers: CellNumbers) -> None:
        start = block.start - self._start
        rows = slice(start, start + len(block))
        self._codes[rows], self._images[rows] = instances.of(block)
        for name in REQUIRED:
            self._texts[name][rows] = block.columns[name]
        if self._category is not None:
            # Categories repeat: one text serves all their rows.
            self._texts["category"][rows] = list(map(sys.intern, block.columns[self._category]))
        for j, model in enumerate(self._models):
            self._utility[rows, j] = numbers.correctness(block, model.correct)
            self._cost[rows, j] = numbers.costs(block, model.cost)
            if model.token is not None:
                self._tokens[rows, j] = numbers.tokens(block, model.token)
            if model.prediction is not None and self._responses is not None:
                self._responses[rows, j] = block.columns[model.prediction]

    def table(self, instances: Instances, notices: _Notices) -> OutcomeTable:
        """The rows as a table; empty costs are computed where they can be."""
        _fill_costs(self._cost, self._tokens, self._models, notices)
        specs = instances.specs()
        here = [specs[code] for code in dict.fromkeys(self._codes.tolist())]
        unknown = np.isnan(self._utility) | np.isnan(self._cost)
        return OutcomeTable(
            dataset=np.array([spec.name for spec in specs], dtype=object)[self._codes],
            instance_id=self._texts["dataset_idx"],
            question=self._texts["question"],
            answer=self._texts["answer"],
            category=self._texts["category"],
            image=self._images,
            models=tuple(model.spec for model in self._models),
            columns=tuple(model.prefix for model in self._models),
            utility=self._utility,
            cost=self._cost,
            status=np.where(unknown, np.int8(Status.MISSING), np.int8(Status.OK)),
            input_tokens=unknown_numbers(unknown.shape),
            image_tokens=unknown_numbers(unknown.shape),
            output_tokens=self._tokens,
            response=self._responses,
            datasets=tuple({spec.name: spec for spec in here}.values()),
            source=str(self._sheet.path),
        )


def _fill_costs(
    cost: NDArray[np.float64], tokens: NDArray[np.float64], models: Sequence[ModelColumns], notices: _Notices
) -> None:
    """Computes empty costs, in place, where output tokens and their price are known."""
    for j, model in enumerate(models):
        price = model.spec.price.output
        rows = np.isnan(cost[:, j]) & ~np.isnan(tokens[:, j])
        if price is not None and rows.any():
            cost[rows, j] = tokens[rows, j] * price / PER_MILLION
            notices.computed[model.spec.name] += int(rows.sum())


def _joined(tables: Sequence[OutcomeTable], source: str) -> OutcomeTable:
    """One table of all, rows one below the other; where a model is not in a file, its outcomes there are missing.

    :raises DataError: if an id is in two of them, or two unknown datasets would get one name.
    """
    _demand_distinct_ids(tables)
    columns: dict[str, str] = {}
    for table in tables:
        for model, prefix in zip(table.models, table.columns, strict=True):
            columns.setdefault(model.name, prefix)
    models = {model.name: model for table in tables for model in table.models}
    names = list(columns)
    datasets = _united_datasets(tables)

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(table, name) for table in tables])

    def cells(name: str, filler: object, dtype: Any = np.float64) -> NDArray[Any]:
        whole = np.full((sum(map(len, tables)), len(names)), filler, dtype=dtype)
        start = 0
        for table in tables:
            if getattr(table, name) is not None:
                places = [names.index(model.name) for model in table.models]
                whole[start : start + len(table), places] = getattr(table, name)
            start += len(table)
        return whole

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


def _united_datasets(tables: Sequence[OutcomeTable]) -> dict[str, DatasetSpec]:
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
