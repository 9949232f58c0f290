"""The second pass over a log: the records that were chosen fill the arrays of an outcome table.

Memory is what the table itself takes, plus some 40 bytes per cell for the origins, kept as whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs.cell_origins import Traces
from mmr_core.logs.log_names import with_images
from mmr_core.logs.log_records import AMOUNTS, STATUS_OF
from mmr_core.logs.survey import EMPTY, OK, UNSCORED, WORDS, Cells, each_batch
from mmr_core.outcomes import OutcomeTable, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmr_core.contracts import Progress
    from mmr_core.logs.log_names import LogNames
    from mmr_core.logs.log_selection import ChosenGroups
    from mmr_core.logs.log_source import LogReader, LogSource
    from mmr_core.logs.survey import Survey
    from mmr_core.store.outcome_files import OriginsOf

_STATUS = np.array([STATUS_OF[word] for word in WORDS], dtype=np.int8)
_TEXTS = ("question", "answer", "category")
_NUMBERS = ("utility", *AMOUNTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Assembled:
    """A table, where its outcomes came from, and notices for the user."""

    table: OutcomeTable
    origins: OriginsOf
    notices: tuple[str, ...]


def assemble(
    importer: LogReader,
    source: LogSource,
    survey: Survey,
    names: LogNames,
    chosen: ChosenGroups,
    progress: Progress,
) -> Assembled:
    """Reads the log again, and puts what was chosen into a table.

    An impossible number (a utility outside [0, 1], a negative cost) is a fault of its row, and becomes unknown.

    :raises DataError: if the log has changed since it was surveyed, or nothing that was chosen can be used.
    """
    quiet = replace(source, on_fault=lambda fault: None)
    filling = _Filling(survey, names, chosen, replace(source, on_fault=survey.faults.add))
    total, done = sum(found.records for found in survey.found), 0
    known = len(survey.codes), {dataset: len(own) for dataset, own in survey.places.items()}
    for file in importer.files(quiet):
        for cells in each_batch(importer, quiet, file, survey.codes, survey.places):
            if known != (len(survey.codes), {dataset: len(own) for dataset, own in survey.places.items()}):
                raise DataError("changed while it was read", where=str(file), fix="import it again")
            filling.add(cells)
            done += len(cells.records)
            progress("reading records", min(done, total), total)
    progress("reading records", total, total)
    return filling.finish()


class _Filling:
    """The arrays of the table while they are filled: [N] for instances, [N, K] for outcomes."""

    def __init__(self, survey: Survey, names: LogNames, chosen: ChosenGroups, source: LogSource) -> None:
        self._names, self._source = names, source
        datasets = list(dict.fromkeys(pair[0] for pair in chosen.groups))
        models = list(dict.fromkeys(pair[1] for pair in chosen.groups))
        self._models = models
        self._rows, self._dataset, self._ids = _rows_of(survey, names, chosen, datasets)
        self._n = len(self._ids)
        shape = (self._n, len(models))
        self._texts: dict[str, Any] = {name: np.full(self._n, "", dtype=object) for name in _TEXTS}
        self._differing: dict[str, set[int]] = {name: set() for name in _TEXTS}
        self._image = np.full(self._n, None, dtype=object)
        self._numbers: dict[str, Any] = {
            name: np.full(shape, np.nan) for name in _NUMBERS if name != "reasoning_tokens"
        }
        self._response = np.full(shape, None, dtype=object) if source.responses else None
        self._averages = _Averages(shape) if chosen.averaged else None
        self._traces = Traces(shape, list(survey.codes))
        # Per code of a group: whether it was chosen, its column, and what to do with several records of a cell.
        count = len(survey.codes)
        self._wanted = np.zeros(count, dtype=bool)
        self._column = np.zeros(count, dtype=np.int64)
        self._keeps_last = np.zeros(count, dtype=bool)
        self._averaged = np.zeros(count, dtype=bool)
        columns = {name: j for j, name in enumerate(models)}
        for pair, groups in chosen.groups.items():
            codes = [survey.codes[found.group] for found in groups]
            self._wanted[codes] = True
            self._column[codes] = columns[pair[1]]
            self._keeps_last[codes] = pair in chosen.last
            self._averaged[codes] = pair in chosen.averaged

    def add(self, cells: Cells) -> None:
        """Takes the chosen records of a batch."""
        taken = np.flatnonzero(self._wanted[cells.group])
        if not len(taken):
            return
        group, rows = cells.group[taken], self._rows_in(cells, taken)
        values = {name: _possible(cells, name, taken, self._source) for name in _NUMBERS}
        self._describe(cells, taken, rows)
        columns = self._column[group]
        averaged = self._averaged[group]
        if self._averages is not None and averaged.any():
            self._averages.add(rows[averaged], columns[averaged], {n: v[averaged] for n, v in values.items()})
        # Of equal positions the last one assigned stays: so the first of a batch comes last, unless the last counts.
        last = self._keeps_last[group]
        fresh = last | ~self._traces.filled(rows, columns)
        order = np.flatnonzero(fresh)
        order = np.concatenate([order[~last[order]][::-1], order[last[order]]])
        rows, columns, taken = rows[order], columns[order], taken[order]
        for name, array in self._numbers.items():
            array[rows, columns] = values[name][order]
        if self._response is not None:
            responses = cells.records.values("response")
            self._response[rows, columns] = [None if responses[i] is None else str(responses[i]) for i in taken]
        words = cells.word[taken]
        words = np.where((words <= EMPTY) & np.isnan(values["utility"][order]), UNSCORED, words).astype(np.int8)
        self._traces.add(
            cells,
            taken,
            rows,
            columns,
            words,
            values["reasoning_tokens"][order],
            averaged[order],
            self._source.name_of(cells.records.file),
        )

    def finish(self) -> Assembled:
        """The table of everything that was added.

        :raises DataError: if no outcome is among it.
        """
        if not (self._traces.words >= 0).any():
            raise DataError("none of the chosen records can be used", where=str(self._source.path))
        if self._averages is not None:
            self._averages.put_into(self._numbers, self._traces)
        utility, cost, words = self._numbers["utility"], self._numbers["cost"], self._traces.words
        status = np.where(words >= 0, _STATUS[words], np.int8(Status.MISSING)).astype(np.int8)
        status[(status == Status.OK) & (np.isnan(utility) | np.isnan(cost))] = Status.MISSING
        cached = self._numbers.pop("cached_tokens")
        datasets = tuple(
            with_images(spec) if name in self._names.ad_hoc and self._has_images(spec.name) else spec
            for name, spec in self._names.datasets.items()
            if (self._dataset == spec.name).any()
        )
        table = OutcomeTable(
            dataset=self._dataset,
            instance_id=self._ids,
            **self._texts,
            image=self._image,
            models=tuple(self._names.models[name] for name in self._models),
            columns=tuple(self._models),
            **self._numbers,
            status=status,
            response=self._response,
            datasets=datasets,
            source=str(self._source.path),
            cached_tokens=None if np.isnan(cached).all() else cached,
        )
        return Assembled(table=table, origins=self._traces.origins_of(table), notices=tuple(self._notices(table)))

    def _rows_in(self, cells: Cells, taken: NDArray[np.intp]) -> NDArray[np.int64]:
        places = cells.place[taken]
        if cells.records.constant("dataset"):
            return self._rows[cells.records.column("dataset")][places]
        datasets = cells.records.values("dataset")
        return np.fromiter(
            (self._rows[datasets[i]][place] for i, place in zip(taken, places, strict=True)), np.int64, len(taken)
        )

    def _describe(self, cells: Cells, taken: NDArray[np.intp], rows: NDArray[np.int64]) -> None:
        """Keeps the first text that a record states for each instance, and notes records that state another."""
        for name in _TEXTS:
            if not cells.records.constant(name) or cells.records.column(name):
                values, kept, differing = cells.records.values(name), self._texts[name], self._differing[name]
                for i, row in zip(taken, rows, strict=True):
                    value = values[i]
                    if value and kept[row] != value:
                        if kept[row]:
                            differing.add(int(row))
                        else:
                            kept[row] = str(value)
        if not cells.records.constant("image") or cells.records.column("image"):
            images = cells.records.values("image")
            for i, row in zip(taken, rows, strict=True):
                if images[i] and self._image[row] is None:
                    self._image[row] = Path(images[i])

    def _has_images(self, dataset: str) -> bool:
        return any(image is not None for image in self._image[self._dataset == dataset])

    def _notices(self, table: OutcomeTable) -> list[str]:
        notices = [
            f"{len(rows)} instances have a different {name} in another record; the first is kept: "
            f"{', '.join(repr(self._ids[row]) for row in sorted(rows)[:3])}"
            for name, rows in self._differing.items()
            if rows
        ]
        blind = [s.name for s in table.datasets if "image" in s.modalities and not self._has_images(s.name)]
        if blind:
            notices.append(f"the log does not say where the images are, so routers see text alone: {', '.join(blind)}")
        return notices


class _Averages:
    """Sums of the known numbers of several repeats of each cell."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._sums = {name: np.zeros(shape) for name in _NUMBERS}
        self._counts = {name: np.zeros(shape, dtype=np.int32) for name in _NUMBERS}

    def add(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], values: Mapping[str, NDArray[np.float64]]
    ) -> None:
        for name, given in values.items():
            known = ~np.isnan(given)
            np.add.at(self._sums[name], (rows[known], columns[known]), given[known])
            np.add.at(self._counts[name], (rows[known], columns[known]), 1)

    def put_into(self, numbers: Mapping[str, NDArray[np.float64]], traces: Traces) -> None:
        """Replaces the numbers of averaged cells by their means; such a cell is ok if any repeat was scored."""
        averaged = traces.averaged
        for name, array in (*numbers.items(), ("reasoning_tokens", traces.reasoning)):
            known = averaged & (self._counts[name] > 0)
            array[known] = self._sums[name][known] / self._counts[name][known]
        traces.words[averaged & (self._counts["utility"] > 0)] = OK


def _rows_of(
    survey: Survey, names: LogNames, chosen: ChosenGroups, datasets: list[str]
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.object_], NDArray[np.object_]]:
    """Per dataset of the kit the row of each place (-1 if nothing chosen is about it), and [N] datasets and ids."""
    rows: dict[str, NDArray[np.int64]] = {}
    owners: list[str] = []
    ids: list[str] = []
    for dataset in datasets:
        own = survey.places[dataset]
        used = np.zeros(len(own), dtype=bool)
        for (name, _), groups in chosen.groups.items():
            if name == dataset:
                for found in groups:
                    used |= found.seen
        rows[dataset] = np.where(used, np.cumsum(used) - 1 + len(ids), -1)
        spec = names.datasets[dataset]
        ids.extend(f"{spec.id_prefix}_{instance}" for instance, kept in zip(own, used, strict=True) if kept)
        owners.extend([spec.name] * (len(ids) - len(owners)))
    return rows, np.array(owners, dtype=object), np.array(ids, dtype=object)


def _possible(cells: Cells, name: str, taken: NDArray[np.intp], source: LogSource) -> NDArray[np.float64]:
    """The numbers of some records, unknown where impossible; the row of each such number is a fault."""
    numbers = (cells.utility if name == "utility" else cells.amounts[name])[taken]
    wrong = (numbers < 0) | ((numbers > 1) if name == "utility" else np.isinf(numbers))
    if not wrong.any():
        return numbers
    for i in np.flatnonzero(wrong):
        fault = "outside [0, 1]" if name == "utility" else "negative or infinite"
        source.fault(cells.records.file, f"{name} {numbers[i]} is {fault}, so unknown", row=int(cells.row[taken[i]]))
    return np.where(wrong, np.nan, numbers)
